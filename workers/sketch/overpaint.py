"""A sketch over the caller's picture: thin paint, so that anybody sees what it was made from."""

from PIL import Image, ImageOps

from workers.engine import Source
from workers.sketch.colour import PAPER

_THIN = 0.4  # the share of paint where nobody says how much
_MASKED = 0.85  # and where a mask says that this part is drawn anew
_INSET = 0.24  # of the shorter side: the other pictures, pinned to the lower edge


def painted_over(source: Source, sketch: Image.Image) -> Image.Image:
    """The first picture, filling the sketch's size, under the sketch; the mask's part alone where there is one."""
    size = sketch.size
    under = ImageOps.fit(source.images[0], size)
    usual = _THIN if source.mask is None else _MASKED
    paint = Image.blend(under, sketch, usual if source.strength is None else source.strength)
    if source.mask is not None:
        paint = Image.composite(paint, under, ImageOps.fit(source.mask, size))
    for number, image in enumerate(source.images[1:]):
        _pin(paint, image, number)
    return paint


def _pin(paint: Image.Image, image: Image.Image, number: int) -> None:
    """Like a print on the picture, from the lower left on."""
    side = max(4, round(_INSET * min(paint.size)))
    border = max(1, side // 24)
    printed = ImageOps.expand(ImageOps.fit(image, (side, side)), border, PAPER)
    paint.paste(printed, (border + number * (printed.width + border), paint.height - printed.height - border))
