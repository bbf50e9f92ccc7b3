"""A ticket is followed to its end: asked again and again, never sent again.

Once a ticket exists the call may cost money, so nothing on the way of asking (a connection that breaks, a busy status
route, a key that is refused for a moment) ends it; only the provider's own word on the job does, or the deadline.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from providers.abilities import Waits
from providers.base import Answer, Call, Progress, Queued, Ticket
from providers.errors import Kind, ProviderError

FIRST_PAUSE = 0.015  # seconds
SHARE = 0.08  # of the time that the job has taken so far: what a pause costs stays in proportion to what it belongs to
LONGEST_PAUSE = 1.0
WAIT_SECONDS = 20.0  # of one look at a provider that lets us wait for the end; proxies cut silent connections at 60
CANCEL_SECONDS = 2.0
STOP_SECONDS = 5.0  # for the last word on a job that was cancelled: it may have been done, and paid, already
UNKNOWN_CHECKS = 3  # a status route may lag behind the submission: fewer answers of "unknown" are not believed

_PASSING = frozenset({Kind.BUSY, Kind.RATE, Kind.LOST, Kind.KEY, Kind.CREDIT})

_cancelling: set[asyncio.Task[None]] = set()  # asyncio keeps only weak references to tasks

T = TypeVar("T")


async def follow(
    adapter: Queued,
    ticket: Ticket,
    call: Call,
    deadline: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    on_progress: Callable[[Progress], None] | None = None,
    hint: asyncio.Event | None = None,
    stop: asyncio.Event | None = None,
) -> Answer:
    """The answer behind a ticket.

    `deadline` is a moment of `clock`; once it has passed, `ProviderError` of kind TIMEOUT is raised and the provider
    goes on. Other errors are the provider's word on the job.

    `hint`: when it is set, nothing is waited for and the ticket looked at; it is cleared each time before a look.
    `stop`: when it is set, the job is cancelled at the provider (`cancel_at_provider`) and its end waited for during
    `STOP_SECONDS` more. An answer that comes all the same is paid, and returned; else CANCELLED is raised.
    """
    following = _Following(adapter, ticket, call, deadline, clock, sleep, on_progress, hint, stop, _this_task())
    try:
        return await following.to_the_end()
    except ProviderError as error:
        if not following.stopped or error.kind is Kind.CANCELLED:
            raise
        message = "the request was cancelled; it may have been paid"
        raise ProviderError(Kind.CANCELLED, message, provider=adapter.name) from error
    finally:
        for ring in following.rings.values():
            ring.cancel()
        following.rings.clear()  # a cancelled task remembers where, and with that all this: nothing would be let go


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("only a task can follow a ticket")
    return task


async def cancel_at_provider(adapter: Queued, ticket: Ticket) -> None:
    """Asks the provider to cancel; whether it did or not, this returns within `CANCEL_SECONDS` and raises nothing."""
    task = asyncio.create_task(_cancel(adapter, ticket))
    _cancelling.add(task)
    task.add_done_callback(_cancelling.discard)
    await asyncio.shield(task)


async def _cancel(adapter: Queued, ticket: Ticket) -> None:
    try:
        async with asyncio.timeout(CANCEL_SECONDS):
            await adapter.cancel(ticket)
    except (ProviderError, TimeoutError):
        return  # the job goes on there; that is what the caller has to expect anyway


def bearable(wish: float | None, left: float) -> float:
    """How long to leave a provider alone that asks for it, with `left` seconds to the deadline.

    A wish beyond the deadline is met by half: what is fetched is paid, and would be lost for certain.
    """
    wish = wish or 0.0
    return wish if wish < left else left / 2


@dataclass(slots=True)
class _Following:
    adapter: Queued
    ticket: Ticket
    call: Call
    deadline: float
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    on_progress: Callable[[Progress], None] | None
    hint: asyncio.Event | None
    stop: asyncio.Event | None
    task: asyncio.Task[Any]
    rings: dict[asyncio.Event, asyncio.Task[None]] = field(default_factory=dict[asyncio.Event, asyncio.Task[None]])
    heard: list[asyncio.Event] = field(default_factory=list[asyncio.Event])
    rung: bool = False
    stopped: bool = False
    unknown: int = 0
    broken: int = 0

    async def to_the_end(self) -> Answer:
        began = self.clock()
        while True:
            if self.hint is not None:
                self.hint.clear()  # before the look: what is hinted at during one calls for another
            if self.stop is not None and self.stop.is_set() and not self.stopped:
                await self._cancel()
            wish: float | None = None
            looked = self.clock()
            try:
                answer = await self._ask()
                if answer is not None:
                    return answer
            except ProviderError as error:
                if not self._passes(error):
                    raise
                wish = error.retry_after
            now = self.clock()
            left = self.deadline - now
            if left <= 0:
                raise self._too_late()
            pause = min(max(FIRST_PAUSE, SHARE * (now - began)), LONGEST_PAUSE)
            seconds = min(max(pause - (now - looked), bearable(wish, left), 0.0), left)
            await self._unless_rung(partial(self.sleep, seconds), self.hint, self.stop)

    async def _cancel(self) -> None:
        self.stopped = True
        await cancel_at_provider(self.adapter, self.ticket)
        self.deadline = min(self.deadline, self.clock() + STOP_SECONDS)

    async def _ask(self) -> Answer | None:
        try:
            progress = await self._in_time(self._look())
        except ProviderError as error:
            if error.kind is Kind.BROKEN:  # a page of some proxy says nothing about the job
                return None
            raise
        if progress is None:
            return None
        if self.on_progress is not None:
            self.on_progress(progress)
        if not progress.done:
            self.unknown = 0
            return None
        return await self._result()

    async def _result(self) -> Answer | None:
        """An answer that cannot be read may be some proxy's, so it is believed only when it comes repeatedly."""
        try:
            return await self._in_time(self.adapter.result(self.ticket, self.call))
        except ProviderError as error:
            self.broken += error.kind is Kind.BROKEN
            if error.kind is Kind.BROKEN and self.broken < UNKNOWN_CHECKS:
                return None
            raise

    async def _look(self) -> Progress | None:
        """None when it was cut short. A mere check is not, for a hint: a second one on its connection is quicker."""
        if isinstance(self.adapter, Waits):
            wait = partial(self.adapter.wait, self.ticket, min(WAIT_SECONDS, self.deadline - self.clock()))
            return await self._unless_rung(wait, self.hint, self.stop)
        return await self._unless_rung(partial(self.adapter.check, self.ticket), self.stop)

    async def _unless_rung(self, wait: Callable[[], Awaitable[T]], *bells: asyncio.Event | None) -> T | None:
        """What was waited for; None when one of the bells rings before it comes, which is then given up."""
        heard = [bell for bell in bells if bell is not None and not (self.stopped and bell is self.stop)]
        if not heard:
            return await wait()
        if any(bell.is_set() for bell in heard):
            return None
        for bell in heard:
            self._listen(bell)
        self.heard, self.rung = heard, False
        try:
            return await wait()
        except asyncio.CancelledError:
            if not self.rung or self.task.cancelling() > 1:  # somebody else wants it too
                raise
            return None
        finally:
            self.heard = []
            if self.rung:
                self.task.uncancel()

    def _listen(self, bell: asyncio.Event) -> None:
        """One task for many waits: another one for each would double what a look costs us."""
        ring = self.rings.get(bell)
        if ring is None or ring.done():
            self.rings[bell] = asyncio.ensure_future(self._ring(bell))

    async def _ring(self, bell: asyncio.Event) -> None:
        await bell.wait()
        if bell in self.heard and not self.rung:
            self.rung = True
            self.task.cancel()

    async def _in_time(self, asking: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(max(0.0, self.deadline - self.clock())):
                return await asking
        except TimeoutError:
            raise self._too_late() from None

    def _passes(self, error: ProviderError) -> bool:
        if error.kind is Kind.GONE:
            self.unknown += 1
            return self.unknown < UNKNOWN_CHECKS
        return error.kind in _PASSING

    def _too_late(self) -> ProviderError:
        return ProviderError(
            Kind.TIMEOUT,
            "the provider accepted the request but did not finish it in time; it may still be working on it",
            provider=self.adapter.name,
        )
