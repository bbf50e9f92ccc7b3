"""What happened to jobs, read in the order of `seq`. Each function is part of somebody's transaction."""

from typing import Any

import orjson
from sqlalchemy import Connection, Select, bindparam, func, select, text, true

from gateway.store.entries import Committed
from gateway.store.tables import events, jobs

EVENT = [events.c[name] for name in ("seq", "team", "job", "type", "at", "data")]
AFTER = select(*EVENT).where(events.c.seq > bindparam("seq")).order_by(events.c.seq).limit(bindparam("most"))
OF_TEAM = AFTER.where(events.c.team == bindparam("of"))
OF_JOB = AFTER.where(events.c.job == bindparam("about"))
IS_THERE = select(true()).where(jobs.c.id == bindparam("about"), ~jobs.c.deleting)
NEWEST = select(func.max(events.c.seq))
# Neither goes back when the newest events are deleted with their job.
GIVEN = {
    "sqlite": text("SELECT seq FROM sqlite_sequence WHERE name = 'events'"),
    "postgresql": text("SELECT pg_sequence_last_value(pg_get_serial_sequence('events', 'seq')::regclass)"),
}


def events_after(connection: Connection, seq: int, limit: int) -> list[Committed]:
    """Everybody's: the first `limit` events behind `seq`."""
    return read(connection, AFTER, {"seq": seq, "most": limit})


def team_events_after(connection: Connection, team: str, seq: int, limit: int) -> list[Committed]:
    """A team's: the first `limit` events behind `seq`."""
    return read(connection, OF_TEAM, {"of": team, "seq": seq, "most": limit})


def job_events_after(connection: Connection, job: str, seq: int, limit: int) -> list[Committed] | None:
    """One job's: the first `limit` events behind `seq`. None when there is nothing and the job is gone."""
    return read(connection, OF_JOB, {"about": job, "seq": seq, "most": limit}) or (
        [] if connection.scalar(IS_THERE, {"about": job}) else None
    )


def newest_event(connection: Connection) -> int:
    """The greatest `seq` that can be read; 0 without any."""
    return connection.scalar(NEWEST) or 0


def last_given(connection: Connection) -> int:
    """The greatest `seq` that any event ever had, deleted or not; no client can have seen a greater one."""
    return connection.scalar(GIVEN[connection.dialect.name]) or 0


def read(connection: Connection, wanted: Select[Any], values: dict[str, Any]) -> list[Committed]:
    return [told(row) for row in connection.execute(wanted, values)]


def told(row: Any) -> Committed:
    return Committed(row.seq, row.team, row.job, row.type, row.at, orjson.loads(row.data))
