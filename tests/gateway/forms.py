"""Bodies of forms, written byte by byte, and read as the gateway reads them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.types import Message

from gateway.api.form import read_body

BOUNDARY = "x-boundary-1"
MOST = 64 * 1024 * 1024


@dataclass(frozen=True)
class Field:
    """`filename`: None for a field that is no file."""

    name: str
    content: bytes
    filename: str | None = None


def text(name: str, value: str) -> Field:
    return Field(name, value.encode())


def multipart(fields: Iterable[Field], boundary: str = BOUNDARY) -> bytes:
    lines = [part(field, boundary) for field in fields]
    return b"".join([*lines, f"--{boundary}--\r\n".encode()])


def part(field: Field, boundary: str = BOUNDARY) -> bytes:
    file = "" if field.filename is None else f'; filename="{field.filename}"\r\ncontent-type: image/png'
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field.name}"{file}\r\n\r\n'
    return head.encode() + field.content + b"\r\n"


async def read(
    body: bytes,
    content_type: str = f"multipart/form-data; boundary={BOUNDARY}",
    *,
    cuts: int | None = None,
    most: int = MOST,
) -> Any:
    """What the gateway makes of a body that arrives in pieces of `cuts` bytes."""
    step = cuts or max(1, len(body))
    pieces = [body[start : start + step] for start in range(0, len(body), step)] or [b""]
    return await read_body([(b"content-type", content_type.encode())], Arriving(pieces), most)


class Arriving:
    """ASGI's `receive` of a body in these pieces; `taken` counts them."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.left: Iterator[bytes] = iter(pieces)
        self.count = len(pieces)
        self.taken = 0

    async def __call__(self) -> Message:
        self.taken += 1
        return {"type": "http.request", "body": next(self.left), "more_body": self.taken < self.count}
