"""The most recent events that somebody listens for: each stream is a place in the ring, and none has a queue."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.store.entries import Committed

MOST_EVENTS = 8192
MOST_BYTES = 64 * 1024 * 1024
ABOUT_BYTES = 512  # of an event without a picture

TransientType = Literal["progress", "partial_image"]


@dataclass(frozen=True, slots=True)
class Transient:
    """What is told only to those who listen just then, and is written nowhere.

    `data` is what clients are told beside type, job and time; `base64` (ASCII) is a picture half done.
    """

    team: str
    job: str
    type: TransientType
    at: float
    data: Mapping[str, Any]
    base64: bytes | None = None


Event = Committed | Transient


def size_of(event: Event) -> int:
    """Bytes, about; what counts is a picture."""
    picture = event.base64 if isinstance(event, Transient) else None
    return ABOUT_BYTES + len(picture or b"")


class Ring:
    """Events by place: places count up from 0 and never return. What is too much drops out at the old end."""

    def __init__(self, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.start = 0
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._bytes = 0
        self._events: deque[Event] = deque()

    @property
    def end(self) -> int:
        """The place of the next event."""
        return self.start + len(self._events)

    def append(self, event: Event) -> int:
        """The place that it has."""
        place = self.end
        self._events.append(event)
        self._bytes += size_of(event)
        while len(self._events) > self._most_events or self._bytes > self._most_bytes:
            self._bytes -= size_of(self._events.popleft())
            self.start += 1
        return place

    def at(self, place: int) -> Event:
        """One that has not dropped out; those near the new end are found fastest."""
        return self._events[place - self.start]

    def clear(self) -> None:
        self.start = self.end
        self._events.clear()
        self._bytes = 0
