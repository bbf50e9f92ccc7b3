"""Masks from the caller's convention to a provider's. Runs in the finishing processes, as `picture_codec` does.

The caller's: where a mask has transparency, what is transparent is edited (OpenAI's rule); where it has none, what is
white. A provider's is named by the colour that marks what is edited.
"""

import io
from typing import Any, Literal, cast

from PIL import Image, ImageChops

from gateway.flow.picture_codec import Bounds, decode

Colour = Literal["mask_white", "mask_black", "mask_transparent"]

PNG = b"\x89PNG\r\n\x1a\n"
UPPER_HALF = [0] * 128 + [255] * 128  # 128 and above becomes white


def repaint(content: bytes, colour: Colour, bounds: Bounds) -> bytes:
    """The mask as a png in that convention; one that is so already stays as it is, soft edges and all.

    Raises NotAPicture. `mask_white` and `mask_black` are grey, `mask_transparent` is black with alpha.
    """
    picture = decode(content, bounds)
    alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
    shows_through = alpha is not None and alpha.getextrema() != (255, 255)
    as_it_is = colour == "mask_transparent" if shows_through else colour == "mask_white" and alpha is None
    if as_it_is and content.startswith(PNG):
        return content
    if alpha is not None and shows_through:
        edited = ImageChops.invert(black_or_white(alpha))
    else:
        edited = black_or_white(picture.convert("L"))
    return encode(painted(edited, colour))


def black_or_white(grey: Image.Image) -> Image.Image:
    return cast(Any, grey).point(UPPER_HALF)  # its own types are incomplete


def painted(edited: Image.Image, colour: Colour) -> Image.Image:
    """`edited` is white where something is to be edited."""
    match colour:
        case "mask_white":
            return edited
        case "mask_black":
            return ImageChops.invert(edited)
        case "mask_transparent":
            clear = Image.new("RGBA", edited.size)
            clear.putalpha(ImageChops.invert(edited))
            return clear


def encode(picture: Image.Image) -> bytes:
    output = io.BytesIO()
    picture.save(output, "PNG", compress_level=4)
    return output.getvalue()
