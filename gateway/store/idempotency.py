"""Callers' keys: the first job under a key wins it, for a day."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.entries import NewJob
from gateway.store.tables import idempotency

KEPT_SECONDS = 86_400.0
# A key that is older than a day is the newcomer's, in one step.
TAKE = {
    name: (insert := dialect.insert(idempotency)).on_conflict_do_update(
        index_elements=["team", "key"],
        set_={name: insert.excluded[name] for name in ("body", "job", "created")},
        where=idempotency.c.created < insert.excluded.created - KEPT_SECONDS,
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
HELD = select(idempotency.c.team, idempotency.c.key, idempotency.c.job, idempotency.c.body).where(
    idempotency.c.key.in_(bindparam("keys", expanding=True))
)

HOLDER = select(idempotency.c.job, idempotency.c.body).where(
    idempotency.c.team == bindparam("of"),
    idempotency.c.key == bindparam("under"),
    idempotency.c.created >= bindparam("since"),
)

FREE = delete(idempotency).where(idempotency.c.job == bindparam("its"))


class Holder(NamedTuple):
    """The job that a key belongs to, and the hash of its request."""

    job: str
    body: str


def holder_of(connection: Connection, team: str, key: str, now: float) -> Holder | None:
    """Whose a key is; None where it is free, or was taken more than a day ago."""
    found = connection.execute(HOLDER, {"of": team, "under": key, "since": now - KEPT_SECONDS}).one_or_none()
    return None if found is None else Holder(*found)


def free_key(connection: Connection, job: str) -> None:
    """The next request under the job's key is a new one."""
    connection.execute(FREE, {"its": job})


def claim_keys(connection: Connection, jobs: Sequence[NewJob]) -> dict[str, Holder]:
    """For each new job with a key: whose that key is now. It is the job's own where it was the first.

    Keys are taken in one order, so that two transactions never wait for each other.
    """
    named = {job.id: (job.team, job.idempotency_key, job) for job in jobs if job.idempotency_key is not None}
    if not named:
        return {}
    rows = [
        {"team": team, "key": key, "body": job.body, "job": job.id, "created": job.created}
        for team, key, job in sorted(named.values(), key=lambda each: each[:2])
    ]
    connection.execute(TAKE[connection.dialect.name], rows)
    found = connection.execute(HELD, {"keys": sorted({row["key"] for row in rows})})
    holders = {(team, key): Holder(job, body) for team, key, job, body in found}
    return {id: holders[team, key] for id, (team, key, _job) in named.items()}
