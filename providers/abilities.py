"""What an adapter may be able to do besides: each a protocol that whoever needs it asks for with `isinstance`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from providers.base import Answer, Call, Json, Money, Progress, Ticket, Watch


@runtime_checkable
class Waits(Protocol):
    """A queued adapter whose provider can be asked to answer when the job is over, instead of again and again."""

    async def wait(self, ticket: Ticket, seconds: float) -> Progress:
        """Like `check`, at the latest after so many seconds."""
        ...


@runtime_checkable
class Repeats(Protocol):
    """An adapter whose calls have ids of ours: the same call, sent again, is not drawn, or not paid, a second time."""

    repeats: bool


class Declined(NamedTuple):
    """Why somebody else had better be asked; `word` is for metrics: `spilled`, `full` or `away`."""

    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class LineStanding:
    """How a line stands: workers by their state, calls that wait (`interactive`, `background`), the predicted seconds
    until one that came now would be begun (None without a worker), and how many calls were lost with their workers.
    """

    workers: Mapping[str, int]
    waiting: Mapping[str, int]
    wait: float | None
    losses: int


@runtime_checkable
class Queues(Protocol):
    """An adapter before whose workers calls wait in a line of ours."""

    def standing(self) -> LineStanding: ...

    def rows(self) -> list[Json]:
        """Each of the workers, for an admin."""
        ...

    def lacks(self, upstream: str) -> str | None:
        """Why nobody there can draw this model; None where somebody can."""
        ...

    def expects(self, upstream: str) -> bool:
        """Whether somebody who draws this model, or may, is about to be there."""
        ...

    def declines(self, call: Call) -> Declined | None:
        """Whether the call had better be sent elsewhere, if it can be; nothing is sent by asking."""
        ...

    def in_line(self, request: str) -> int:
        """How many calls of the request wait: nothing of them is at a worker."""
        ...

    def hurry(self, request: str) -> None:
        """Somebody waits for the request by now."""
        ...


@runtime_checkable
class Uploads(Protocol):
    """An adapter whose provider stores pictures that are sent to it; what it gives stands in a payload for one."""

    async def upload(self, content: bytes, content_type: str) -> str:
        """A URL or an id. Raises `ProviderError`; nothing is paid by it."""
        ...


@runtime_checkable
class Quotes(Protocol):
    """An adapter whose provider says beforehand what a call would cost."""

    async def quote(self, call: Call) -> Money:
        """Draws nothing, and is free. Raises `ProviderError`."""
        ...


@runtime_checkable
class Shows(Protocol):
    """A direct adapter whose provider tells how a call is getting on, and may show its pictures half done."""

    async def generate_watched(self, call: Call, watch: Watch) -> Answer:
        """Like `generate`; `watch` is told everything as it comes, before the answer. Raises `ProviderError`."""
        ...


@dataclass(frozen=True, slots=True)
class Hook:
    """A provider's message that a ticket is over. `delivery` is the same only for one and the same message."""

    ticket: str
    delivery: str


class HookRefused(Exception):
    """A message that its provider did not send, or not so, or long ago; the text is public."""


@runtime_checkable
class Hooks(Protocol):
    """A queued adapter whose provider says by webhook when a call is over (`Call.webhook`).

    The message only hastens the next look at the ticket: nothing that it holds is believed.
    """

    async def read_hook(self, headers: Mapping[str, str], body: bytes, now: float) -> Hook:
        """`headers` in lower case, `now` in Unix seconds. Raises `HookRefused`."""
        ...


@runtime_checkable
class Traces(Protocol):
    """An adapter of `Hooks` whose messages are signed: a call of which nothing else is known is found by them."""

    def trace(self, hook: Hook, upstream: str) -> Ticket:
        """The receipt that was lost, of a call of this model (`Call.upstream`)."""
        ...
