"""What reading callers' pictures needs: a guard whose names a test decides, finishing processes, a store of its own."""

import io
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image

from gateway.errors import GatewayError
from gateway.flow.deps import Deps
from gateway.flow.finish import Finisher
from gateway.flow.room import Room
from gateway.flow.source_forms import PictureBytes
from gateway.flow.sources import SentSources
from gateway.store.pictures import Pictures
from gateway.telemetry import Telemetry
from normalizers.asked import Known
from normalizers.catalog import Catalog
from providers.guard import Guard

NATIVE = {"image_urls": "image", "seedImage": "image", "mask_url": "mask", "maskImage": "mask"}
SIGNING_KEY = b"k" * 32


class Reader:
    """Takes fields as the routes do, with what of `Deps` that needs."""

    def __init__(self, guard: Guard, finisher: Finisher, data_dir: Path) -> None:
        self.guard = guard
        self.finisher = finisher
        self.pictures = Pictures.open("file", data_dir)
        needed = SimpleNamespace(
            catalog=Catalog({}, Known(slugs=frozenset({"fal", "runware"}))),
            foreign=guard,
            finisher=finisher,
            pictures=self.pictures,
            signing_keys=(SIGNING_KEY,),
            telemetry=Telemetry(),
        )
        self.at = cast("Deps", cast(Any, needed))

    async def take(self, fields: Mapping[str, Any], *, seconds: float = 60) -> tuple[dict[str, Any], dict[str, bytes]]:
        with Room(10**9).open() as held:
            sent = SentSources(fields, NATIVE, self.at.catalog.known.slugs)
            return await sent.take(time.monotonic() + seconds, self.at, held)

    async def refusal(self, fields: Mapping[str, Any], *, seconds: float = 60) -> GatewayError:
        """The error with which these are refused: always the caller's to mend."""
        with pytest.raises(GatewayError) as caught:
            await self.take(fields, seconds=seconds)
        assert caught.value.status == 400
        assert caught.value.param is not None
        assert caught.value.message.startswith(caught.value.param)
        return caught.value


def saved(picture: Image.Image, format: str = "png", **options: Any) -> bytes:
    output = io.BytesIO()
    picture.save(output, format.upper(), **options)
    return output.getvalue()


def png(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    return saved(Image.new("RGB", size, colour))


def file(content: bytes) -> PictureBytes:
    return PictureBytes(content)


def turned(picture: Image.Image, format: str, orientation: int = 6) -> bytes:
    """As a camera writes it that was held upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(picture, format, exif=exif)
