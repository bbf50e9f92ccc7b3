"""Pictures become files, and files base64, outside the device thread."""

import io
from dataclasses import dataclass

import pybase64
from PIL import Image

_PNG_EFFORT = 4  # of 9: a third of the time of the default 6, a few per cent more bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A finished picture as it goes over the wire."""

    index: int
    seed: int
    base64: str


def encoded(image: Image.Image, output_format: str, quality: int) -> str:
    """The picture as base64 of a png, jpeg or webp file; `quality` is 0–100, for the latter two."""
    file = io.BytesIO()
    if output_format == "png":
        image.save(file, "PNG", compress_level=_PNG_EFFORT)
    elif output_format == "jpeg":
        image.save(file, "JPEG", quality=max(1, quality), subsampling=0 if quality >= 90 else 2)
    else:
        image.save(file, "WEBP", quality=quality, method=2)
    return pybase64.b64encode_as_string(file.getbuffer())
