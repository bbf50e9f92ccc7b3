"""What a worker is to the dispatch: somebody who can be asked how he is, and to draw."""

from typing import Protocol

from providers.base import Answer, Call, Watch
from providers.errors import ProviderError
from providers.local.status import Status


class Lost(ProviderError):
    """The worker went away under the call: it may be drawn by another one."""


class Overwhelmed(ProviderError):
    """The worker has no memory for the picture: one with more of it may be asked."""


class GaveUp(ProviderError):
    """The call has brought down as many workers as one may: it is not sent to another one, whoever asks."""

    @property
    def again(self) -> bool:
        return False


class Away(Exception):
    """The worker did not tell how it is. `silent`: nothing came back at all, so that its calls may hang for ever; where
    something did, a call that it has lost would know by its own connection. A worker that is about to end refuses new
    connections and still finishes what it has.
    """

    def __init__(self, why: str, *, silent: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.silent = silent


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
