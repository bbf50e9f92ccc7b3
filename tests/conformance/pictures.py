"""The one picture that every edit of the suite is of: square, and of a size that every stand-in takes."""

import io
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pybase64
from blake3 import blake3
from PIL import Image, ImageDraw

from gateway.flow.picture_codec import Bounds, on_white
from gateway.flow.picture_mask import repaint
from normalizers.offer import Offer
from normalizers.source import Prepare, Source, pictures_in, with_pictures
from providers.abilities import Uploads
from providers.base import Adapter, Part

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
SMALL = replace(SOURCE, width=SIDE // 4, height=SIDE // 4)
"""For plans of the tiny model, which are made and never sent."""


@cache
def prepared(work: Prepare) -> bytes:
    """What the gateway makes of the picture before it is sent."""
    if work in ("", "png"):
        return CONTENT
    return on_white(CONTENT, Bounds()) if work == "opaque" else repaint(CONTENT, work, Bounds())


async def with_wire_forms(payload: Mapping[str, Any], offer: Offer, adapter: Adapter) -> dict[str, Any]:
    """Each picture in the first form that the offer's table names and that needs no address of ours."""
    forms = {source: await wire_form(prepared(source.prepare), offer, adapter) for source in set(pictures_in(payload))}
    return with_pictures(dict(payload), forms)


async def wire_form(content: bytes, offer: Offer, adapter: Adapter) -> str | Part:
    encoded = pybase64.b64encode(content).decode()
    for way in offer.sources.ways:
        match way:
            case "data_uri":
                return f"data:image/png;base64,{encoded}"
            case "base64":
                return encoded
            case "part":
                return Part(content, "image/png", "picture.png")
            case "upload" if isinstance(adapter, Uploads):
                return await adapter.upload(content, "image/png")
            case _:
                continue
    raise AssertionError(f"{offer.id} names no way that needs no address of ours: {offer.sources.ways}")
