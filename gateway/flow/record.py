"""What a run tells its job, so that nothing paid is lost with the process: each call before it goes out, its ticket,
its end, and every picture as it is ready. What it is told: what an earlier attempt at the same job left behind.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.flow.attempt import Attempt
from gateway.flow.cost import NOTHING, Cost
from gateway.flow.picture import Picture
from gateway.flow.stop import Stop
from normalizers.plan import Plan
from providers.base import Partial, Progress, Ticket
from providers.errors import Kind, ProviderError

CallEnd = Literal["done", "failed", "unknown", "cancelled"]


@dataclass(frozen=True, slots=True)
class SentCall:
    """A call that is written down; `number` counts the calls of a job, `indexes` are the places of its pictures.

    `pixels` and `planned`, in micro-dollars, are what all of them were planned to have and to cost, None where nobody
    knows; `price` says how that was found. `own_key`: it goes out under the team's own key.
    """

    number: int
    id: str
    provider: str
    offer: str
    indexes: tuple[int, ...]
    started: float
    pixels: int | None = None
    planned: int | None = None
    price: str | None = None
    own_key: bool = False


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call of an earlier attempt that nobody has seen the end of; without a ticket it may never have arrived."""

    sent: SentCall
    ticket: Ticket | None


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a job when it is taken up: pictures by their place, calls, and what was charged.

    Pictures that it made itself are `miss`; `shared` are those that an earlier job, which failed, has left to it.
    `calls` is how many were written down, `own` the providers to whom some went under the team's own key.
    """

    pictures: Mapping[int, Picture] = field(default_factory=dict[int, Picture])
    open: tuple[OpenCall, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    charges: Cost = NOTHING
    lost: tuple[str, ...] = ()  # providers of calls that ended `unknown`
    calls: int = 0
    own: frozenset[str] = frozenset()


class MadeBefore(ProviderError):
    """An earlier failure of the same request left pictures: what was about to be sent has to be planned again."""

    def __init__(self, provider: str) -> None:
        super().__init__(Kind.BUSY, "pictures of an earlier try were found; nothing was sent", provider=provider)


class Record(Protocol):
    """`before` may come with the first call that is written down (`MadeBefore`). `watched`: somebody looks on;
    `waited_for`: a caller waits for the answer.

    `lost`: another process goes on with the job, and LeaseLost is raised where something is to be written.
    """

    stop: Stop
    before: Before | None
    watched: bool
    waited_for: bool
    lost: bool

    def expects(self, plan: Plan, pictures: int) -> None:
        """Calls for so many pictures come next: what they may cost is held with the first of them, or none is sent."""
        ...

    async def sending(self, call: str, plan: Plan, indexes: tuple[int, ...], *, own_key: bool = False) -> SentCall:
        """Returns when it is safely written. Raises ProviderError where it cannot be: nothing may be sent then."""
        ...

    async def accepted(self, sent: SentCall, ticket: Ticket) -> None: ...

    def ended(
        self, sent: SentCall, end: CallEnd, *, images: int = 0, cost: Cost = NOTHING, reason: str | None = None
    ) -> None: ...

    def pictured(self, index: int, picture: Picture, plan: Plan) -> None: ...

    def progressed(self, sent: SentCall, news: Progress | Partial) -> None: ...

    def webhook(self, sent: SentCall) -> str | None:
        """Where the provider may say that the call is over."""
        ...

    def hint(self, sent: SentCall) -> asyncio.Event | None:
        """Set when there is reason to look at the ticket at once."""
        ...

    async def found(self, sent: SentCall, seconds: float) -> Ticket | None:
        """The receipt of a call that went out and whose own is lost, if the provider tells of it within that time."""
        ...


class Unrecorded:
    """For what sends nothing, or is nobody's job."""

    before: Before | None = None
    watched = False
    waited_for = True
    lost = False

    def __init__(self) -> None:
        self.stop = Stop()
        self._count = 0

    def expects(self, plan: Plan, pictures: int) -> None:
        """Nobody pays."""

    async def sending(self, call: str, plan: Plan, indexes: tuple[int, ...], *, own_key: bool = False) -> SentCall:
        self._count += 1
        return SentCall(self._count, call, plan.offer.provider, plan.offer.id, indexes, 0.0, own_key=own_key)

    async def accepted(self, sent: SentCall, ticket: Ticket) -> None:
        """Nobody wants to know."""

    def ended(
        self, sent: SentCall, end: CallEnd, *, images: int = 0, cost: Cost = NOTHING, reason: str | None = None
    ) -> None:
        """Nobody wants to know."""

    def pictured(self, index: int, picture: Picture, plan: Plan) -> None:
        """Nobody wants to know."""

    def progressed(self, sent: SentCall, news: Progress | Partial) -> None:
        """Nobody wants to know."""

    def webhook(self, sent: SentCall) -> str | None:
        return None

    def hint(self, sent: SentCall) -> asyncio.Event | None:
        return None

    async def found(self, sent: SentCall, seconds: float) -> Ticket | None:
        return None
