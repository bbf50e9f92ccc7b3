"""Takes back jobs whose caller was told that they could not be accepted, but which may have been written after all.

Otherwise their process would be taken to be working on them, for ever.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.store import spending
from gateway.store.entries import NewJob
from gateway.store.journal_rows import FIRST_ATTEMPT
from gateway.store.settlement import unpacked_places
from gateway.store.spending import Place
from gateway.store.tables import idempotency, jobs

# `written` is still the number of the entry it began with: nobody has gone on with it.
REMOVE = (
    delete(jobs)
    .where(
        jobs.c.id == bindparam("job"),
        jobs.c.owner.is_not_distinct_from(bindparam("its_owner")),
        jobs.c.attempt == bindparam("its_attempt"),
        jobs.c.written == bindparam("number"),
        jobs.c.finished.is_(None),
    )
    .returning(jobs.c.held_micros, jobs.c.budgets)
)
LOCK_KEYS = (
    select(idempotency.c.key)
    .where(idempotency.c.job.in_(bindparam("its", expanding=True)))
    .order_by(idempotency.c.team, idempotency.c.key)
    .with_for_update()
)
FREE_KEY = delete(idempotency).where(idempotency.c.job == bindparam("job"))
RESTORE_LEFTOVER = (
    update(jobs)
    .where(jobs.c.team == bindparam("of"), jobs.c.body == bindparam("hash"), jobs.c.heir == bindparam("job"))
    .values(leftover=True, heir=None)
)


def withdraw(connection: Connection, new: Sequence[tuple[int, NewJob]]) -> None:
    """With what they took: nothing is held for them, their keys are free again, and pictures that failed jobs left can
    be used by the next. Locks are taken in everybody's order: keys, jobs, spending.

    After `event_log.wait_for_others`, in a transaction of its own: one that nobody waited for may be committing still.
    """
    connection.execute(LOCK_KEYS, {"its": [job.id for _number, job in new]})
    taken: list[tuple[tuple[Place, ...], int]] = []
    for number, job in sorted(new, key=lambda each: each[1].id):
        began = {"its_owner": job.owner, "its_attempt": 0 if job.owner is None else FIRST_ATTEMPT}
        removed = connection.execute(REMOVE, {"job": job.id, "number": number, **began}).one_or_none()
        if removed is not None:
            taken.append((unpacked_places(removed.budgets), removed.held_micros))
            connection.execute(FREE_KEY, {"job": job.id})
            connection.execute(RESTORE_LEFTOVER, {"of": job.team, "hash": job.body, "job": job.id})
    purses = spending.lock(connection, {place for places, _held in taken for place in places}, ())
    for places, held in taken:
        purses.release(places, held)
    purses.save(connection)
