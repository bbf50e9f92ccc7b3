"""The pictures that an input brings along, as far as a size needs them."""

import hashlib
import io
from typing import cast

import pybase64
from PIL import Image, UnidentifiedImageError

Size = tuple[int, int]
UNKNOWN: Size = (1024, 1024)  # a hosted picture is not fetched: the simulators call nobody


class Unreadable(ValueError):
    """What was sent along is no picture; a real prediction fails over it, too."""


def size_of(source: object) -> Size | None:
    """The size of a picture, of the first where there are several; None without one. Raises Unreadable."""
    listed = cast("list[object]", source) if isinstance(source, list) else [source]
    first = next(iter(listed), None)
    if not isinstance(first, str):
        return None
    if not first.startswith("data:"):
        return UNKNOWN
    try:
        content = pybase64.b64decode(first.partition(",")[2], validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP", "GIF", "AVIF")) as image:
            return image.size
    except (ValueError, OSError, UnidentifiedImageError, Image.DecompressionBombError) as wrong:
        raise Unreadable from wrong


def digest(*sources: object) -> str:
    """Stands for the input pictures in what is drawn; empty without any."""
    texts = [repr(source) for source in sources if source]
    return hashlib.sha256("".join(texts).encode("utf-8", "surrogatepass")).hexdigest() if texts else ""
