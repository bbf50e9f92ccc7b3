"""A batch of the journal's entries in one transaction: who may write, and who comes too late.

Locks are taken in one order by everybody: that on new periods, callers' keys, jobs, what is spent, then the lock on
events. So transactions wait for each other, and never in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sqlalchemy import Connection, select

from gateway.store import event_log, idempotency, leftovers, spending
from gateway.store.entries import Allowance, Committed, Entry, HoldRefused, LeaseLost, NewJob, Written
from gateway.store.idempotency import Holder
from gateway.store.journal_rows import FIRST_ATTEMPT, Rows
from gateway.store.prepared import Prepared, one_of, several
from gateway.store.settlement import BILL_COLUMNS, Bill, Settlement, bill_of, packed_places
from gateway.store.spending import Place, Purses
from gateway.store.tables import jobs

STANDING_COLUMNS = ("id", "owner", "attempt", "written", "finished", *BILL_COLUMNS)
STANDING = Prepared(
    lambda dialect: (
        select(*(jobs.c[name] for name in STANDING_COLUMNS))
        .where(one_of(dialect, jobs.c.id, "ids"))
        .order_by(jobs.c.id)
        .with_for_update()
    )
)
DONE = Written()
Answer = Written | LeaseLost | HoldRefused


class Numbered(NamedTuple):
    """`number` grows with every entry of a process: what is not above a job's `written` is there already."""

    number: int
    entry: Entry


@dataclass(slots=True)
class Standing:
    """Whose a job is, up to which number its entries are written, when it ended, and who pays for it."""

    owner: str | None
    attempt: int
    written: int
    finished: float | None
    bill: Bill


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of each entry, in their order, and the events that were added."""

    answers: list[Answer]
    committed: list[Committed]


def write_batch(connection: Connection, batch: Sequence[Numbered], now: float) -> Outcome:
    """What is written already, by a try that seemed to fail, is not written again. Raises PeriodsMissing."""
    if any(entry.finish is not None or entry.cached is not None for _number, entry in batch):
        spending.settling(connection)
    new = [entry.new for _number, entry in batch if entry.new is not None]
    holders = idempotency.claim_keys(connection, new)
    known = standing(connection, [entry.job for _number, entry in batch if entry.lease is not None and not entry.new])
    admission = Admission(connection, Rows(now), holders, known, purses(connection, batch, known))
    answers = [admission.answer(number, entry) for number, entry in batch]
    admission.rows.open(connection)
    left = leftovers.take(connection, list(admission.rows.new.values()))
    if left:
        answers = [
            replace(answer, leftover=left[entry.job])
            if isinstance(answer, Written) and entry.new is not None and entry.job in left
            else answer
            for (_number, entry), answer in zip(batch, answers, strict=True)
        ]
    admission.rows.write(connection)
    admission.settlement.write(connection, admission.purses)
    admission.purses.save(connection)
    return Outcome(answers, event_log.append(connection, admission.rows.events))


def standing(connection: Connection, ids: Sequence[str]) -> dict[str, Standing]:
    """Nobody else changes these jobs until this transaction has ended."""
    if not ids:
        return {}
    found = STANDING.fetch(connection, ids=several(connection, dict.fromkeys(ids)))
    return {
        id: Standing(owner, attempt, written, finished, bill_of(dict(zip(BILL_COLUMNS, bill, strict=True))))
        for id, owner, attempt, written, finished, *bill in found
    }


def purses(connection: Connection, batch: Sequence[Numbered], known: Mapping[str, Standing]) -> Purses:
    """Of all that the batch may hold or spend. Raises PeriodsMissing."""
    places: set[Place] = set()
    allowances: set[Allowance] = set()
    for _number, entry in batch:
        if entry.hold is not None:
            allowances.update(entry.hold.allowances)
        bill = bill_for(entry, known)
        if bill is not None and entry.hold is not None:
            places.update(bill.places)
        if bill is not None and entry.finish is not None:
            places.update(bill.counted)
    return spending.lock(connection, places, allowances)


def bill_for(entry: Entry, known: Mapping[str, Standing]) -> Bill | None:
    """None for a job that is not there."""
    new = entry.new
    if new is not None:
        return Bill(new.team, new.caller, new.model, new.created)
    standing = known.get(entry.job)
    return None if standing is None else standing.bill


@dataclass(frozen=True, slots=True)
class Admission:
    """Which entries of a batch go into `rows`: each is seen after those before it."""

    connection: Connection
    rows: Rows
    holders: Mapping[str, Holder]
    known: dict[str, Standing]
    purses: Purses
    settlement: Settlement = field(default_factory=Settlement)

    def answer(self, number: int, entry: Entry) -> Answer:
        if entry.new is not None:
            return self.opened(number, entry, entry.new)
        if entry.lease is None:
            self.charge(entry)
            return DONE
        return self.noted(number, entry)

    def opened(self, number: int, entry: Entry, new: NewJob) -> Answer:
        holder = self.holders.get(entry.job)
        if holder is not None and holder.job != entry.job:
            return Written(existing=holder.job, existing_body=holder.body)
        attempt = 0 if new.owner is None else FIRST_ATTEMPT
        finished = entry.finish.at if entry.finish else None
        bill = Bill(new.team, new.caller, new.model, new.created)
        answer = DONE
        if (refused := self.hold(entry, bill)) is not None:
            if not leftovers.is_there(self.connection, new):
                return refused
            accepted = tuple(event for event in entry.events if event.type == "accepted")
            entry, answer = replace(entry, started=None, calls=(), events=accepted), Written(refused=refused.shortage)
        self.known[entry.job] = Standing(new.owner, attempt, number, finished, bill)
        self.rows.add(number, entry)
        self.charge(entry)
        return answer

    def noted(self, number: int, entry: Entry) -> Answer:
        job = self.known.get(entry.job)
        if job is None or entry.lease != (job.owner, job.attempt):
            return LeaseLost()
        if number <= job.written or (entry.finish is not None and entry.finish.at == job.finished):
            return DONE
        if job.finished is not None:
            return LeaseLost()
        if (refused := self.hold(entry, job.bill)) is not None:
            return refused
        job.written = number
        if entry.finish is not None:
            job.finished = entry.finish.at
        self.rows.add(number, entry)
        self.charge(entry)
        return DONE

    def hold(self, entry: Entry, bill: Bill) -> HoldRefused | None:
        """Besides what is held for the job already."""
        if entry.hold is None:
            return None
        refused = self.purses.hold(entry.hold, bill.places, bill.held)
        if refused is not None:
            return HoldRefused(refused)
        bill.held += entry.hold.micros
        bill.places = tuple(Place(owner, period) for owner, period, _limit in entry.hold.allowances)
        self.rows.held[entry.job] = (bill.held, packed_places(bill.places))
        return None

    def charge(self, entry: Entry) -> None:
        if entry.finish is not None:
            self.settlement.bills[entry.job] = self.known[entry.job].bill
        if entry.cached is not None:
            self.settlement.cached.append((entry.job, entry.team, entry.cached))
