"""An answer of a provider's API, and what can be said of one that is of no use."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson

from providers.base import Json
from providers.errors import Kind, ProviderError

_HTML_TITLE = re.compile(rb"<title>\s*(\d{3} [A-Za-z -]{1,40}?)\s*</title>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a provider answered. Header names are found in any case; `content` is no longer compressed."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    provider: str = ""

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
