"""Entries as a gateway hands them to the journal, and what is in the tables afterwards."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, select

from gateway.store.database import Database
from gateway.store.entries import (
    CallRow,
    CallState,
    Committed,
    Entry,
    EventRow,
    EventType,
    Finish,
    Lease,
    NewJob,
    PictureRow,
)
from gateway.store.journal import Journal
from gateway.store.tables import calls, events, jobs, pictures

TEAM = "default"
ME = Lease("prc_me", 1)
AT = 1_795_236_842.75
numbers = itertools.count(1)


def new_id() -> str:
    return f"req_{next(numbers):024x}"


def new_job(id: str, *, owner: str | None = ME.owner, key: str | None = None, body: str = "", **more: Any) -> NewJob:
    """Its request is the prompt that nothing may repeat."""
    values: dict[str, Any] = {"created": AT, "caller": "key_1", "images": 1, **more}
    return NewJob(
        id=id,
        team=TEAM,
        operation="generate",
        model="qwen-image",
        body=body or f"hash of {id}",
        request=b'{"prompt":"a secret fox"}',
        owner=owner,
        idempotency_key=key,
        **values,
    )


def call(number: int = 0, state: CallState = "sending", **more: Any) -> CallRow:
    return CallRow(number, "fal", "qwen-image", "a hash", (0, 2), state, AT, **more)


def picture(place: int = 0, name: str = "0a1b.png") -> PictureRow:
    return PictureRow("image", place, name, b'{"seed":7}', "easel:record:1")


def event(type: EventType, **data: Any) -> EventRow:
    return EventRow(type, AT, data)


def opening(id: str, *, owner: str | None = ME.owner, key: str | None = None, body: str = "", **more: Any) -> Entry:
    """The first entry of a synchronous request: written when its first call goes out."""
    return Entry(
        id,
        TEAM,
        new=new_job(id, owner=owner, key=key, body=body, **more),
        started=AT,
        calls=(call(),),
        events=(event("accepted"), event("started")),
    )


def note(id: str, lease: Lease = ME, **what: Any) -> Entry:
    return Entry(id, TEAM, lease=lease, **what)


def ending(id: str, lease: Lease = ME, *, leftover: bool = False) -> Entry:
    """The last entry of a request: with its picture, or, where that is left over, as failed."""
    status = "failed" if leftover else "succeeded"
    return Entry(
        id,
        TEAM,
        lease=lease,
        calls=(call(state="done", ticket='{"id":"1"}', images=1, cost_micros=20_000, finished=AT + 2),),
        pictures=(picture(),),
        events=(event("image", index=0), event("finished", status=status)),
        finish=Finish(
            status,
            time.time(),
            result=None if leftover else b'{"data":[]}',
            error=b'{"error":{}}' if leftover else None,
            provider="fal",
            cost_micros=20_000,
            leftover=leftover,
        ),
    )


class Told:
    """What a journal tells: give it as its `told`."""

    def __init__(self) -> None:
        self.events: list[Committed] = []

    def __call__(self, committed: Sequence[Committed]) -> None:
        self.events += committed

    def of(self, job: str) -> list[str]:
        return [each.type for each in self.events if each.job == job]


async def written(database: Database, *entries: Entry) -> None:
    """By a journal of their own, one after the other."""
    journal = Journal(database, Told())
    for entry in entries:
        await journal.write(entry)
    await journal.close()


async def count(database: Database, table: Table) -> int:
    def counted(connection: Connection) -> int:
        return connection.scalar(select(func.count()).select_from(table)) or 0

    return await database.read(counted)


async def column(database: Database, job: str, name: str) -> Any:
    """One value of the job's row."""

    def found(connection: Connection) -> Any:
        return connection.scalar(select(jobs.c[name]).where(jobs.c.id == job))

    return await database.read(found)


async def change(database: Database, work: Callable[[Connection], Any]) -> None:
    await database.write(work)


async def totals(database: Database) -> tuple[int, int, int, int]:
    """How many jobs, calls, pictures and events there are."""
    return (
        await count(database, jobs),
        await count(database, calls),
        await count(database, pictures),
        await count(database, events),
    )


async def told_types(database: Database, job: str) -> list[str]:
    """The job's events in the order of `seq`."""

    def found(connection: Connection) -> list[str]:
        return list(connection.scalars(select(events.c.type).where(events.c.job == job).order_by(events.c.seq)))

    return await database.read(found)
