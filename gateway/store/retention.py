"""What is no longer to be kept, and how its rows go: the last of all that is deleted. Moments are Unix seconds.

Whether a row of `pictures` still counts is a question of its job, its age and its team's policy, asked anew each time:
nothing is noted down that a killed process could leave half done. Each function is part of a transaction.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, exists, func, or_, select, update

from gateway.store import spending
from gateway.store.policies import Policy, owned
from gateway.store.settlement import settle_unfinished
from gateway.store.tables import deliveries, idempotency, jobs, pictures, processes, webhook_secrets
from gateway.store.tenant_tables import keys, teams

ABANDONED_AFTER = 600.0  # seconds without a beat of its process, when nobody works any more for a job to be deleted
IDEMPOTENCY_KEPT = 86_400.0


class Place(NamedTuple):
    """A row of `pictures`."""

    job: str
    role: str
    place: int


class Doomed(NamedTuple):
    """A row of `pictures` that no longer counts, with the object (`hash.format`) and the cache's record it leads to."""

    at: Place
    team: str
    name: str | None
    cache_key: str | None


class Counted(NamedTuple):
    """An object that is still referred to, and where the cache's record of it lies, if there is one."""

    name: str
    cache_key: str | None


# A process may still be drawing for a job that is to be deleted: until it has stopped, not all is there that will be.
ENDED = or_(
    jobs.c.finished.is_not(None),
    ~exists().where(processes.c.id == jobs.c.owner, processes.c.beat >= bindparam("now") - ABANDONED_AFTER),
)
DELETED = and_(jobs.c.deleting, ENDED)
# The state is wrapped so that SQLite looks for the job's few deliveries, not through all that are pending.
AWAITED = exists().where(deliveries.c.job == jobs.c.id, func.coalesce(deliveries.c.state, "") == "pending")
USED_UP = and_(pictures.c.role == "source", jobs.c.finished.is_not(None))
DELIVERED = and_(pictures.c.role == "image", jobs.c.finished.is_not(None), ~AWAITED)
OF_TEAM = func.coalesce(teams.c.image_ttl, bindparam("image_ttl"))
TOO_OLD = and_(
    DELIVERED,
    or_(
        pictures.c.created < bindparam("now") - OF_TEAM,
        pictures.c.created < bindparam("now") - func.coalesce(keys.c.image_ttl, OF_TEAM),
    ),
)
COUNTS_NO_MORE = or_(DELETED, USED_UP, TOO_OLD)
LEADS_SOMEWHERE = or_(pictures.c.name.is_not(None), pictures.c.cache_key.is_not(None))

OF_JOBS = pictures.join(jobs, jobs.c.id == pictures.c.job)
OF_OWNERS = OF_JOBS.outerjoin(teams, teams.c.id == pictures.c.team).outerjoin(keys, keys.c.id == jobs.c.caller)
PLACE = (pictures.c.job, pictures.c.role, pictures.c.place)
DOOMED = select(*PLACE, pictures.c.team, pictures.c.name, pictures.c.cache_key).select_from(OF_JOBS)

