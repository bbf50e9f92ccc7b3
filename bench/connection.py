"""One kept-alive HTTP connection of the load generator: sends a ready-made request, counts the answer's bytes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

_BUFFER = memoryview(bytearray(1 << 18))  # shared: what is read is looked at before anything else is read


@dataclass(frozen=True, slots=True)
class Question:
    """A request and what a right answer has.

    `body` holds `%d`, which becomes the seed: `first`, then `step` more each time, always ten digits long; without a
    body it is a GET. `header` is one more line of its head. A right answer has this status, contains `marker` in its
    first or last piece, and has at least `least` bytes.
    """

    path: str
    body: str
    marker: str
    least: int
    first: int = 1_000_000_000
    step: int = 1
    key: str = "bench-key"
    header: str = ""
    status: int = 200

    def request(self, number: int) -> bytes:
        """With this seed."""
        body = self.body % number if self.body else ""
        method, header = "POST" if body else "GET", f"{self.header}\r\n" if self.header else ""
        head = (
            f"{method} {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {self.key}\r\n{header}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


class Connection(asyncio.BufferedProtocol):
    """`done` hears of a complete answer, `lost` of a closed connection, `begun` of an answer's first bytes."""

    def __init__(
        self,
        question: Question,
        done: Callable[["Connection", bool, int], None],
        lost: Callable[["Connection", bool], None],
        begun: Callable[["Connection"], None],
    ) -> None:
        self._done, self._lost, self._begun = done, lost, begun
        self._question = question
        self._marker, self._least = question.marker.encode(), question.least
        self._busy = False
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def send(self, number: int, due: float) -> None:
        """Sends the request with this seed; `due` is when that should have happened."""
        self.due = due
        self._busy = True
        self._head = b""
        self._status = 0
        self._received = 0
        self._length = -1
        self._marked = False
        self._transport.write(self._question.request(number))

    def hold(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        self._transport.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        if not self._busy:
            return
        if self._status:
            self._body(_BUFFER[:nbytes])
            return
        if not self._head:
            self._begun(self)
        self._head += _BUFFER[:nbytes]
        head, gap, body = self._head.partition(b"\r\n\r\n")
        if gap:
            self._status = int(head[9:12])
            _, named, value = head.lower().partition(b"content-length:")
            self._length = int(value.partition(b"\r\n")[0]) if named else -1
            self._body(memoryview(body))

    def _body(self, piece: memoryview) -> None:
        first = self._received == 0
        self._received += len(piece)
        # Without a length the answer is chunked, and JSON holds no line break that could look like the last chunk.
        last = self._received >= self._length if self._length >= 0 else bytes(piece[-5:]) == b"0\r\n\r\n"
        if (first or last) and not self._marked:
            self._marked = self._marker in bytes(piece)
        if last:
            self._busy = False
            self._done(self, self._marked and self._received >= self._least, self._status)

    def eof_received(self) -> None:
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self, self._busy)
        self._busy = False
