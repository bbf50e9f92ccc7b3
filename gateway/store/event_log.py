"""Appends events so that whoever reads on from the last `seq` it saw never misses one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, func, insert, select, text

from gateway.store.entries import Committed, EventRow
from gateway.store.prepared import Prepared
from gateway.store.tables import events

EVENTS_LOCK = 6_504_100_327_471  # any number that nobody else locks in this database
INSERT = Prepared(lambda _dialect: insert(events))
NEXT = Prepared(
    lambda _dialect: text(
        "SELECT nextval('events_seq_seq') FROM pg_advisory_xact_lock(:lock), generate_series(1, :count)"
    )
)
HOLD = select(func.pg_advisory_xact_lock(EVENTS_LOCK))
LAST = Prepared(lambda _dialect: text("SELECT seq FROM sqlite_sequence WHERE name = 'events'"))


class JobEvent(NamedTuple):
    """An event with the job that it is about."""

    team: str
    job: str
    event: EventRow


def append(connection: Connection, rows: Sequence[JobEvent]) -> list[Committed]:
    """In the order given. Last in a transaction, because on Postgres all others that append wait for its end."""
    if not rows:
        return []
    told = [
        Committed(seq, row.team, row.job, row.event.type, row.event.at, row.event.data)
        for seq, row in zip(numbers(connection, len(rows)), rows, strict=True)
    ]
    INSERT.run(connection, [as_row(each) for each in told])
    return told


def wait_for_others(connection: Connection) -> None:
    """Until whoever is appending has committed, or given up."""
    if connection.dialect.name == "postgresql":
        connection.execute(HOLD)


def numbers(connection: Connection, count: int) -> Sequence[int]:
    """Numbers of which none is below one that can already be read.

    Postgres: until this transaction has ended, nobody else gets any. SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        return sorted(seq for (seq,) in NEXT.fetch(connection, lock=EVENTS_LOCK, count=count))
    last = next((seq for (seq,) in LAST.fetch(connection)), 0)
    return range(last + 1, last + 1 + count)


def as_row(event: Committed) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "team": event.team,
        "job": event.job,
        "type": event.type,
        "at": event.at,
        "data": orjson.dumps(event.data).decode(),
    }