DOOMED_WITH_JOB = DOOMED.where(DELETED, LEADS_SOMEWHERE)
DOOMED_OF = DOOMED_WITH_JOB.where(jobs.c.id == bindparam("job"))
DOOMED_ALONE = DOOMED.where(pictures.c.team == bindparam("of"), pictures.c.name.is_not(None), ~jobs.c.deleting)
DOOMED_SOURCES = DOOMED_ALONE.where(USED_UP, pictures.c.created < bindparam("now"))  # all; there is an index by age
DOOMED_IMAGES = DOOMED_ALONE.where(DELIVERED, pictures.c.created < bindparam("before"))
DOOMED_OF_KEY = DOOMED_IMAGES.where(jobs.c.caller == bindparam("by"))
COUNTED = (
    select(pictures.c.name, pictures.c.cache_key)
    .distinct()
    .select_from(OF_OWNERS)
    .where(pictures.c.team == bindparam("of"), pictures.c.name.in_(bindparam("names", expanding=True)), ~COUNTS_NO_MORE)
)
STILL_DOOMED = (
    select(*PLACE)
    .select_from(OF_OWNERS)
    .where(pictures.c.job.in_(bindparam("ids", expanding=True)), COUNTS_NO_MORE)
    .order_by(*PLACE)
    .with_for_update(skip_locked=True, of=pictures)
)
THIS_PLACE = and_(
    pictures.c.job == bindparam("its_job"),
    pictures.c.role == bindparam("its_role"),
    pictures.c.place == bindparam("its_place"),
)
EXPIRED = update(pictures).where(THIS_PLACE).values(name=None, cache_key=None)
DROP = delete(pictures).where(THIS_PLACE)

OLD = (
    select(jobs.c.id)
    .where(
        jobs.c.created < bindparam("before"),  # no more than `finished` says, but there is an index
        jobs.c.finished < bindparam("before"),
        ~jobs.c.deleting,
        ~AWAITED,
    )
    .limit(bindparam("most"))
)
OLD_JOBS = OLD.where(jobs.c.team == bindparam("of"))
OLD_JOBS_OF_KEY = OLD.where(jobs.c.caller == bindparam("by"))
MARK_THESE = update(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True)), ~jobs.c.deleting).values(deleting=True)
MARK = (
    update(jobs)
    .where(jobs.c.id == bindparam("job"), jobs.c.team == bindparam("of"))
    .values(deleting=True, cancelling=or_(jobs.c.cancelling, jobs.c.finished.is_(None)))
)
BARE = select(jobs.c.id).where(DELETED, ~exists().where(pictures.c.job == jobs.c.id, LEADS_SOMEWHERE))
BARE_JOBS = BARE.order_by(jobs.c.id).limit(bindparam("most")).with_for_update(skip_locked=True, of=jobs)
BARE_JOB = BARE.where(jobs.c.id == bindparam("job")).with_for_update(of=jobs)
THEIR_KEYS = delete(idempotency).where(idempotency.c.job.in_(bindparam("ids", expanding=True)))
KEYS_OF = delete(idempotency).where(idempotency.c.job == bindparam("job"), idempotency.c.team == bindparam("of"))
REMOVE = delete(jobs).where(jobs.c.id.in_(bindparam("ids", expanding=True)))

