"""Pictures that stand in an answer instead of being pointed to: base64 text and `data:` URIs."""

import re
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote_to_bytes, urljoin

import pybase64

from providers.base import Image

Text = str | bytes | memoryview

_PREFIX_BYTES = 256  # longer than any honest media type with its parameters
_MEDIA_TYPE = re.compile(rb"[a-z]+/[a-z0-9.+-]+")


@dataclass(frozen=True, slots=True)
class Inline:
    """A picture's text: `payload` is base64 (ASCII) or, where `is_base64` is false, percent-encoded bytes."""

    payload: bytes | memoryview
    content_type: str | None
    is_base64: bool


def split(text: Text) -> Inline:
    """`data:image/png;base64,iVBO…` in its parts; text without the prefix is base64 as it stands.

    A `memoryview` stays one. Raises `ValueError` where a `data:` prefix has no comma.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    start = bytes(raw[:_PREFIX_BYTES])
    if start[:5].lower() != b"data:":
        return Inline(raw, None, is_base64=True)
    comma = start.find(b",")
    if comma < 0:
        raise ValueError("a data: URI has a comma")
    media_type, *parameters = start[5:comma].lower().split(b";")
    content_type = media_type.decode() if _MEDIA_TYPE.fullmatch(media_type) else None
    return Inline(raw[comma + 1 :], content_type, is_base64=b"base64" in [word.strip() for word in parameters])


def decode(inline: Inline, max_bytes: int) -> bytes:
    """The picture's bytes; raises `ValueError` for more than `max_bytes` and for wrong base64."""
    if inline.is_base64:
        if len(inline.payload) > (max_bytes + 2) // 3 * 4:
            raise ValueError(f"it is larger than {max_bytes} bytes")
        return pybase64.b64decode(inline.payload, validate=True)
    if len(inline.payload) > 3 * max_bytes:
        raise ValueError(f"it is larger than {max_bytes} bytes")
    content = unquote_to_bytes(bytes(inline.payload))
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes} bytes")
    return content


def from_base64(value: object) -> Image:
    """The picture of a `b64_json` field, with or without a `data:` prefix; raises `ValueError` for what is none."""
    inline = split(_text(value))
    if not len(inline.payload):
        raise ValueError("it is empty")
    if not inline.is_base64:
        return Image(content=decode(inline, len(inline.payload)), content_type=inline.content_type)
    return Image(base64=inline.payload, content_type=inline.content_type)


_HTTP = ("https://", "http://")


def from_url(value: object, base_url: str) -> Image:
    """The picture of a `url` field: an http(s) URL (a relative one is joined to `base_url`) or a `data:` URI.

    Raises `ValueError` for any other scheme, for blanks and control characters, and for what is no text.
    """
    text = _text(value)
    start = text[:5] if isinstance(text, str) else bytes(text[:5]).decode("latin-1")
    if start.lower() == "data:":
        return from_base64(text)
    url = text if isinstance(text, str) else bytes(text).decode("utf-8", "strict")
    if not url or not url.isprintable() or " " in url:
        raise ValueError("it is no URL")
    if not url.lower().startswith(_HTTP):
        url = urljoin(f"{base_url}/", url)
        if not url.lower().startswith(_HTTP):
            raise ValueError("it is no http URL")
    return Image(url=url)


def _text(value: object) -> str | memoryview:
    if isinstance(value, str):
        return value
    if isinstance(value, memoryview):
        return cast("memoryview[int]", value)
    raise ValueError("it is no text")
