"""Pictures to and fro, and how far two of them are apart."""

import base64
import io
from typing import Any

import openai
from openai.types import ImagesResponse
from PIL import Image, ImageChops, ImageDraw

from tests.worker_gateway.processes import TINY

RED = "a red circle on the left, white background"


def drawn(client: openai.OpenAI, extra: dict[str, Any] | None = None, **fields: Any) -> list[Image.Image]:
    """What OpenAI's client gets: nothing of it from the cache, unless the test says otherwise."""
    draw: Any = client.images.edit if "image" in fields else client.images.generate  # overloads of OpenAI's arguments
    asked = {"model": TINY, "prompt": RED, "size": "64x64", "response_format": "b64_json", **fields}
    return pictures(draw(**asked, extra_body={"seed": 7, "steps": 6, "cache": "off", **(extra or {})}))


def pictures(answer: ImagesResponse) -> list[Image.Image]:
    return [opened(each.b64_json or "") for each in answer.data or []]


def opened(encoded: str) -> Image.Image:
    with Image.open(io.BytesIO(base64.b64decode(encoded, validate=True))) as image:
        return image.convert("RGB")


def apart(one: Image.Image, other: Image.Image) -> int:
    """The largest difference of a channel, 0 to 255."""
    assert one.size == other.size
    bands: Any = ImageChops.difference(one, other).getextrema()
    return max(most for _least, most in bands)


def png(image: Image.Image) -> io.BytesIO:
    """As a file for an upload; its name tells OpenAI's client what it is."""
    file = io.BytesIO()
    image.save(file, "PNG")
    file.seek(0)
    file.name = "picture.png"
    return file


def source(side: int = 64) -> Image.Image:
    """A blue square on white."""
    image = Image.new("RGB", (side, side), "white")
    ImageDraw.Draw(image).rectangle((side // 4, side // 4, 3 * side // 4, 3 * side // 4), fill=(30, 60, 220))
    return image


def left_half(side: int = 64) -> Image.Image:
    """OpenAI's kind of mask: transparent on the left, where the picture may change."""
    mask = Image.new("RGBA", (side, side), "black")
    ImageDraw.Draw(mask).rectangle((0, 0, side // 2 - 1, side - 1), fill=(0, 0, 0, 0))
    return mask