OLD_KEYS = (
    select(idempotency.c.team, idempotency.c.key)
    .where(idempotency.c.created < bindparam("before"))
    .order_by(idempotency.c.created)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
DROP_KEY = delete(idempotency).where(idempotency.c.team == bindparam("of"), idempotency.c.key == bindparam("its_key"))
DROP_SECRETS = delete(webhook_secrets).where(webhook_secrets.c.expires < bindparam("now"))


def mark_old(connection: Connection, policy: Policy, now: float, limit: int) -> int:
    """Mark finished jobs that are older than their team or key keeps them; how many, at most `limit`.

    One with something still to be sent to its caller is left until that is delivered or given up.
    """
    marked = 0
    for its in owned(connection, policy):
        asked = {"of": its.team, "by": its.key, "before": now - its.policy.job_ttl, "most": limit - marked}
        wanted = OLD_JOBS if its.key is None else OLD_JOBS_OF_KEY
        old = connection.scalars(wanted, asked).all() if marked < limit else ()
        if old:
            connection.execute(THEIR_KEYS, {"ids": old})  # first, as everybody locks keys before jobs
            marked += connection.execute(MARK_THESE, {"ids": old}).rowcount
    return marked


def mark(connection: Connection, team: str, job: str) -> bool:
    """Mark one job, which is as good as gone from now on, and its key free; False where the team has none of that id.

    One that is not finished is asked to stop.
    """
    asked = {"job": job, "of": team}
    connection.execute(KEYS_OF, asked)
    return connection.execute(MARK, asked).rowcount > 0


def doomed(connection: Connection, policy: Policy, now: float, limit: int) -> list[Doomed]:
    """At most `limit` rows of pictures that no longer count and still lead somewhere.

    Those of jobs to be deleted, pictures that were sent for a job that has ended, and pictures that are too old.
    """
    found = [doomed_row(row) for row in connection.execute(DOOMED_WITH_JOB.limit(limit), {"now": now})]
    for its in owned(connection, policy):
        for kind in (DOOMED_SOURCES, DOOMED_IMAGES) if its.key is None else (DOOMED_OF_KEY,):
            if len(found) < limit:
                asked = {"of": its.team, "by": its.key, "before": now - its.policy.image_ttl, "now": now}
                found += map(doomed_row, connection.execute(kind.limit(limit - len(found)), asked))
    return found


def doomed_of(connection: Connection, job: str, now: float) -> list[Doomed]:
    """All of a job that is to be deleted."""
    return [doomed_row(row) for row in connection.execute(DOOMED_OF, {"job": job, "now": now})]


def doomed_row(row: Any) -> Doomed:
    return Doomed(Place(*row[:3]), *row[3:])


def counted(connection: Connection, policy: Policy, now: float, team: str, names: Collection[str]) -> set[Counted]:
    """What rows that count say of these stored objects; nothing of one that nobody refers to."""
    asked = {**moment(policy, now), "of": team, "names": list(names)}
    return {Counted(*row) for row in connection.execute(COUNTED, asked)}


def clear(connection: Connection, policy: Policy, now: float, places: Collection[Place]) -> int:
    """Let these rows lead nowhere, as far as they still do not count; how many did.

    That of a picture which its job made stays: it says that there was one.
    """
    of = sorted({place.job for place in places})
    found = [Place(*row) for row in connection.execute(STILL_DOOMED, {**moment(policy, now), "ids": of})]
    cleared = [place for place in found if place in places]
    for role, change in (("image", EXPIRED), ("source", DROP)):
        if of_role := [place for place in cleared if place.role == role]:
            connection.execute(
                change, [{f"its_{name}": value for name, value in each._asdict().items()} for each in of_role]
            )
    return len(cleared)


def remove_jobs(connection: Connection, now: float, limit: int) -> int:
    """Remove marked jobs of whose pictures nothing is left, with all that is written about them; how many."""
    spending.settling(connection)
    return remove(connection, connection.scalars(BARE_JOBS, {"now": now, "most": limit}).all())


def remove_job(connection: Connection, job: str, now: float) -> bool:
    """Remove this one, if it is marked and nothing is left of its pictures; False when it must wait."""
    spending.settling(connection)
    return remove(connection, connection.scalars(BARE_JOB, {"now": now, "job": job}).all()) > 0


def remove(connection: Connection, ids: Sequence[str]) -> int:
    """How many. One that nobody works on any more, and has not ended, is settled with what it has sent."""
    if not ids:
        return 0
    settle_unfinished(connection, ids)
    return connection.execute(REMOVE, {"ids": ids}).rowcount


def forget_keys(connection: Connection, now: float, limit: int) -> int:
    """Idempotency keys that were kept long enough; how many, at most `limit`."""
    before = now - IDEMPOTENCY_KEPT
    old = connection.execute(OLD_KEYS, {"before": before, "most": limit}).all()
    if old:
        connection.execute(DROP_KEY, [{"of": team, "its_key": key} for team, key in old])
    return len(old)


def forget_secrets(connection: Connection, now: float) -> None:
    """Those of webhooks that are no longer in use."""
    connection.execute(DROP_SECRETS, {"now": now})


def moment(policy: Policy, now: float) -> dict[str, Any]:
    return {"now": now, "job_ttl": policy.job_ttl, "image_ttl": policy.image_ttl}
