"""Takes back jobs whose caller was told that they could not be accepted, but which may have been written after all.

Otherwise their process would be taken to be working on them, for ever.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, update

from gateway.store import event_log, spending
from gateway.store.entries import NewJob
from gateway.store.journal_rows import FIRST_ATTEMPT
from gateway.store.settlement import unpacked_places
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
FREE_KEY = delete(idempotency).where(idempotency.c.job == bindparam("job"))
RESTORE_LEFTOVER = (
    update(jobs)
    .where(jobs.c.team == bindparam("of"), jobs.c.body == bindparam("hash"), jobs.c.heir == bindparam("job"))
    .values(leftover=True, heir=None)
)


def withdraw(connection: Connection, new: Sequence[tuple[int, NewJob]]) -> None:
    """With what they took: nothing is held for them, their keys are free again, and pictures that failed jobs left can
    be used by the next.
    """
    event_log.wait_for_others(connection)  # the transaction that nobody waited for may be committing just now
    for number, job in new:
        began = {"its_owner": job.owner, "its_attempt": 0 if job.owner is None else FIRST_ATTEMPT}
        removed = connection.execute(REMOVE, {"job": job.id, "number": number, **began}).one_or_none()
        if removed is not None:
            places = unpacked_places(removed.budgets)
            purses = spending.lock(connection, places, ())
            purses.release(places, removed.held_micros)
            purses.save(connection)
            connection.execute(FREE_KEY, {"job": job.id})
            connection.execute(RESTORE_LEFTOVER, {"of": job.team, "hash": job.body, "job": job.id})
