"""What the tests ask engines for, and how they have it drawn."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

from PIL import Image, ImageChops

from workers.diffusion.engine import Diffusers
from workers.diffusion.picture import Picture
from workers.engine import Control, Drawing, Source

CIRCLE = Drawing("tiny", "a red circle", 64, 64, seed=1, steps=4)
SQUARES = Drawing("tiny", "two green squares, one above the other, on a wide blue field", 64, 64, seed=2, steps=6)


def noise(seed: int, side: int = 64) -> Image.Image:
    return Image.frombytes("RGB", (side, side), Random(seed).randbytes(3 * side * side))  # noqa: S311 - the same every time


def left_half() -> Image.Image:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    return mask


def source(*images: Image.Image, mask: Image.Image | None = None, strength: float | None = None) -> Source:
    return Source(images, mask, strength, sha256(b"".join(image.tobytes() for image in images)).digest())


def control(weight: float = 1.0, start: float = 0.0, end: float = 1.0, seed: int = 5) -> Control:
    return Control("edges", noise(seed), weight, start, end, b"")


def changed(drawing: Drawing, **changes: Any) -> Drawing:
    return replace(drawing, **changes)


def draw(engine: Diffusers, drawing: Drawing) -> Image.Image:
    return draw_together(engine, [drawing])[0]


def draw_together(engine: Diffusers, drawings: Sequence[Drawing], apart: int = 0) -> list[Image.Image]:
    """Each begins so many forwards after the one before; those under way take every forward together."""
    waiting = list(drawings)
    begun: list[Picture] = []
    forwards = 0
    while waiting or not all(picture.denoised for picture in begun):
        if waiting and forwards >= apart * len(begun):
            begun.append(engine.begin(waiting.pop(0)))
            assert begun[-1].bucket == begun[0].bucket
        if under_way := [picture for picture in begun if not picture.denoised]:
            engine.step(under_way)
        forwards += 1
        for picture in begun:
            if picture.failure is not None:
                raise picture.failure
    finished = engine.finish(begun)
    for picture in begun:
        engine.drop(picture)
    return finished


def difference(one: Image.Image, other: Image.Image) -> int:
    """The largest of any channel of any pixel."""
    assert one.size == other.size and one.mode == other.mode == "RGB"
    return max(high for _low, high in ImageChops.difference(one, other).getextrema())  # pyright: ignore[reportGeneralTypeIssues]  # a pair for each channel of RGB
