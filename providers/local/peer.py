"""What a worker is to the dispatch: somebody who can be asked how he is, and to draw."""

from typing import Protocol

from providers.base import Answer, Call, Watch
from providers.errors import ProviderError
from providers.local.status import Status


class Lost(ProviderError):
    """The worker went away under the call: it may be drawn by another one."""


class Away(Exception):
    """The worker did not answer when it was asked how it is. `certain`: nobody listens there any more."""

    def __init__(self, why: str, *, certain: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.certain = certain


class Peer(Protocol):
    """One worker at its address. `beside` is how many calls may wait there beside those that it works on, `most` how
    many it is sent at once in any case.
    """

    url: str
    kind: str
    beside: int
    most: int

    def cannot(self, call: Call) -> str | None:
        """Why the call is not for it; None where it is."""
        ...

    async def look(self) -> Status:
        """How it is. Raises `Away`."""
        ...

    async def ask(self, call: Call, watch: Watch | None) -> Answer:
        """The call's pictures. Raises ProviderError: `Lost` where the worker went away, BUSY where it takes nothing
        now. Whoever cancels this closes the connection, and the worker stops.
        """
        ...

    async def close(self) -> None: ...
