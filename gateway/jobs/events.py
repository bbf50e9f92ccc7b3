"""The hub of one process: what happens to jobs, told to all who listen here, whichever process it happens in.

Durable events are those in SQL. This process' own come straight from the journal as long as they follow directly upon
the last one known; wherever one is missing in between, and for those of other processes, SQL is read on from there: at
a hint, and every second while somebody listens. So the order is that of `seq`, without gaps and without doubles.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from gateway.jobs.listener import Index, Listener, ReadAfter
from gateway.jobs.neighbours import Neighbours
from gateway.jobs.ring import Event, Ring, Transient, TransientType
from gateway.jobs.steps import LastSteps, Steps
from gateway.store.database import Database, DatabaseError
from gateway.store.entries import Committed
from gateway.store.events import events_after, job_events_after, newest_event, team_events_after
from gateway.store.jobs import read_job
from gateway.store.redis import RedisConnection

log = structlog.stdlib.get_logger()

POLL_SECONDS = 1.0
PAGE = 500


class Events:
    """Nothing is read from SQL while nobody listens."""

    def __init__(
        self,
        database: Database,
        redis: RedisConnection,
        *,
        ring: Ring | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = database
        self._ring = ring or Ring()
        self._poll_seconds = poll_seconds
        self._neighbours = Neighbours(redis, self.hint, self._tell_here)
        self._of_job = Index[Listener]()
        self._of_team = Index[Listener]()
        self._ends = Index[asyncio.Future[None]]()
        self._steps = LastSteps()
        self._hinted = asyncio.Event()
        self._newest: int | None = None  # the last durable event known; None while nobody listens
        self._feed: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[str | None] | None = None  # done when `_newest` is known, or with what is wrong
        self._ended = False

    def committed(self, events: Sequence[Committed]) -> None:
        """Events of this process that were just written."""
        for event in events:
            if event.type == "finished":
                self._steps.forget(event.job)
        self._neighbours.hint()
        if not self._follow(events):
            self.hint()

    def tell(
        self,
        job: str,
        team: str,
        type: TransientType,
        data: Mapping[str, Any],
        base64: bytes | memoryview | None = None,
    ) -> None:
        """What is worth telling only now: `progress` with `step` and `steps`, or a `partial_image` with its base64."""
        picture = None if base64 is None else bytes(base64)  # a view would keep the provider's whole answer
        event = Transient(team, job, type, time.time(), data, picture)
        self._tell_here(event)
        self._neighbours.tell(event)

    def hint(self) -> None:
        """Events were written, here or elsewhere."""
        self._hinted.set()

    def others_alive(self, alive: bool) -> None:
        """Whether other gateways work on the same database; until it is said, none does."""
        self._neighbours.are_there(alive)

    def steps(self, job: str) -> Steps | None:
        """The last progress heard of."""
        return self._steps.of(job)

    async def join(self, team: str, job: str | None = None, after: int | None = None) -> Listener:
        """Listens to a team's events, or to one job's: those behind `after`, else whatever happens from now on.

        Whoever joined leaves again (`leave`). Raises DatabaseError.
        """
        listener = Listener(self._ring, self._reading(team, job), team, job, seq=after or 0, behind=after is not None)
        if self._ended:
            listener.close()
            return listener
        index, key = self._place_of(listener)
        index.add(key, listener)
        try:
            newest = await self._fed()
        except BaseException:
            self.leave(listener)
            raise
        if after is None:
            listener.seq = newest
        return listener

    def leave(self, listener: Listener) -> None:
        index, key = self._place_of(listener)
        index.discard(key, listener)

    async def wait_for_end(self, job: str, until: float) -> None:
        """Until the job is over or gone, the gateway ends, or `until` has come (an instant of `time.monotonic()`).

        Raises DatabaseError.
        """
        if self._ended:
            return
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ends.add(job, end)
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._fed()
                row = await self._database.read(read_job, job)
                if row is not None and row.finished is None:
                    await end
        except TimeoutError:
            return
        finally:
            self._ends.discard(job, end)

    def end(self) -> None:
        """Everybody who listens or waits is let go: the gateway is to end."""
        self._ended = True
        for listener in (*self._of_job.all(), *self._of_team.all()):
            listener.close()
        for end in self._ends.all():
            let_go(end)

    async def close(self) -> None:
        self.end()
        if self._feed is not None:
            self._feed.cancel()
            await asyncio.wait([self._feed])
        await self._neighbours.close()

    def _reading(self, team: str, job: str | None) -> ReadAfter:
        if job is None:
            return lambda seq, limit: self._database.read(team_events_after, team, seq, limit)
        return lambda seq, limit: self._database.read(job_events_after, job, seq, limit)

    def _place_of(self, listener: Listener) -> tuple[Index[Listener], str]:
        return (self._of_team, listener.team) if listener.job is None else (self._of_job, listener.job)

    async def _fed(self) -> int:
        """The newest event, when everything that follows it is told here."""
        if self._feed is None or self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._feed = asyncio.create_task(self._read_events(self._ready), name="events")
        wrong = await asyncio.shield(self._ready)
        if wrong is not None:
            raise DatabaseError(wrong)
        return self._newest or 0

    async def _read_events(self, ready: asyncio.Future[str | None]) -> None:
        """As long as somebody listens."""
        self._hinted.clear()
        try:
            self._newest = await self._database.read(newest_event)
            ready.set_result(None)
            while await self._hinted_for_somebody():
                await self._read_on(self._newest)
        except DatabaseError as wrong:
            ready.set_result(str(wrong))
        finally:
            self._feed = self._newest = None
            self._ring.clear()
            if not ready.done():
                ready.set_result("the gateway is ending")

    async def _hinted_for_somebody(self) -> bool:
        """At a hint, or after a second; False when nobody listens any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                await self._hinted.wait()
        self._hinted.clear()
        return bool(self._of_job or self._of_team or self._ends)

    async def _read_on(self, newest: int) -> None:
        try:
            page = await self._database.read(events_after, newest, PAGE)
        except DatabaseError as wrong:
            log.warning("events_unread", error=str(wrong))
            await asyncio.sleep(self._poll_seconds)
            self.hint()
            return
        for event in page:
            if self._newest is None or event.seq > self._newest:
                self._publish(event)
        if len(page) == PAGE:
            self.hint()

    def _follow(self, events: Iterable[Committed]) -> bool:
        """Tells of events that follow directly upon the last one; False at the first that does not."""
        for event in events:
            if self._newest is None or event.seq > self._newest + 1:
                return False
            if event.seq == self._newest + 1:
                self._publish(event)
        return True

    def _publish(self, event: Committed) -> None:
        self._newest = event.seq
        self._tell_listeners(event)
        if event.type == "finished":
            self._steps.forget(event.job)
            for end in self._ends.of(event.job):
                let_go(end)

    def _tell_here(self, event: Transient) -> None:
        if event.type == "progress":
            self._steps.remember(event.job, event.data)
        self._tell_listeners(event)

    def _tell_listeners(self, event: Event) -> None:
        """What nobody listens for is not kept: whoever comes later reads SQL."""
        of_job, of_team = self._of_job.of(event.job), self._of_team.of(event.team)
        if of_job or of_team:
            place = self._ring.append(event)
            for listener in (*of_job, *of_team):
                listener.told(place)


def let_go(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
