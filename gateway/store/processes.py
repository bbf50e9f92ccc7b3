"""Which processes are alive, and which of them owns a job: the leases. Each function is part of a transaction.

A process renews its beat; the jobs of one whose beat is older than the lease are taken up by others, under the next
attempt's number, which shuts out whatever the former owner still wants to write.

A request may kill whoever works on it. So deaths are counted, and before the last that a job may cause it is alone with
its suspicion: no process has two such jobs at once, and others that died along with the culprit outlive it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, case, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.jobs import JOB, OPEN, JobRow
from gateway.store.tables import jobs, processes

MOST_DEATHS = 5  # of processes that had a job, before it is given up
FORGOTTEN_AFTER = 3600.0  # seconds without a beat, when nothing is left of a process but its row


def oldest(which: ColumnElement[bool]) -> Select[Any]:
    """Of open jobs; those that somebody else is just taking are passed over."""
    wanted = select(*JOB).where(OPEN, which).order_by(jobs.c.created, jobs.c.id).limit(bindparam("most"))
    return wanted.with_for_update(skip_locked=True, of=jobs)


OWNER_ALIVE = exists().where(processes.c.id == jobs.c.owner, processes.c.beat >= bindparam("since"))
ORPHANED = and_(jobs.c.owner.is_not(None), jobs.c.owner != bindparam("me"), ~OWNER_ALIVE)
ORPHANS = oldest(and_(ORPHANED, jobs.c.deaths != MOST_DEATHS - 2))
SUSPECTS = oldest(and_(ORPHANED, jobs.c.deaths == MOST_DEATHS - 2))
HAS_SUSPECT = select(exists().where(OPEN, jobs.c.owner == bindparam("me"), jobs.c.deaths == MOST_DEATHS - 1))
QUEUED = oldest(jobs.c.owner.is_(None))
TAKE = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        owner=bindparam("me"),
        attempt=jobs.c.attempt + 1,
        deaths=jobs.c.deaths + bindparam("died"),
        written=0,
        status="running",
    )
)
# Whoever asked was connected to the process that died, unless a request sent again has led somebody else here.
FORSAKE = (
    update(jobs)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), jobs.c.found == 0)
    .values(gone=True)
    .returning(jobs.c.id)
)
THIS_QUEUED = select(*JOB).where(OPEN, jobs.c.owner.is_(None), jobs.c.id == bindparam("job")).with_for_update()
RELEASE = (
    update(jobs)
    .where(OPEN, jobs.c.owner == bindparam("me"), jobs.c.id.in_(bindparam("ids", expanding=True)))
    .values(owner=None, status=case((jobs.c.started.is_(None), "queued"), else_=jobs.c.status))
)
# Also one that is to be deleted, which is done when it has stopped.
CANCELLED = select(jobs.c.id).where(jobs.c.finished.is_(None), jobs.c.owner == bindparam("me"), jobs.c.cancelling)
COUNT = select(func.count()).select_from(processes).where(processes.c.beat >= bindparam("since"))
QUEUE = select(func.count()).select_from(jobs).where(OPEN, jobs.c.owner.is_(None))
FORGET = delete(processes).where(processes.c.id == bindparam("me"))
FORGET_OLD = delete(processes).where(
    processes.c.beat < bindparam("before"), ~exists().where(OPEN, jobs.c.owner == processes.c.id)
)
BEATS = {
    name: inserted.on_conflict_do_update(index_elements=["id"], set_={"beat": inserted.excluded.beat})
    for name, inserted in (("sqlite", sqlite.insert(processes)), ("postgresql", postgresql.insert(processes)))
}


def beat(connection: Connection, id: str, now: float) -> None:
    """This process is alive."""
    connection.execute(BEATS[connection.dialect.name], {"id": id, "started": now, "beat": now})


def beat_now(connection: Connection, id: str) -> float:
    """As `beat`, at the moment of the transaction, however long it has waited for its turn. Returns that moment."""
    now = time.time()
    beat(connection, id, now)
    return now


def claim(connection: Connection, owner: str, now: float, lease: float, limit: int) -> list[JobRow]:
    """Up to `limit` open jobs are `owner`'s from now on: those of processes that no longer beat, then queued ones.

    Each kind with the oldest first.
    """
    wanted = {"me": owner, "since": now - lease, "most": limit}
    orphans = [JobRow(*row) for row in connection.execute(ORPHANS, wanted)]
    if len(orphans) < limit and not connection.scalar(HAS_SUSPECT, {"me": owner}):
        orphans += [JobRow(*row) for row in connection.execute(SUSPECTS, {**wanted, "most": 1})]
    connection.execute(FORGET_OLD, {"before": now - max(FORGOTTEN_AFTER, lease)})
    return taken(connection, owner, orphans, died=1) + take_queued(connection, owner, limit - len(orphans))


def take_queued(connection: Connection, owner: str, limit: int) -> list[JobRow]:
    """Up to `limit` jobs that wait for a process with room, oldest first."""
    if limit <= 0:
        return []
    return taken(connection, owner, [JobRow(*row) for row in connection.execute(QUEUED, {"most": limit})])


def take_this(connection: Connection, owner: str, job: str) -> JobRow | None:
    """A job that waits for a process; None where it does not, or no longer."""
    rows = [JobRow(*row) for row in connection.execute(THIS_QUEUED, {"job": job})]
    return next(iter(taken(connection, owner, rows)), None)


def taken(connection: Connection, owner: str, rows: Sequence[JobRow], *, died: int = 0) -> list[JobRow]:
    ids = [row.id for row in rows]
    forsaken: set[str] = set()
    if ids:
        connection.execute(TAKE, {"me": owner, "ids": ids, "died": died})
    if ids and died:
        forsaken = set(connection.scalars(FORSAKE, {"ids": ids}))
    return [
        replace(
            row,
            owner=owner,
            attempt=row.attempt + 1,
            deaths=row.deaths + died,
            status="running",
            gone=row.gone or row.id in forsaken,
        )
        for row in rows
    ]


def release(connection: Connection, owner: str, jobs: Sequence[str]) -> None:
    """For others to take at once; those that had not started wait in the queue again."""
    if jobs:
        connection.execute(RELEASE, {"me": owner, "ids": list(jobs)})


def forget(connection: Connection, id: str) -> None:
    """This process has ended; jobs that it still owns are anybody's."""
    connection.execute(FORGET, {"me": id})


def hand_over(connection: Connection, owner: str, jobs: Sequence[str]) -> None:
    """This process ends, and leaves these jobs to others."""
    release(connection, owner, jobs)
    forget(connection, owner)


def alive(connection: Connection, now: float, lease: float) -> int:
    """How many processes beat within the last `lease` seconds."""
    return connection.scalar(COUNT, {"since": now - lease}) or 0


def queue_length(connection: Connection) -> int:
    """How many jobs wait for a process."""
    return connection.scalar(QUEUE) or 0


def cancelled(connection: Connection, owner: str) -> list[str]:
    """The owner's jobs that somebody asked to cancel and that have not ended."""
    return list(connection.scalars(CANCELLED, {"me": owner}))
