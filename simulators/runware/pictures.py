"""The pictures that are sent to Runware: uploaded before, pointed to, or inside a task.

Source: Runware docs, "Image upload" and its page of Qwen-Image, read 2026-11-21. Each picture is a UUID (of an upload
or of a picture that was drawn there), a URL, a data URI or bare base64. What the documents leave open is decided so: a
mask has the shape of what it masks. BMP, which they name too, is not read here.
"""

import base64
import hashlib
import uuid
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

from simulators.inputs import InputPicture, NoPicture, NotLoaded, load, read_picture
from simulators.runware.errors import Complaint, titled

KEPT = 4_096
FORMATS = frozenset({"JPEG", "PNG", "WEBP", "GIF"})
LONGEST_SIDE = 2048  # what is uploaded is kept no larger

Size = tuple[int, int]
Sent = dict[str, InputPicture]


class Gallery:
    """Pictures that tasks may name by their UUID, the newest last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, InputPicture] = OrderedDict()

    def keep(self, picture: InputPicture, image_uuid: str | None = None) -> str:
        """Returns the UUID to name it by."""
        name = image_uuid or str(uuid.uuid4())
        self._kept[name] = picture
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return name

    def upload(self, picture: InputPicture) -> str:
        scale = min(1.0, LONGEST_SIDE / max(picture.size))
        width, height = (max(1, round(side * scale)) for side in picture.size)
        return self.keep(replace(picture, size=(width, height)))

    async def read(self, text: str, path: str) -> InputPicture | Complaint:
        """The picture that stands for `text` at `path` of a task, such as `inputs.seedImage`."""
        if _is_uuid(text):
            known = self._kept.get(text.lower())
            return known or _unfit(path, "no image is known by this UUID")
        try:
            picture = await (load(text, _nothing) if _is_address(text) else _inline(text))
        except NotLoaded:
            return _unfit(path, "the image could not be loaded")
        except NoPicture:
            return _unfit(path, "this is no image")
        if picture.format and picture.format not in FORMATS:
            return _unfit(path, f"the format {picture.format} is not supported")
        return picture

    async def read_all(self, given: dict[str, Any]) -> Sent | Complaint:
        """Every picture of a task by its path, if each can be read and they fit together."""
        sent: Sent = {}
        for path, text in _texts(given):
            picture = await self.read(text, path)
            if isinstance(picture, Complaint):
                return picture
            sent[path] = picture
        return _mismatch(given, sent) or sent


def drawn_at(given: dict[str, Any], sent: Sent) -> Size:
    """The pixels that were asked for; without any those of the first picture that was sent."""
    if given["width"] is not None:
        return given["width"], given["height"]
    first = next(iter(sent.values()), None)
    return first.size if first else (1024, 1024)


def digest(sent: Sent) -> str:
    """What the pictures of a task change about its result."""
    if not sent:
        return ""
    told = "|".join(f"{path}={picture.digest}" for path, picture in sent.items())
    return hashlib.sha256(told.encode()).hexdigest()


def _texts(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    inputs: dict[str, Any] = given.get("inputs") or {}
    for name, value in inputs.items():
        if isinstance(value, str):
            yield f"inputs.{name}", value
        elif isinstance(value, list):
            listed = cast("list[str]", value)
            yield from ((f"inputs.{name}.{place}", text) for place, text in enumerate(listed))
    for place, net in enumerate(given.get("controlNet") or ()):
        yield f"controlNet.{place}.guideImage", net["guideImage"]


def _mismatch(given: dict[str, Any], sent: Sent) -> Complaint | None:
    seed, mask = sent.get("inputs.seedImage"), sent.get("inputs.maskImage")
    added = given.get("outpaint")
    if seed is None:
        return _no_seed() if mask or added else None
    if mask and seed.length and mask.length and not _same_shape(seed.size, mask.size):
        return Complaint(
            "incompatibleParameters",
            f"The mask is {_said(mask.size)} and the image {_said(seed.size)}.",
            parameter=["inputs.seedImage", "inputs.maskImage"],
        )
    if added and seed.length:
        width, height = seed.size[0] + added["left"] + added["right"], seed.size[1] + added["top"] + added["bottom"]
        if (width, height) != (given["width"], given["height"]):
            message = f"width and height must be those of the image and what is added: {_said((width, height))}."
            return Complaint("incompatibleParameters", message, parameter=["outpaint", "width", "height"])
    return None


def _no_seed() -> Complaint:
    return Complaint("missingSeedImage", "inputs.seedImage is required.", parameter="inputs.seedImage")


def _same_shape(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] - one[1] * other[0]) <= max(*one, *other)


def _said(size: Size) -> str:
    return f"{size[0]}x{size[1]}"


def _unfit(path: str, message: str) -> Complaint:
    name = next(word for word in reversed(path.split(".")) if not word.isdigit())
    return Complaint(f"invalid{titled(name)}", f"{path}: {message}.", parameter=path)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    return text[:5].lower() == "data:" or "://" in text[:10]


async def _inline(text: str) -> InputPicture:
    """Raises NoPicture."""
    try:
        return read_picture(base64.b64decode(text, validate=True))
    except ValueError as wrong:
        raise NoPicture from wrong


def _nothing(_url: str) -> bytes | None:
    return None
