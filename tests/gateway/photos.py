"""Pictures for edits, made where they are needed."""

import io
from typing import Any

import pybase64
from PIL import Image, ImageDraw


def photo(
    width: int = 640, height: int = 448, format: str = "PNG", colour: Any = (40, 90, 160), **options: Any
) -> bytes:
    """One colour with a yellow disc in the middle."""
    picture = Image.new("RGB", (width, height), colour)
    middle, high = width // 2, height // 2
    ImageDraw.Draw(picture).ellipse((middle - 40, high - 40, middle + 40, high + 40), fill=(240, 200, 80))
    return encoded(picture, format, **options)


def mask(width: int = 640, height: int = 448) -> bytes:
    """As OpenAI wants it: transparent where the picture is to change, which is its left half."""
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, width // 2, height))
    return encoded(picture, "PNG")


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{pybase64.b64encode(content).decode()}"
