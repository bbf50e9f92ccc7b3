"""The body of a request: read within its bounds, parsed, and checked for what would hurt further in."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, TypeVar, cast

import orjson
from starlette.types import Receive

from gateway.api.asgi import Headers
from gateway.errors import InvalidJson, InvalidValue, RequestTooLarge, UnsupportedMediaType

MAX_DEPTH = 32  # levels of nesting; the deepest documented request has four
MAX_COMMAS = 10_000  # megabytes of tiny values would hold everyone up for seconds; megabytes of base64 do not
MAX_TEXTS = 1024 * 1024  # characters; prompts have 32,000 at most

Fields = TypeVar("Fields", bound=Mapping[str, Any])


async def read_json(headers: Headers, receive: Receive, max_bytes: int, *, otherwise: Any = None) -> Any:
    """The parsed body, or `otherwise` for none, where there is such a thing.

    Raises RequestTooLarge, UnsupportedMediaType, InvalidJson.
    """
    check_headers(headers, max_bytes)
    check_type(content_type(headers))
    content = await read_bytes(receive, max_bytes)
    if otherwise is not None and not content.strip():
        return otherwise
    if content.count(b",") > MAX_COMMAS:
        raise InvalidJson(f"the body has more than {MAX_COMMAS:,} commas, so too many values; a request has dozens")
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError as wrong:
        raise InvalidJson(f"the body is not valid JSON: {wrong.msg} at byte {wrong.pos}") from None
    if isinstance(body, dict):
        for field, value in cast("dict[str, Any]", body).items():
            if isinstance(value, (dict, list)) and too_deep(cast("Any", value)):
                raise InvalidJson(f"{field[:100]} is nested more than {MAX_DEPTH} levels deep", param=field[:100])
    return cast("Any", body)


def check_headers(headers: Headers, max_bytes: int) -> None:
    """Raises for a body that is known beforehand to be too large, or to be compressed."""
    for name, value in headers:
        if name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            raise UnsupportedMediaType(f"content-encoding is {value.decode('latin-1')[:100]}; send the body as it is")
        if name == b"content-length" and value.isdigit() and int(value) > max_bytes:
            raise too_large(max_bytes)


def content_type(headers: Headers) -> str:
    """The header as it came; empty without one."""
    return next((value.decode("latin-1") for name, value in headers if name == b"content-type"), "")


def media_type(content_type: str) -> str:
    """`Multipart/Form-Data; boundary=x` -> `multipart/form-data`."""
    return content_type.partition(";")[0].strip().lower()


def check_type(value: str) -> None:
    media = media_type(value)
    if media and media != "application/json" and not media.endswith("+json"):
        raise UnsupportedMediaType(f"content-type is {media[:100]}; send application/json")


async def read_bytes(receive: Receive, max_bytes: int) -> bytes:
    """All of it; a single chunk is not copied."""
    return b"".join([chunk async for chunk in chunks(receive, max_bytes)])


async def chunks(receive: Receive, max_bytes: int) -> AsyncGenerator[bytes]:
    """The body as it arrives: what came before a connection broke is no request, even where it happens to parse."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidJson("the connection was closed before the whole body had come")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        yield chunk
        if not message.get("more_body"):
            return


def too_large(max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(f"the body is larger than {max_bytes // 1_048_576} MiB")


def too_deep(value: object) -> bool:
    """Level by level, so that a hostile depth costs no stack."""
    level: list[Any] = [value]
    for _depth in range(MAX_DEPTH):
        level = [inner for outer in level for inner in children(outer) if isinstance(inner, (dict, list))]
        if not level:
            return False
    return True


def checked_texts(fields: Fields) -> Fields:
    """The fields, without their pictures. Raises InvalidValue for more text than a request can be made of.

    It would come back many times: in the rows of each provider, as it was asked and as it would be sent.
    """
    left = MAX_TEXTS
    for name, value in fields.items():
        left -= length_of_texts(value)
        if left < 0:
            told = f"with it the request has more than {MAX_TEXTS:,} characters of text; pictures go into image"
            raise InvalidValue(f"{name}: {told}", param=name)
    return fields


def length_of_texts(value: Any) -> int:
    """Of JSON whose depth is bounded already."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        return sum(len(name) + length_of_texts(each) for name, each in inner.items())
    return sum(map(length_of_texts, cast("list[Any]", value))) if isinstance(value, list) else 0


def children(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
