"""Reading a request's header, sending a whole answer: what every route does with ASGI."""

from collections.abc import Sequence
from typing import Any

import orjson
from starlette.types import Scope, Send

Headers = Sequence[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> bytes:
    """A request header's first value; empty without one. `name` is in lower case."""
    return next((value for given, value in scope["headers"] if given == name), b"")


def is_known(scope: Scope, etag: bytes) -> bool:
    """Whether `if-none-match` names this entity tag, weak or strong: what is cached there need not be sent again."""
    tags = {tag.strip().removeprefix(b"W/") for tag in header(scope, b"if-none-match").split(b",")}
    return b"*" in tags or etag.removeprefix(b"W/") in tags


async def send_answer(status: int, headers: Headers, body: bytes, send: Send) -> None:
    """An answer that is whole already; the caller has put its length into the headers where it must stand."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def send_json(status: int, body: Any, send: Send, headers: Headers = ()) -> None:
    content = orjson.dumps(body)
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send_answer(status, [*fixed, *headers], content, send)
