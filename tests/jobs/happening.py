"""Gateways that share a database, reduced to what events need: a journal, and the hub that it tells."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, delete

from gateway.jobs.events import Events
from gateway.jobs.listener import Listener
from gateway.jobs.ring import Event, Ring, Transient
from gateway.store.database import Database, SQLite
from gateway.store.entries import Committed, Entry, EventRow, EventType, Finish, Lease, NewJob
from gateway.store.journal import Journal
from gateway.store.redis import RedisConnection
from gateway.store.tables import jobs

TEAM = "default"
NOW = 1_795_236_842.75


def job(number: int) -> str:
    """`req_000000000000000000000007`."""
    return f"req_{number:024x}"


class CountingReads(SQLite):
    """A database that counts how often it is read."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.reads = 0

    async def read(self, work, *args, **named):  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType, reportIncompatibleMethodOverride, reportUnknownVariableType]
        self.reads += 1
        return await super().read(work, *args, **named)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


@dataclass
class Process:
    """`owner` is its id: the jobs that it begins are its own."""

    owner: str
    journal: Journal
    events: Events
    begun: set[str] = field(default_factory=set[str])

    async def begin(self, id: str, team: str = TEAM) -> None:
        new = NewJob(id, team, "admin", "generate", "qwen-image", "hash", b"{}", 2, time.time(), self.owner)
        await self.journal.write(Entry(id, team, new=new, events=(EventRow("accepted", NOW, {}),)))

    async def happens(self, id: str, *types: EventType, team: str = TEAM) -> None:
        """One entry, with a number in each event that says which of them it is."""
        rows = tuple(EventRow(type, NOW, {"index": index}) for index, type in enumerate(types))
        finish = Finish("succeeded", NOW) if "finished" in types else None
        await self.journal.write(Entry(id, team, lease=Lease(self.owner, 1), events=rows, finish=finish))

    async def close(self) -> None:
        await self.events.close()
        await self.journal.close()


def process(database: Database, redis: RedisConnection, owner: str = "prc_1", ring: Ring | None = None) -> Process:
    """It looks into SQL by itself every 20 ms, so that no test waits for a second."""
    events = Events(database, redis, ring=ring, poll_seconds=0.02)
    return Process(owner, Journal(database, events.committed), events)


async def heard(listener: Listener, count: int) -> list[Event]:
    """The next so many events."""
    found: list[Event] = []
    while len(found) < count:
        assert not listener.closed
        found += await listener.next(10)
    return found


def types(events: Sequence[Event]) -> list[str]:
    return [event.type for event in events]


def written(events: Sequence[Event]) -> list[int]:
    """The `seq` of those that have one."""
    return [event.seq for event in events if isinstance(event, Committed)]


def passing(events: Sequence[Event]) -> list[Transient]:
    return [event for event in events if isinstance(event, Transient)]


def forget_job(connection: Connection, id: str) -> None:
    """Its events go with it."""
    connection.execute(delete(jobs).where(jobs.c.id == id))
