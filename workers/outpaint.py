"""A picture on a larger canvas: what is added is drawn anew, what was there stays."""

from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image

from workers.errors import Refusal
from workers.fields import Json, integer, known_keys

MOST_ADDED = 14_142  # pixels on one side
_SIDES = ("top", "right", "bottom", "left")


class Edges(NamedTuple):
    """Pixels to be added."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0

    def around(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size of a picture with what is added."""
        return size[0] + self.left + self.right, size[1] + self.top + self.bottom


def edges(given: Json) -> Edges | None:
    """From `{"top": 64, "left": 64}`; None if it was not asked for. Raises `Refusal`."""
    asked = given.get("outpaint")
    if asked is None:
        return None
    told: Mapping[str, object] = known_keys(asked, "outpaint", _SIDES)
    try:
        read = Edges(*(integer(told, side, 0, MOST_ADDED, default=0) or 0 for side in _SIDES))
    except Refusal as wrong:
        raise Refusal(str(wrong), param="outpaint") from None
    if not any(read):
        raise Refusal("'outpaint' has to add something on one side at least.", param="outpaint")
    return read


def extended(image: Image.Image, mask: Image.Image | None, by: Edges) -> tuple[Image.Image, Image.Image]:
    """The picture (RGB) with its outermost pixels drawn out, and the mask (L) of what is drawn anew."""
    width, height = image.size
    canvas = Image.new("RGB", by.around(image.size))
    canvas.paste(image, (by.left, by.top))
    for column, left, wide in ((0, 0, by.left), (width - 1, by.left + width, by.right)):
        if wide:
            canvas.paste(_drawn_out(image, (column, 0, column + 1, height), (wide, height)), (left, by.top))
    for row, top, high in ((by.top, 0, by.top), (by.top + height - 1, by.top + height, by.bottom)):
        if high:
            canvas.paste(_drawn_out(canvas, (0, row, canvas.width, row + 1), (canvas.width, high)), (0, top))
    anew = Image.new("L", canvas.size, 255)
    anew.paste(mask if mask is not None else 0, (by.left, by.top, by.left + width, by.top + height))
    return canvas, anew


def _drawn_out(image: Image.Image, line: tuple[int, int, int, int], size: tuple[int, int]) -> Image.Image:
    return image.crop(line).resize(size)  # pyright: ignore[reportUnknownMemberType] - Pillow names numpy's type
