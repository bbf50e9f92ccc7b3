"""The pictures that an edit starts from: checked before they are decoded, upright, no larger than a model looks at."""

import hashlib
import io
import struct
from collections.abc import Sequence

from PIL import Image, ImageChops

from workers.engine import Model, Source
from workers.errors import Refusal
from workers.form import Form
from workers.outpaint import Edges, extended

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 50_000_000  # of one picture, before anything of it is decoded
IMAGES = ("image", "image[]")
_ORIENTATION, _UPRIGHT, _SIDEWAYS = 0x0112, 1, (5, 6, 7, 8)  # EXIF's tag, and its values that swap width and height
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DAMAGED = (OSError, ValueError, SyntaxError, struct.error)  # what Pillow raises for broken files


def images_of(given: Form, model: Model) -> list[bytes]:
    """The files of `image` or `image[]`. Raises `Refusal`."""
    stray = next((name for name in given.files if name not in (*IMAGES, "mask")), None)
    if stray is not None:
        raise Refusal(f"Unknown parameter: '{stray[:64]}'.", param=stray[:64], code="unknown_parameter")
    images = [content for name in IMAGES for content in given.files.get(name, [])]
    if not images:
        raise Refusal("'image' is required, as a file.", param="image", code="missing_required_parameter")
    if len(images) > model.most_images:
        raise Refusal(f"'image' may hold {model.most_images} pictures.", param="image")
    return images


def size_of(content: bytes, name: str) -> tuple[int, int]:
    """Its pixels, upright. Raises `Refusal` for what is no picture, or one too large to be decoded."""
    with _opened(content, name) as image:
        return (image.height, image.width) if _orientation(image) in _SIDEWAYS else image.size


def source_of(
    images: Sequence[bytes],
    masks: Sequence[bytes],
    longest: int,
    strength: float | None,
    outpaint: Edges | None = None,
) -> Source:
    """Decoded, reduced to sides of `longest` pixels, the first one extended by `outpaint`. Raises `Refusal`."""
    if len(masks) > 1:
        raise Refusal("'mask' must be one file.", param="mask")
    if masks and size_of(masks[0], "mask") != size_of(images[0], "image"):
        raise Refusal("'mask' must have the size of the first picture.", param="mask")
    digest = hashlib.blake2b(repr(outpaint).encode(), digest_size=16)
    for content in (*images, b"", *masks):
        digest.update(hashlib.blake2b(content).digest())
    first, *others = (decoded(content, "image", longest).convert("RGB") for content in images)
    mask = _edited(decoded(masks[0], "mask", longest)) if masks else None
    if outpaint is not None:
        first, mask = extended(first, mask, outpaint)
        strength = 1.0 if strength is None else strength  # nothing was there that could show through
    return Source((first, *others), mask, strength, digest.digest())


def decoded(content: bytes, name: str, longest: int) -> Image.Image:
    """Upright, RGB, RGBA, L or LA, with sides of at most `longest` pixels. Raises `Refusal` naming `name`."""
    try:
        with _opened(content, name) as image:
            image.draft("RGB", (longest, longest))
            upright = _upright(image)
            plain = upright.convert("RGBA") if "transparency" in upright.info else upright
            plain = plain if plain.mode in ("RGB", "RGBA", "L", "LA") else plain.convert("RGB")
            plain.thumbnail((longest, longest))
            plain.load()
            return plain
    except _DAMAGED:
        raise _unreadable(name) from None


def _upright(image: Image.Image) -> Image.Image:
    """Pillow's own `exif_transpose` writes the rest of the EXIF anew, and stumbles over what is odd in there."""
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        told = image.getexif().get(_ORIENTATION)
    except Exception:  # a damaged EXIF block, which may raise anything, does not make the picture worthless
        return _UPRIGHT
    return told if isinstance(told, int) else _UPRIGHT


def _edited(mask: Image.Image) -> Image.Image:
    """255 where the picture is drawn anew: what is transparent, or in a mask without alpha what is white."""
    if "A" in mask.getbands():
        return _above_half(ImageChops.invert(mask.getchannel("A")))
    return _above_half(mask.convert("L"))


def _above_half(band: Image.Image) -> Image.Image:
    return Image.frombytes("L", band.size, band.tobytes().translate(bytes(128) + b"\xff" * 128))


def _opened(content: bytes, name: str) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (*_DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _unreadable(name) from None
    if image.width * image.height > MOST_PIXELS:
        raise Refusal(f"'{name}' may have {MOST_PIXELS} pixels.", param=name)
    return image


def _unreadable(name: str) -> Refusal:
    return Refusal(f"'{name}' must be a png, jpeg or webp picture.", param=name, code="invalid_image_file")
