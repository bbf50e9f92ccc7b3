"""The forms in which callers send pictures: files, URLs, data URIs, base64, and the objects that hold one of these.

OpenAI's `{image_url}` and `{file_id}`, xAI's `{url}`, OpenRouter's parts of `input_references`, Together's and
vLLM-Omni's plain lists (documentation read 2026-11-21); and an item of our own answers, so that it can be sent back.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Literal, cast

from gateway.errors import InvalidValue, UnsupportedParameter

WORKS = "send a file (multipart), an https URL, a data: URI or base64"
HOLDING = ("image_url", "url", "b64_json")  # the keys of which an object has one
TOLERATED = {"type", "detail"}  # say how the picture is meant to be read, which decides nothing here
MAX_DEPTH = 4  # lists and objects around a picture; OpenRouter's parts have three

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:")


@dataclass(frozen=True, slots=True)
class PictureBytes:
    """A file of a multipart body. It is in `fields` as it came: nothing of it has been looked at."""

    content: bytes

    def __repr__(self) -> str:
        return f"<PictureBytes {len(self.content)} bytes>"


@dataclass(frozen=True, slots=True)
class Sent:
    """One picture as it was sent: its bytes, a `url` (also a `data:` URI), or base64 text.

    `param` is where it stood: `images[2].image_url`.
    """

    param: str
    form: Literal["bytes", "url", "base64"]
    value: bytes | str

    def __repr__(self) -> str:
        return f"<Sent {self.param} {self.form}>"


def pictures_sent(value: Any, param: str, depth: int = MAX_DEPTH) -> Generator[Sent]:
    """Every picture in a field's value, in order. Raises InvalidValue, UnsupportedParameter naming its place."""
    if value is None:
        return
    if isinstance(value, PictureBytes):
        yield Sent(param, "bytes", value.content)
    elif isinstance(value, str):
        yield from written(value, param)
    elif not isinstance(value, (list, dict)):
        raise InvalidValue(f"{param}: is no picture; {WORKS}", param=param)
    elif not depth:
        raise InvalidValue(f"{param}: is nested too deeply; {WORKS}", param=param)
    elif isinstance(value, list):
        for place, inner in enumerate(cast("list[Any]", value)):
            yield from pictures_sent(inner, f"{param}[{place}]", depth - 1)
    else:
        yield from held(cast("dict[str, Any]", value), param, depth - 1)


def written(text: str, param: str) -> Generator[Sent]:
    """Text is a URL if it begins like one: no base64 has a colon."""
    text = text.strip()
    if not text:
        raise InvalidValue(f"{param}: is empty; {WORKS}", param=param)
    yield Sent(param, "url" if _SCHEME.match(text) else "base64", text)


def held(value: dict[str, Any], param: str, depth: int) -> Generator[Sent]:
    if value.get("file_id") is not None:
        raise UnsupportedParameter(f"{param}.file_id: no files are kept here; {WORKS}", param=f"{param}.file_id")
    given = [key for key in HOLDING if value.get(key) is not None]
    unknown = set(value) - {*HOLDING, *TOLERATED, "file_id"}
    if len(given) != 1 or unknown:
        wrong = f"has the unknown key {min(unknown)[:40]!r}" if unknown else f"must have one of {', '.join(HOLDING)}"
        raise InvalidValue(f'{param}: {wrong}; {{"image_url": "https://…"}} works', param=param)
    yield from pictures_sent(value[given[0]], f"{param}.{given[0]}", depth)
