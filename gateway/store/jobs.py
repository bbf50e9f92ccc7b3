"""Jobs as they stand in the database: read, listed, asked to end. Each function is part of somebody's transaction.

A job with `deleting` set is as good as gone. Moments are Unix seconds.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Boolean, Connection, and_, bindparam, exists, or_, select, true, tuple_, update

from gateway.store.entries import CallRow, DeliveryKind, PictureRow, Status
from gateway.store.prepared import Prepared
from gateway.store.tables import calls, deliveries, idempotency, jobs, pictures


@dataclass(frozen=True, slots=True)
class JobRow:
    """See `tables.jobs`."""

    id: str
    team: str
    caller: str
    operation: str
    model: str
    status: Status
    owner: str | None
    attempt: int
    deaths: int
    body: str
    request: bytes | None = field(repr=False)
    images: int
    gone: bool
    leftover: bool
    cancelling: bool
    deleting: bool
    created: float
    started: float | None
    finished: float | None
    provider: str | None
    cost_micros: int | None
    result: bytes | None
    error: bytes | None
    held_micros: int = 0
    budgets: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """See `tables.deliveries`."""

    id: str
    job: str
    team: str
    kind: DeliveryKind
    place: int
    url: str
    state: str
    tries: int
    due: float
    created: float
    last_at: float | None
    last_status: int | None
    last_error: str | None


JOB = [jobs.c[each.name] for each in fields(JobRow)]
CALL_FIELDS = [each.name for each in fields(CallRow)]
CALL = [calls.c[name] for name in CALL_FIELDS]
PICTURE = [pictures.c[each.name] for each in fields(PictureRow)]
DELIVERY = [deliveries.c[each.name] for each in fields(DeliveryRow)]

READ = Prepared(lambda _dialect: select(*JOB).where(jobs.c.id == bindparam("id"), ~jobs.c.deleting))
BOOLEANS = [isinstance(column.type, Boolean) for column in JOB]
CALLS = select(*CALL).where(calls.c.job == bindparam("job")).order_by(calls.c.number)
PICTURES = (
    select(*PICTURE)
    .where(pictures.c.job == bindparam("job"), pictures.c.role == bindparam("role"))
    .order_by(pictures.c.place)
)
DELIVERIES = (
    select(*DELIVERY).where(deliveries.c.job == bindparam("job")).order_by(deliveries.c.created, deliveries.c.place)
)
OPEN = and_(jobs.c.finished.is_(None), ~jobs.c.deleting)
ASK = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.team == bindparam("of"), OPEN)
    .values(cancelling=True)
    .returning(*JOB)
)
GONE = update(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True))).values(gone=True)
# A request that runs can be asked for again however old it is; one under a key of its own is asked for by that alone.
SAME_REQUEST = and_(
    jobs.c.team == bindparam("of"),
    jobs.c.caller == bindparam("by"),
    jobs.c.body == bindparam("hash"),
    or_(jobs.c.finished.is_(None), jobs.c.finished >= bindparam("since")),
    ~jobs.c.deleting,
    ~exists().where(idempotency.c.job == jobs.c.id),
)
FORSAKEN = select(*JOB).where(SAME_REQUEST, jobs.c.gone).order_by(jobs.c.created, jobs.c.id).limit(1)
FREE_OR_HELD = (FORSAKEN.with_for_update(of=jobs, skip_locked=True), FORSAKEN.with_for_update(of=jobs))
FOUND = update(jobs).where(jobs.c.id == bindparam("job")).values(gone=False, found=jobs.c.found + 1)
LEAST_FOUND = (
    select(*JOB)
    .where(SAME_REQUEST, jobs.c.finished.is_(None))
    .order_by(jobs.c.found, jobs.c.created.desc(), jobs.c.id.desc())
    .limit(1)
    .with_for_update(of=jobs, skip_locked=True)
)
RUNS_FOR_ANOTHER = select(exists().where(SAME_REQUEST, jobs.c.finished.is_(None), ~jobs.c.gone))
NEWEST = select(*JOB).where(SAME_REQUEST).order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(1)


def read_job(connection: Connection, id: str, team: str | None = None) -> JobRow | None:
    """None for one that is not there, or not that team's."""
    found = READ.fetch(connection, id=id)
    row = job_row(found[0]) if found else None
    return row if row is not None and team in (None, row.team) else None


def job_row(values: Sequence[Any]) -> JobRow:
    """From what a prepared statement gives, with SQLite's 0 and 1 as the booleans that they stand for."""
    told: list[Any] = [bool(value) if boolean else value for value, boolean in zip(values, BOOLEANS, strict=True)]
    return JobRow(*told)


