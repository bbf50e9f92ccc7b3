"""How many bytes of requests this process holds at once: their bodies, and the pictures that were fetched for them.

A picture becomes base64, and that a provider's request: while one is handed over, some four times its bytes are in use.
"""

from collections.abc import Generator
from contextlib import contextmanager

from gateway.errors import Overloaded

FREE_BYTES = 64 * 1024  # of each request: one without pictures is never turned away for the pictures of others


class Held:
    """What one request holds of the room."""

    def __init__(self, room: "Room") -> None:
        self._room = room
        self._size = 0
        self.counted = 0

    def take(self, size: int) -> None:
        """Raises Overloaded when there is no room for `size` bytes more."""
        counted = max(0, self._size + size - FREE_BYTES)
        self._room.take(counted - self.counted, self.counted)
        self._size += size
        self.counted = counted


class Room:
    """`held` bytes are counted now, at most `most`; but a request that is alone may always go on."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    @contextmanager
    def open(self) -> Generator[Held]:
        """For one request, which gives back at the end what it took."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held -= held.counted

    def take(self, size: int, own: int) -> None:
        """For a request that holds `own` already. Raises Overloaded."""
        if size and self.held > own and self.held + size > self.most:
            most = self.most // 1_048_576
            raise Overloaded(f"requests with {most} MiB of pictures are here already; try again in a moment")
        self.held += size
