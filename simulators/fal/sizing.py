"""What size an answer of fal has: asked as a preset, as pixels or as a ratio, or taken from an input picture.

Source: fal's API pages and per-model OpenAPI, read 2026-11-21; the presets' pixels: its image toolkit. What a ratio
draws in pixels is not published: a megapixel of that shape stands in for it, in steps of 16.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulators.fal.fields import PRESETS

Size = tuple[int, int]
Sizing = Callable[[Mapping[str, Any], Sequence[Size]], Size]

MEGAPIXEL = 1024 * 1024  # an assumption: what was read of fal says neither how large it is nor how it rounds
LEAST_OF_SEEDREAM = 921_600  # pixels; what is smaller is scaled up
SEEDREAM_SIDES = {"auto": 2048, "auto_2K": 2048, "auto_4K": 4096}


def by_default(given: Mapping[str, Any], inputs: Sequence[Size]) -> Size:
    """The field has a default of its own, whatever came along."""
    del inputs
    return asked(given.get("image_size")) or PRESETS["square_hd"]


def like_first(given: Mapping[str, Any], inputs: Sequence[Size]) -> Size:
    return asked(given.get("image_size")) or inputs[0]


def like_last(given: Mapping[str, Any], inputs: Sequence[Size]) -> Size:
    return asked(given.get("image_size")) or inputs[-1]


def by_ratio(field: str) -> Sizing:
    """`16:9`; `auto`, `match_input` and null are the shape of the input."""

    def size(given: Mapping[str, Any], inputs: Sequence[Size]) -> Size:
        word = given.get(field)
        return shaped(str(word)) if word and ":" in str(word) else inputs[0] if inputs else PRESETS["square_hd"]

    return size


def seedream(given: Mapping[str, Any], inputs: Sequence[Size]) -> Size:
    word = given["image_size"]
    if isinstance(word, str) and word.startswith("auto"):
        width, height = inputs[0] if inputs else (1, 1)
        return scaled(width, height, SEEDREAM_SIDES[word] ** 2)
    width, height = asked(word) or (2048, 2048)
    return scaled(width, height, max(width * height, LEAST_OF_SEEDREAM))


def times_scale(given: Mapping[str, Any], inputs: Sequence[Size]) -> Size:
    """An upscaler's."""
    width, height = inputs[0]
    return round(width * given["scale"]), round(height * given["scale"])


def asked(size: object) -> Size | None:
    """Of `image_size`: a preset, or free pixels; None for null and `auto`."""
    match size:
        case str():
            return PRESETS.get(size)
        case {"width": int(width), "height": int(height)}:
            return width, height
        case _:
            return None


def shaped(ratio: str) -> Size:
    width, _colon, height = ratio.partition(":")
    return scaled(float(width), float(height), MEGAPIXEL, step=16)


def scaled(width: float, height: float, area: int, *, step: int = 1) -> Size:
    """That shape with so many pixels."""
    factor = math.sqrt(area / (width * height)) / step
    return round(width * factor) * step, round(height * factor) * step