def list_jobs(
    connection: Connection,
    team: str,
    *,
    statuses: Collection[Status] = (),
    model: str | None = None,
    created_from: float | None = None,
    created_to: float | None = None,
    after: str | None = None,
    limit: int = 20,
) -> list[JobRow]:
    """A team's jobs, newest first: those created from one moment until before another, further back than `after`."""
    wanted = select(*JOB).where(
        jobs.c.team == team,
        ~jobs.c.deleting,
        jobs.c.status.in_(statuses) if statuses else true(),
        jobs.c.model == model if model is not None else true(),
        jobs.c.created >= created_from if created_from is not None else true(),
        jobs.c.created < created_to if created_to is not None else true(),
        older_than(team, after) if after is not None else true(),
    )
    newest_first = wanted.order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit)
    return [JobRow(*row) for row in connection.execute(newest_first)]


def older_than(team: str, after: str) -> Any:
    """Nothing is older than a job that is not there, or another team's."""
    other = jobs.alias()
    place = select(other.c.created, other.c.id).where(other.c.id == after, other.c.team == team)
    return tuple_(jobs.c.created, jobs.c.id) < place.scalar_subquery()


def calls_of(connection: Connection, job: str) -> tuple[CallRow, ...]:
    """In the order in which they were begun."""
    return tuple(call_row(row) for row in connection.execute(CALLS, {"job": job}))


def call_row(row: Sequence[Any]) -> CallRow:
    values = dict(zip(CALL_FIELDS, row, strict=True))
    values["indexes"] = tuple(int(index) for index in values["indexes"].split(",") if index)
    return CallRow(**values)


def pictures_of(connection: Connection, job: str, role: str) -> tuple[PictureRow, ...]:
    """In the order of their places."""
    return tuple(PictureRow(*row) for row in connection.execute(PICTURES, {"job": job, "role": role}))


def left_behind(connection: Connection, job: str) -> tuple[tuple[CallRow, ...], tuple[PictureRow, ...]]:
    """What an earlier attempt at a job has written down: its calls, and the pictures it made."""
    return calls_of(connection, job), pictures_of(connection, job, "image")


def deliveries_of(connection: Connection, job: str) -> tuple[DeliveryRow, ...]:
    """Webhooks and uploads, the oldest first."""
    return tuple(DeliveryRow(*row) for row in connection.execute(DELIVERIES, {"job": job}))


def ask_to_cancel(connection: Connection, team: str, id: str) -> JobRow | None:
    """The job as it stands then; None where there is none that could still be cancelled. Its owner will end it."""
    asked = connection.execute(ASK, {"job": id, "of": team}).one_or_none()
    return None if asked is None else JobRow(*asked)


def find_left(connection: Connection, team: str, caller: str, body: str, since: float) -> JobRow | None:
    """As `find_resent`, of jobs whose askers have left alone."""
    wanted = {"of": team, "by": caller, "hash": body, "since": since}
    for forsaken in FREE_OR_HELD:  # first one that nobody else is just asking for
        found = connection.execute(forsaken, wanted).one_or_none()
        if found is not None:
            connection.execute(FOUND, {"job": found.id})
            return JobRow(*found)
    return None


def find_resent(connection: Connection, team: str, caller: str, body: str, since: float) -> JobRow | None:
    """The job that a request sent again is about, among those that run or ended since then; whoever asks first gets it.

    That is the oldest one whose asker has left: it counts as asked for again from now on, though the row returned still
    says `gone`. Where none was left, it is the newest, whatever became of it; of several that run, one that as few as
    possible were led to, because their process may have died with the connections of all who had asked.
    """
    left = find_left(connection, team, caller, body, since)
    if left is not None:
        return left
    wanted = {"of": team, "by": caller, "hash": body, "since": since}
    newest = connection.execute(NEWEST, wanted).one_or_none()
    if newest is None or newest.finished is not None:
        return JobRow(*newest) if newest is not None else None
    found = connection.execute(LEAST_FOUND, wanted).one_or_none() or newest
    connection.execute(FOUND, {"job": found.id})
    return JobRow(*found)


def runs_for_another(connection: Connection, team: str, caller: str, body: str) -> bool:
    """Whether such a request runs whose asker, as far as is known, has not left."""
    wanted = {"of": team, "by": caller, "hash": body, "since": 0.0}
    return bool(connection.scalar(RUNS_FOR_ANOTHER, wanted))


def mark_gone(connection: Connection, ids: Sequence[str]) -> None:
    """Whoever asked for these jobs has left without an answer."""
    if ids:
        connection.execute(GONE, {"ids": list(ids)})
