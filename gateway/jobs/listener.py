"""A stream's place among the events: what it has seen, and how it waits for more."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

from gateway.jobs.ring import Event, Ring, Transient, size_of
from gateway.store.entries import Committed

PAGE = 200  # events read from SQL at once
BATCH_BYTES = 256 * 1024  # of events handed out at once, unless a single one is larger

ReadAfter = Callable[[int, int], Awaitable[list[Committed] | None]]


class Listener:
    """Durable events come in the order of `seq`, each once; transient ones between them, unless it is too slow.

    It listens to all of a team's, or to one job's. `seq` is the last one it has seen. `read_after(seq, limit)` reads
    further ones from SQL: those from before it listened, and those that dropped out of the ring before it came to them;
    None says that there will never be any.
    """

    __slots__ = ("_behind", "_closed", "_first", "_read_after", "_ring", "_waiter", "job", "on_close", "seq", "team")

    def __init__(
        self, ring: Ring, read_after: ReadAfter, team: str, job: str | None, *, seq: int, behind: bool
    ) -> None:
        self.team = team
        self.job = job
        self.seq = seq
        self.on_close: Callable[[], None] | None = None
        self._ring = ring
        self._read_after = read_after
        self._behind = behind
        self._first: int | None = None  # the place of the first event for it that it has not seen
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Nothing more is told; whoever waits wakes up, and `on_close` is called."""
        self._closed = True
        self._wake()
        if self.on_close is not None:
            self.on_close()

    def told(self, place: int) -> None:
        """There is an event for it at this place of the ring."""
        if self._first is None:
            self._first = place
            self._wake()

    async def next(self, seconds: float) -> list[Event]:
        """Further events; none when there was nothing for so long, or when it was closed. Raises DatabaseError."""
        if self._first is None and not self._behind and not self._closed:
            await self._wait(seconds)
        if self._closed:
            return []
        if self._first is not None and self._first < self._ring.start:
            self._behind, self._first = True, None
        return list(await self._from_sql()) if self._behind else self._from_ring()

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake)  # a tenth of the price of asyncio.timeout
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _from_sql(self) -> list[Committed]:
        """What is told while SQL is being read is in the ring afterwards, and passed over there if it was read here."""
        page = await self._read_after(self.seq, PAGE)
        if page is None:
            self.close()
            return []
        self._behind = len(page) == PAGE
        if page:
            self.seq = page[-1].seq
        return page

    def _from_ring(self) -> list[Event]:
        batch: list[Event] = []
        if self._first is None:
            return batch
        place, end, room = self._first, self._ring.end, BATCH_BYTES
        while place < end and room > 0:
            event = self._ring.at(place)
            place += 1
            if self._is_new(event):
                batch.append(event)
                room -= size_of(event)
        self._first = place if place < end else None
        return batch

    def _is_new(self, event: Event) -> bool:
        if event.team != self.team or self.job not in (None, event.job):
            return False
        if isinstance(event, Transient):
            return True
        if event.seq <= self.seq:
            return False
        self.seq = event.seq
        return True


Member = TypeVar("Member")


class Index(Generic[Member]):
    """Who listens or waits, by the team or the job that it is about."""

    def __init__(self) -> None:
        self._members: dict[str, set[Member]] = {}

    def __bool__(self) -> bool:
        return bool(self._members)

    def add(self, key: str, member: Member) -> None:
        self._members.setdefault(key, set()).add(member)

    def discard(self, key: str, member: Member) -> None:
        members = self._members.get(key, set())
        members.discard(member)
        if not members:
            self._members.pop(key, None)

    def of(self, key: str) -> Collection[Member]:
        return self._members.get(key, ())

    def all(self) -> list[Member]:
        return [member for members in self._members.values() for member in members]
