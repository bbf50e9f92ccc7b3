"""A request to the images API, whichever way it was sent: JSON, or a form with files."""

import io
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import pybase64
from PIL import Image
from starlette.requests import Request

from simulators.multipart import Upload, form_of, is_form

INPUT_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
HOSTED = b"(a picture elsewhere)"  # stands for one that is named by URL: the simulators call nobody


class Unreadable(ValueError):
    """Neither a JSON object nor a form."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Fields as they came (text in a form, the last one of a name), and files by the names they came under.

    `texts` are a form's fields with every value of a name.
    """

    fields: dict[str, Any]
    files: dict[str, list[Upload]] = field(default_factory=dict[str, list[Upload]])
    form: bool = False
    texts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def sent(self, *names: str) -> list[bytes]:
        """The contents of the files under these names, in this order."""
        return [upload.content for name in names for upload in self.files.get(name, [])]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an input picture is: its pixels, Pillow's name of its format, whether it has an alpha channel."""

    size: tuple[int, int]
    format: str
    alpha: bool


async def read(request: Request) -> Asked:
    """Raises `Unreadable`."""
    raw = await request.body()
    if is_form(request):
        return _from_form(request, raw)
    try:
        body: object = orjson.loads(raw)
    except orjson.JSONDecodeError as wrong:
        raise Unreadable(str(wrong)) from None
    if not isinstance(body, dict):
        raise Unreadable("the body is not an object")
    return Asked(cast("dict[str, Any]", body))


def _from_form(request: Request, raw: bytes) -> Asked:
    form = form_of(request, raw)
    if form is None:
        raise Unreadable("the form is broken")
    fields: dict[str, Any] = {name: values[-1] for name, values in form.fields.items()}
    return Asked(fields, form.files, form=True, texts=form.fields)


def look_at(content: bytes, formats: Collection[str] = INPUT_FORMATS) -> Seen | None:
    """An input picture in one of these formats; None when it is none."""
    try:
        with Image.open(io.BytesIO(content), formats=tuple(formats)) as image:
            image.verify()
            alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            return Seen(image.size, image.format or "", alpha)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def picture_size(content: bytes, formats: Collection[str] = INPUT_FORMATS) -> tuple[int, int] | None:
    """Width and height of an input picture; None when it is none."""
    seen = look_at(content, formats)
    return seen.size if seen else None


def from_data_uri(uri: str) -> bytes | None:
    """The bytes of a `data:` URI; None when it is none."""
    if not uri.startswith("data:") or "," not in uri:
        return None
    try:
        return pybase64.b64decode(uri.partition(",")[2], validate=True)
    except ValueError:
        return None


def pixels(size: str) -> tuple[int, int] | None:
    """`"1024x768"` -> `(1024, 768)`; None for what is not written so."""
    width, times, height = size.partition("x")
    if not times or not (width + height).isdecimal() or not width or not height:
        return None
    return int(width), int(height)
