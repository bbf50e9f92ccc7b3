"""What size a prediction draws: asked as a ratio, as sides or as `1024*768`, or taken from an input picture.

The pixels of FLUX's ratios are those of replicate/cog-flux. Qwen's are not published: Lumenfall's 1K table stands in
for them (both read 2026-11-21).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Size = tuple[int, int]
Sizing = Callable[[Mapping[str, Any], Sequence[Size]], Size]

SQUARE: Size = (1024, 1024)
QWEN_SIZES: dict[str, Size] = {
    "1:1": SQUARE,
    "16:9": (1365, 768),
    "9:16": (768, 1365),
    "4:3": (1183, 887),
    "3:4": (887, 1182),
    "3:2": (1254, 836),
    "2:3": (836, 1254),
}
FLUX_SIZES: dict[str, Size] = {
    "1:1": SQUARE,
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
STEP = 32  # FLUX rounds sides to it
MEGAPIXEL = 1024 * 1024  # an assumption, as is what a ratio draws at so many of them
LONGEST_SIDE = 2048  # of FLUX.2 [pro]


def by_ratio(sizes: Mapping[str, Size]) -> Sizing:
    """The ratio's pixels, a quarter of them at 0.25 megapixels; the first picture's own, or free sides, where asked."""

    def size(given: Mapping[str, Any], pictures: Sequence[Size]) -> Size:
        ratio = given["aspect_ratio"]
        if ratio == "match_input_image":
            return pictures[0] if pictures else SQUARE
        if ratio == "custom":
            return rounded(given)
        width, height = sizes[ratio]
        return (width // 2, height // 2) if given.get("megapixels") == "0.25" else (width, height)

    return size


def like_the_source(otherwise: Sizing) -> Sizing:
    """Image-to-image keeps the shape of its source."""

    def size(given: Mapping[str, Any], pictures: Sequence[Size]) -> Size:
        return pictures[0] if pictures else otherwise(given, pictures)

    return size


def by_sides(given: Mapping[str, Any], pictures: Sequence[Size]) -> Size:
    del pictures
    return int(given["width"]), int(given["height"])


def by_resolution(given: Mapping[str, Any], pictures: Sequence[Size]) -> Size:
    """FLUX.2 [pro]: a ratio at so many megapixels, at most 2048 a side; sides only where the ratio is `custom`."""
    ratio = given["aspect_ratio"]
    if ratio == "custom":
        return rounded(given)
    if ratio == "match_input_image":
        return pictures[0] if pictures else SQUARE
    wide, _colon, high = ratio.partition(":")
    shape = float(wide) / float(high)
    megapixels = float(given["resolution"].removesuffix(" MP")) if given["resolution"][0].isdigit() else 1.0
    width = min(math.sqrt(megapixels * MEGAPIXEL * shape), LONGEST_SIDE, LONGEST_SIDE * shape)
    return max(1, round(width / STEP)) * STEP, max(1, round(width / shape / STEP)) * STEP


def rounded(given: Mapping[str, Any]) -> Size:
    """Free sides, to the next multiple of 32; they are not refused."""
    width, height = (given.get(name) or SQUARE[0] for name in ("width", "height"))
    return max(1, round(width / STEP)) * STEP, max(1, round(height / STEP)) * STEP


def by_star(given: Mapping[str, Any], pictures: Sequence[Size]) -> Size:
    """`1024*768`."""
    del pictures
    width, _star, height = str(given["size"]).partition("*")
    return int(width), int(height)
