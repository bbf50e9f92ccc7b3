"""An answer of a provider's API, and what can be said of one that is of no use."""

import io
import re
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from providers.base import Json
from providers.compression import Unreadable, unpack
from providers.errors import Kind, ProviderError

_HTML_TITLE = re.compile(rb"<title>\s*(\d{3} [A-Za-z -]{1,40}?)\s*</title>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a provider answered. Header names are found in any case; `content` is no longer compressed."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    provider: str = ""

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of events, which comes without content where somebody listened to it."""
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        packed = self.headers.get("content-encoding", "identity").strip().lower() != "identity"
        return self.status == 200 and media_type == "text/event-stream" and not packed

    def broken(self, message: str) -> ProviderError:
        """An error that says that this answer is of no use."""
        return ProviderError(Kind.BROKEN, message, provider=self.provider, status=self.status)

    def json_object(self, loads: Callable[[bytes], Any] = orjson.loads) -> Json:
        """The body as a JSON object, whatever its content type claims; raises `ProviderError` of kind BROKEN.

        `loads` may be `pictures_in_json.loads`, for a body that may hold megabytes of base64.
        """
        try:
            body: object = loads(self.content)
        except orjson.JSONDecodeError:
            raise self.unreadable() from None
        if not isinstance(body, dict):
            raise self.broken("the provider answered JSON that is not an object")
        return cast(Json, body)

    def error_object(self) -> Json:
        """The body of an error, or `{}` where it is not a JSON object."""
        try:
            body: object = orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return {}
        return cast(Json, body) if isinstance(body, dict) else {}

    def unreadable(self) -> ProviderError:
        """Says what came instead of JSON. Of an HTML page at most a title such as `502 Bad Gateway` is quoted."""
        start = self.content[:512].lstrip().lower()
        if not start.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
            what = "nothing" if not self.content else "something that is not JSON"
        else:
            title = _HTML_TITLE.search(self.content[:4096])
            what = f"an HTML page titled {title[1].decode()!r}" if title else "an HTML page"
        return self.broken(f"the provider answered {self.status} with {what}")


async def with_content(head: HttpAnswer, pieces: AsyncIterable[bytes], most_bytes: int) -> HttpAnswer:
    """The answer with its body, unpacked; raises BROKEN for more than `most_bytes` and for what cannot be unpacked."""
    claimed = head.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > most_bytes:
        raise _too_large(head, most_bytes)
    collected = io.BytesIO()  # grows in place and gives its buffer away without a copy: 8 MB cost about 9
    async for piece in pieces:
        collected.write(piece)
        if collected.tell() > most_bytes:
            raise _too_large(head, most_bytes)
    content = collected.getvalue()
    encoding = head.headers.get("content-encoding", "")
    if encoding:
        try:
            content = unpack(content, encoding, most_bytes)
        except Unreadable as error:
            raise head.broken(f"the provider's answer cannot be read: {error}") from None
    return replace(head, content=content)


def _too_large(head: HttpAnswer, most_bytes: int) -> ProviderError:
    return head.broken(f"the provider's answer is larger than {most_bytes} bytes")
