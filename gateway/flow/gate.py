"""How many requests this process takes on at once; beyond that it says so at once instead of queueing them."""

from collections.abc import Generator
from contextlib import contextmanager

from gateway.errors import Overloaded


class Gate:
    """`running` are the requests admitted now, at most `most`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0

    @contextmanager
    def admit(self) -> Generator[None]:
        """Raises Overloaded when the process is full; nothing was started then."""
        if self.running >= self.most:
            raise Overloaded(f"{self.most} requests are running here already; try again in a moment")
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1
