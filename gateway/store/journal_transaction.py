"""A batch of the journal's entries in one transaction: who may write, and who comes too late.

Locks are taken in one order by everybody: callers' keys, jobs, then the lock on events. So transactions wait for each
other, and never in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.store import idempotency, leftovers
from gateway.store.entries import Committed, Entry, LeaseLost, NewJob, Written
from gateway.store.idempotency import Holder
from gateway.store.journal_rows import FIRST_ATTEMPT, Rows
from gateway.store.prepared import Prepared, one_of, several
from gateway.store.tables import jobs

STANDING = Prepared(
    lambda dialect: (
        select(jobs.c.id, jobs.c.owner, jobs.c.attempt, jobs.c.written, jobs.c.finished)
        .where(one_of(dialect, jobs.c.id, "ids"))
        .order_by(jobs.c.id)
        .with_for_update()
    )
)
DONE = Written()


class Numbered(NamedTuple):
    """`number` grows with every entry of a process: what is not above a job's `written` is there already."""

    number: int
    entry: Entry


@dataclass(slots=True)
class Standing:
    """Whose a job is, up to which number its entries are written, and when it ended."""

    owner: str | None
    attempt: int
    written: int
    finished: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of each entry, in their order, and the events that were added."""

    answers: list[Written | LeaseLost]
    committed: list[Committed]


def write_batch(connection: Connection, batch: Sequence[Numbered], now: float) -> Outcome:
    """What is written already, by a try that seemed to fail, is not written again."""
    new = [entry.new for _number, entry in batch if entry.new is not None]
    holders = idempotency.claim_keys(connection, new)
    known = standing(connection, [entry.job for _number, entry in batch if entry.new is None])
    admission = Admission(Rows(now), holders, known)
    answers = [admission.answer(number, entry) for number, entry in batch]
    admission.rows.open(connection)
    left = leftovers.take(connection, list(admission.rows.new.values()))
    if left:
        answers = [
            Written(left[entry.job]) if entry.new is not None and entry.job in left else answer
            for (_number, entry), answer in zip(batch, answers, strict=True)
        ]
    return Outcome(answers, admission.rows.write(connection))


def standing(connection: Connection, ids: Sequence[str]) -> dict[str, Standing]:
    """Nobody else changes these jobs until this transaction has ended."""
    if not ids:
        return {}
    found = STANDING.fetch(connection, ids=several(connection, dict.fromkeys(ids)))
    return {id: Standing(*row) for id, *row in found}


@dataclass(frozen=True, slots=True)
class Admission:
    """Which entries of a batch go into `rows`: each is seen after those before it."""

    rows: Rows
    holders: Mapping[str, Holder]
    known: dict[str, Standing]

    def answer(self, number: int, entry: Entry) -> Written | LeaseLost:
        return self.noted(number, entry) if entry.new is None else self.opened(number, entry, entry.new)

    def opened(self, number: int, entry: Entry, new: NewJob) -> Written:
        holder = self.holders.get(entry.job)
        if holder is not None and holder.job != entry.job:
            return Written(existing=holder.job, existing_body=holder.body)
        attempt = 0 if new.owner is None else FIRST_ATTEMPT
        finished = entry.finish.at if entry.finish else None
        self.known[entry.job] = Standing(new.owner, attempt, number, finished)
        self.rows.add(number, entry)
        return DONE

    def noted(self, number: int, entry: Entry) -> Written | LeaseLost:
        job = self.known.get(entry.job)
        if job is None or entry.lease != (job.owner, job.attempt):
            return LeaseLost()
        if number <= job.written or (entry.finish is not None and entry.finish.at == job.finished):
            return DONE
        if job.finished is not None:
            return LeaseLost()
        job.written = number
        if entry.finish is not None:
            job.finished = entry.finish.at
        self.rows.add(number, entry)
        return DONE
