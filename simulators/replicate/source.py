"""The pictures that an input brings along: a URL, a data URI, or a file uploaded before."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from simulators.inputs import InputPicture, Kept, NoPicture, NotLoaded, load
from simulators.replicate.errors import NOT_FETCHED, UNREADABLE
from simulators.replicate.schema import Input

PICTURES = ("image", "input_image", "input_images", "image_prompt", "mask")


class Unreadable(ValueError):
    """A picture cannot be used, over which the prediction fails; the text is its `error`."""


async def read_pictures(schema: Input, given: Mapping[str, Any], kept: Kept) -> list[InputPicture]:
    """Those that the model knows, a mask last. Raises Unreadable."""
    read: list[InputPicture] = []
    for name in PICTURES:
        if name not in schema or name not in given:
            continue
        value: object = given[name]
        for url in cast("list[str]", value) if isinstance(value, list) else [str(value)]:
            read.append(await _read(url, kept))
    return read


async def _read(url: str, kept: Kept) -> InputPicture:
    try:
        return await load(url, kept)
    except NotLoaded as wrong:
        raise Unreadable(NOT_FETCHED) from wrong
    except NoPicture as wrong:
        raise Unreadable(UNREADABLE) from wrong


def digest(pictures: Sequence[InputPicture]) -> str:
    """Stands for the input pictures in what is drawn; empty without any."""
    texts = "".join(picture.digest for picture in pictures)
    return hashlib.sha256(texts.encode()).hexdigest() if texts else ""
