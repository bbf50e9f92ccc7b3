"""Pictures of a job that failed are used by the next job that wants the same: by one, and once."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, exists, insert, select, update
from sqlalchemy.types import Double, Text

from gateway.store.entries import Leftover, NewJob
from gateway.store.jobs import pictures_of
from gateway.store.prepared import Prepared, one_of, several
from gateway.store.tables import jobs, pictures

FAILED = Prepared(
    lambda dialect: (
        select(jobs.c.id, jobs.c.team, jobs.c.caller, jobs.c.body)
        .where(jobs.c.leftover, ~jobs.c.deleting, one_of(dialect, jobs.c.body, "bodies"))
        .order_by(jobs.c.created.desc(), jobs.c.id)
    )
)
ANY = select(
    exists().where(
        jobs.c.team == bindparam("of"),
        jobs.c.caller == bindparam("by"),
        jobs.c.body == bindparam("hash"),
        jobs.c.leftover,
        ~jobs.c.deleting,
    )
)
TAKE = (
    update(jobs)
    .where(jobs.c.id == bindparam("failed"), jobs.c.leftover, ~jobs.c.deleting)
    .values(leftover=False, heir=bindparam("to"))
    .returning(jobs.c.id)
)
COPIED = ("role", "place", "team", "name", "facts", "cache_key")
COPY = insert(pictures).from_select(
    ["job", *COPIED, "created"],
    select(
        bindparam("to", type_=Text),
        *(pictures.c[name] for name in COPIED),
        bindparam("now", type_=Double),
    ).where(pictures.c.job == bindparam("failed"), pictures.c.role == "image"),
)


def is_there(connection: Connection, new: NewJob) -> bool:
    """Whether a failed job has left anything for such a request."""
    wanted = {"of": new.team, "by": new.caller, "hash": new.body}
    return bool(connection.scalar(ANY, wanted))


def take(connection: Connection, new: Sequence[NewJob]) -> dict[str, Leftover]:
    """What the new jobs, whose rows are there already, find of failed ones of the same team, caller and body."""
    left: dict[tuple[str, str, str], list[str]] = {}
    if not new:
        return {}
    for id, team, caller, body in FAILED.fetch(connection, bodies=several(connection, {job.body for job in new})):
        left.setdefault((team, caller, body), []).append(id)
    found: dict[str, Leftover] = {}
    for job in new:
        failed = left.get((job.team, job.caller, job.body))
        leftover = pass_on(connection, job, failed.pop(0)) if failed else None
        if leftover is not None:
            found[job.id] = leftover
    return found


def pass_on(connection: Connection, job: NewJob, failed: str) -> Leftover | None:
    """None where another job was faster."""
    if connection.execute(TAKE, {"failed": failed, "to": job.id}).one_or_none() is None:
        return None
    connection.execute(COPY, {"failed": failed, "to": job.id, "now": job.created})
    return Leftover(failed, pictures_of(connection, job.id, "image"))
