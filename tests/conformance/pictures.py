"""The one picture that every edit of the suite is of: square, and of a size that every provider takes."""

import io
from collections.abc import Mapping
from typing import Any

import pybase64
from blake3 import blake3
from PIL import Image, ImageDraw

from normalizers.offer import Offer
from normalizers.source import Source, pictures_in, with_pictures
from providers.base import Adapter, Part, Uploads

SIDE = 512


def drawn() -> bytes:
    """A disc on a ground that is half transparent, so that it is a mask too."""
    picture = Image.new("RGBA", (SIDE, SIDE), (40, 90, 160, 255))
    ImageDraw.Draw(picture).ellipse((128, 128, 384, 384), fill=(240, 200, 80, 0))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


CONTENT = drawn()
SOURCE = Source(blake3(CONTENT).hexdigest(), "png", SIDE, SIDE, len(CONTENT), alpha=True)
OPAQUE = on_white(CONTENT, Bounds())


async def with_wire_forms(payload: Mapping[str, Any], offer: Offer, adapter: Adapter) -> dict[str, Any]:
    """Each picture in the first form that the offer's table names and that needs no address of ours."""
    pictures = set(pictures_in(payload))
    if not pictures:
        return dict(payload)
    return with_pictures(dict(payload), dict.fromkeys(pictures, await wire_form(offer, adapter)))


async def wire_form(offer: Offer, adapter: Adapter) -> str | Part:
    encoded = pybase64.b64encode(CONTENT).decode()
    for way in offer.sources.ways:
        match way:
            case "data_uri":
                return f"data:image/png;base64,{encoded}"
            case "base64":
                return encoded
            case "part":
                return Part(CONTENT, "image/png", "picture.png")
            case "upload" if isinstance(adapter, Uploads):
                return await adapter.upload(CONTENT, "image/png")
            case _:
                continue
    raise AssertionError(f"{offer.id} names no way that needs no address of ours: {offer.sources.ways}")
