"""The caller's size in words: `size`, `aspect_ratio` and `resolution` read into one shape.

size = WxH    shape and scale at once; aspect_ratio and resolution are then ignored, and reported so
size = W:H    the same as aspect_ratio
size = 2K     the same as resolution
size = auto   the provider's own choice, of what aspect_ratio and resolution leave open
"""

import math
import re
from dataclasses import dataclass
from typing import Any, cast

from normalizers.checks import is_type
from normalizers.errors import BadValue
from normalizers.parameters import MAX_SIDE

PIXELS = re.compile(r"\s*(\d{1,9})\s*[xX×*]\s*(\d{1,9})\s*", re.ASCII)
RATIO = re.compile(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*:\s*(\d{1,6}(?:\.\d{1,6})?)\s*", re.ASCII)
TIER = re.compile(r"\s*(\d{1,5}(?:\.\d{1,3})?)\s*(k|mp)?\s*", re.ASCII | re.IGNORECASE)

ONE_K = 1024
SMALLEST_SIDE_TIER = 64  # a bare number from here on names a side (512), below it megapixels (0.25)
SIZE_EXAMPLES = "such as 1024x1024, 16:9, 2K or auto"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the caller asked for.

    Either `pixels` (width, height), or `ratio` (width over height, with `ratio_text` as it was written) and `area`
    (pixels, with `tier_text`), each None when left open; or `auto`; or `name`, an offer's own word for a size.
    """

    pixels: tuple[int, int] | None = None
    ratio: float | None = None
    ratio_text: str | None = None
    area: int | None = None
    tier_text: str | None = None
    auto: bool = False
    name: str | None = None

    @property
    def open(self) -> bool:
        """Nothing was asked."""
        return not (self.pixels or self.ratio or self.area or self.auto or self.name)

    @property
    def means(self) -> tuple[Any, ...]:
        """What is asked, without how it was written."""
        return self.pixels, self.ratio, self.area, self.auto, self.name

    @property
    def alone(self) -> bool:
        """As a `size` it decides shape and scale, whatever stands beside it."""
        return self.pixels is not None or self.name is not None


def read_size(size: Any, param: str = "size") -> Shape:
    """One of the four forms of `size`; also `{"width": 1280, "height": 720}`. Raises BadValue."""
    if isinstance(size, dict):
        sides = cast("dict[str, Any]", size)
        if unknown := set(sides) - {"width", "height"}:
            raise BadValue(param, f"has the unknown key {min(unknown)[:40]!r}; width and height are known")
        return Shape(pixels=bounded(sides.get("width"), sides.get("height"), param))
    if not isinstance(size, str):
        raise BadValue(param, f"must be a string, {SIZE_EXAMPLES}")
    if found := PIXELS.fullmatch(size):
        return Shape(pixels=bounded(int(found[1]), int(found[2]), param))
    text = size.strip().lower()
    if text == "auto":
        return Shape(auto=True)
    if ":" in size:
        return read_ratio(size, param)
    if TIER.fullmatch(size):
        return read_tier(size, param)
    if re.fullmatch(r"[a-z][a-z0-9_]{1,40}", text, re.ASCII):
        return Shape(name=text)
    raise BadValue(param, f"is not a size; give one {SIZE_EXAMPLES}")


def bounded(width: Any, height: Any, param: str) -> tuple[int, int]:
    for side in (width, height):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            raise BadValue(param, f"each side must be a whole number from 1 to {MAX_SIDE} pixels, {SIZE_EXAMPLES}")
    return width, height


def read_ratio(value: Any, param: str = "aspect_ratio") -> Shape:
    """`16:9`, and `auto`. Raises BadValue."""
    if isinstance(value, str) and value.strip().lower() == "auto":
        return Shape(auto=True)
    found = RATIO.fullmatch(value) if isinstance(value, str) else None
    if found is None or not float(found[1]) or not float(found[2]):
        raise BadValue(param, "must be a ratio of two positive numbers such as 16:9")
    return Shape(ratio=float(found[1]) / float(found[2]), ratio_text=f"{plain(found[1])}:{plain(found[2])}")


def read_tier(value: Any, param: str = "resolution") -> Shape:
    """`0.5K 1K 2K 4K` (1K is 1024² pixels), a side such as `512`, or megapixels such as `0.25` and `1` (1 is 1024²)."""
    text = str(value) if is_type(value, "number") and 0 < value <= MAX_SIDE else value
    if isinstance(text, str) and text.strip().lower() == "auto":
        return Shape(auto=True)
    found = TIER.fullmatch(text) if isinstance(text, str) else None
    number = float(found[1]) if found else 0.0
    if found is None or number <= 0:
        raise BadValue(param, "must be a tier such as 0.5K, 1K, 2K or 4K, or megapixels such as 0.25 or 1")
    unit = (found[2] or "").lower()
    if unit == "k":
        side = number * ONE_K
    elif unit == "mp" or number < SMALLEST_SIDE_TIER:
        side = math.sqrt(number) * ONE_K
    else:
        side = number
    if side > MAX_SIDE:
        raise BadValue(param, f"is more than {MAX_SIDE} x {MAX_SIDE} pixels; give a tier such as 1K, 2K or 4K")
    return Shape(area=round(side * side), tier_text=text.strip() if isinstance(text, str) else None)


def plain(number: str) -> str:
    """`16.0` and `016` as `16`: table rows are looked up by the ratio's text."""
    return f"{float(number):g}"


def combine(size: Shape | None, ratio: Shape | None, tier: Shape | None) -> Shape:
    """One shape of the three parameters; a size in pixels or a name decides alone.

    Raises BadValue when `size` is a ratio or tier and the parameter of that meaning says something else.
    """
    if size is not None and size.alone:
        return size
    if size and ratio and size.ratio and ratio.ratio and not math.isclose(size.ratio, ratio.ratio):
        raise BadValue("aspect_ratio", "says something else than size; give one of the two")
    if size and tier and size.area and tier.area and size.area != tier.area:
        raise BadValue("resolution", "says something else than size; give one of the two")
    shaped = next((part for part in (size, ratio) if part and part.ratio), None)
    scaled = next((part for part in (size, tier) if part and part.area), None)
    if shaped is None and scaled is None:
        return Shape(auto=any(part and part.auto for part in (size, ratio, tier)))
    return Shape(
        ratio=shaped.ratio if shaped else None,
        ratio_text=shaped.ratio_text if shaped else None,
        area=scaled.area if scaled else None,
        tier_text=scaled.tier_text if scaled else None,
    )
