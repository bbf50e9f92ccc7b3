"""Server-sent events out of the pieces of an answer (HTML standard, section 9.2.6), within bounds.

A picture is one line of megabytes: it is gathered once, its end is looked for by `find` alone, and nothing of it is
copied again (`pictures_in_json` hands on a view of it).
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import dataclass

from providers.errors import Kind, ProviderError

MOST_EVENT_BYTES = 96 * 1024 * 1024  # a picture of 4096² that cannot be packed is 90 MB in base64
MOST_LINES = 100_000  # ten pictures of a hundred steps are 5000
_LONGEST_NAME = 256


class TooMuch(ValueError):
    """More than the bounds allow; the text says of what."""


@dataclass(frozen=True, slots=True)
class Event:
    """`name` is what its `event:` line says, `""` without one; `data` its `data:` lines."""

    name: str
    data: bytearray

    def __repr__(self) -> str:
        return f"<Event {self.name} {len(self.data)} bytes>"


Told = Callable[[Event], bool]
"""Is given each event, and says whether nothing is waited for after it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears the events of an answer. `idle` is how many seconds without a byte mean that nobody is there.

    `times` allows so many times the bytes of an ordinary answer: pictures half done weigh as much as finished ones.
    """

    told: Told
    idle: float | None = None
    times: int = 1


async def listen(pieces: AsyncIterable[bytes], listener: Listener, most_bytes: int) -> None:
    """Tells the listener every event up to the last one that it waits for, or to the end of the pieces.

    Raises `ProviderError`: LOST after too long a silence, BROKEN for more bytes than may come; and what `told` raises.
    """
    reader = EventReader(most_bytes * listener.times)
    clock = asyncio.get_running_loop().time
    patience = asyncio.timeout(listener.idle)
    try:
        async with patience:
            async for piece in pieces:
                if any(listener.told(event) for event in reader.feed(piece)):
                    return
                if listener.idle is not None:
                    patience.reschedule(clock() + listener.idle)
    except TimeoutError:
        if not patience.expired():
            raise
        raise ProviderError(Kind.LOST, f"the provider fell silent for {listener.idle:g} s") from None
    except TooMuch as wrong:
        raise ProviderError(Kind.BROKEN, f"the provider's stream is too large: {wrong}") from None
    for event in reader.end():
        listener.told(event)


class EventReader:
    """Takes a body piece by piece and gives the events that are complete; raises `TooMuch`."""

    def __init__(self, most_bytes: int, most_event_bytes: int = MOST_EVENT_BYTES) -> None:
        self.most_bytes = most_bytes
        self.most_event_bytes = most_event_bytes
        self._name = ""
        self._data: bytearray | None = None
        self._line = bytearray()
        self._bytes = 0
        self._lines = 0
        self._after_return = False  # the piece before ended in a \r, to which a \n may belong

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in this piece."""
        self._count(piece)
        view, newline = memoryview(piece), -1
        at = 1 if self._after_return and piece.startswith(b"\n") else 0
        self._after_return = piece.endswith(b"\r") if piece else self._after_return
        while at < len(piece):
            if newline < at:
                newline = piece.find(b"\n", at)
                newline = len(piece) if newline < 0 else newline
            end = piece.find(b"\r", at, newline)
            end = newline if end < 0 else end
            self._gather(view[at:end])
            if end == len(piece):
                return
            at = end + (2 if newline == end + 1 else 1)
            yield from self._finish_line()

    def end(self) -> Iterator[Event]:
        """The last event of a body that ended as it should, but without the empty line."""
        if self._line:
            yield from self._finish_line()
        yield from self._dispatch()

    def _count(self, piece: bytes) -> None:
        self._bytes += len(piece)
        if self._bytes > self.most_bytes:
            raise TooMuch(f"more than {self.most_bytes} bytes")

    def _gather(self, part: memoryview) -> None:
        if len(part) + len(self._line) + len(self._data or b"") > self.most_event_bytes:
            raise TooMuch(f"an event of more than {self.most_event_bytes} bytes")
        self._line += part

    def _finish_line(self) -> Iterator[Event]:
        self._lines += 1
        if self._lines > MOST_LINES:
            raise TooMuch(f"more than {MOST_LINES} lines")
        line, self._line = self._line, bytearray()
        if not line:
            yield from self._dispatch()
        elif line.startswith(b"data:"):
            del line[: 6 if line.startswith(b"data: ") else 5]
            if self._data is None:
                self._data = line
            else:
                self._data += b"\n" + line
        elif line.startswith(b"event:"):
            self._name = line[6 : 6 + _LONGEST_NAME].decode("utf-8", "replace").removeprefix(" ")

    def _dispatch(self) -> Iterator[Event]:
        name, data = self._name, self._data
        self._name, self._data = "", None
        if data is not None:
            yield Event(name, data)
