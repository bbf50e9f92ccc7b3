"""Whatever happens to jobs, in whichever order: what is spent is what the ledger says, and what is held is what open
jobs hold.
"""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, select, update

from gateway.store import retention
from gateway.store.adjustments import Adjustment, adjust
from gateway.store.entries import Allowance, CallRow, CallState, Entry, Finish, Hold, HoldRefused, Lease, NewJob
from gateway.store.journal_transaction import Numbered, write_batch
from gateway.store.metadata import metadata
from gateway.store.periods import bounds
from gateway.store.processes import claim
from gateway.store.settlement import unpacked_places
from gateway.store.spending import PeriodsMissing, Place, open_periods
from gateway.store.tables import jobs
from gateway.store.tenant_tables import ledger, spending, teams
from gateway.store.withdrawal import withdraw
from tests.store.writing import AT

TEAM, LIMIT = "default", 100
KEYS = ("key_1", "key_2")
DAYS = (AT, AT + 86_400.0)
Budgets = Callable[[str, str], tuple[tuple[str, str], ...]]  # by key and day
BUDGETS: tuple[Budgets, ...] = (
    lambda key, day: ((key, day), (TEAM, "total")),
    lambda key, _day: ((key, "2026-11"),),
    lambda _key, _day: ((TEAM, "2026-11"),),
    lambda _key, _day: (),
)


class Books:
    """A database, and the jobs that a test has begun in it: by id, with their lease and the day they came in."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.new: dict[str, tuple[int, NewJob]] = {}
        self.leases: dict[str, Lease] = {}
        self.numbers = 0
        self.clock = AT

    def write(self, *entries: Entry) -> list[object]:
        batch = [Numbered(self.number(), entry) for entry in entries]
        for number, entry in batch:
            if entry.new is not None:
                self.new[entry.job] = number, entry.new
        try:
            return list(write_batch(self.connection, batch, self.clock).answers)
        except PeriodsMissing as missing:
            open_periods(self.connection, missing.allowances)
            return list(write_batch(self.connection, batch, self.clock).answers)

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def hold(self, job: str, micros: int, budgets: Budgets) -> Hold | None:
        new = self.new[job][1]
        places = budgets(new.caller, "2026-11-21" if new.created == AT else "2026-11-22")
        return Hold(micros, tuple(Allowance(*place, LIMIT) for place in places)) if places and micros else None

    def check(self) -> None:
        kept = self.connection.execute(select(spending)).all()
        lines = self.connection.execute(select(ledger)).all()
        open_jobs = self.connection.execute(select(jobs).where(jobs.c.finished.is_(None))).all()
        for row in kept:
            since, until = bounds(row.period)
            mine = [line for line in lines if row.owner in (line.team, line.key) and since <= line.at < until]
            assert row.spent == sum(line.cost_micros or 0 for line in mine)
            place = Place(row.owner, row.period)
            assert row.held == sum(job.held_micros for job in open_jobs if place in unpacked_places(job.budgets))
            assert row.held >= 0


def call(number: int, state: CallState, micros: int) -> CallRow:
    cost = micros if state == "done" else 0 if state == "failed" else None
    return CallRow(number, "fal", "fal/m", "{}", (0,), state, AT, cost_micros=cost, planned_micros=micros)


def begin(books: Books, choose: Any, job: str) -> None:
    key, day = choose(st.sampled_from(KEYS)), choose(st.sampled_from(DAYS))
    new = NewJob(job, TEAM, key, "generate", "m", f"hash of {job}", b"{}", 1, day, "prc_1")
    books.new[job] = 0, new
    hold = books.hold(job, choose(st.integers(0, 60)), choose(st.sampled_from(BUDGETS)))
    [answer] = books.write(Entry(job, TEAM, new=new, started=day, calls=(call(0, "sending", 10),), hold=hold))
    if isinstance(answer, HoldRefused):
        del books.new[job]
    else:
        books.leases[job] = Lease("prc_1", 1)


def more(books: Books, choose: Any, job: str) -> None:
    hold = books.hold(job, choose(st.integers(1, 60)), choose(st.sampled_from(BUDGETS)))
    books.write(Entry(job, TEAM, lease=books.leases[job], calls=(call(1, "accepted", 20),), hold=hold))


def know(books: Books, choose: Any, job: str) -> None:
    state = choose(st.sampled_from(("done", "failed", "unknown", "cancelled")))
    known = call(choose(st.integers(0, 1)), state, choose(st.integers(0, 80)))
    books.write(Entry(job, TEAM, lease=books.leases[job], calls=(known,)))


def finish(books: Books, choose: Any, job: str) -> None:
    """Perhaps twice, and perhaps in one transaction with something else."""
    books.clock += 1
    end = Entry(job, TEAM, lease=books.leases[job], finish=Finish("succeeded", books.clock, b"{}"))
    hold = books.hold(job, choose(st.integers(0, 20)), choose(st.sampled_from(BUDGETS)))
    before = Entry(job, TEAM, lease=books.leases[job], calls=(call(2, "done", 5),), hold=hold)
    books.write(*choose(st.sampled_from(((end,), (end, end), (before, end), (end, before)))))


def take_over(books: Books, _choose: Any, _job: str) -> None:
    owner = f"prc_{books.number()}"
    for row in claim(books.connection, owner, books.clock, 0.0, 100):
        books.leases[row.id] = Lease(owner, row.attempt)


def take_back(books: Books, _choose: Any, job: str) -> None:
    withdraw(books.connection, [books.new[job]])


def delete(books: Books, _choose: Any, job: str) -> None:
    retention.mark(books.connection, TEAM, job)
    retention.remove_jobs(books.connection, books.clock, 100)


def correct(books: Books, choose: Any, _job: str) -> None:
    ids: Sequence[int] = books.connection.scalars(select(ledger.c.id).where(ledger.c.kind == "drawn")).all()
    if ids:
        adjust(books.connection, Adjustment(choose(st.sampled_from(ids)), choose(st.integers(0, 50)), "admin", AT))


def count_more(books: Books, choose: Any, _job: str) -> None:
    """A budget for a period of which nothing is known yet."""
    owner, period = choose(st.sampled_from([(KEYS[0], "total"), (TEAM, "2026-11-22"), (TEAM, "2026-12")]))
    open_periods(books.connection, [Allowance(owner, period, LIMIT)])


STEPS = (more, more, know, know, finish, finish, take_over, take_back, delete, correct, count_more)


@settings(max_examples=40)
@given(st.data())
def test_the_books_are_right_after_every_step(choices: st.DataObject) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        metadata.create_all(connection)
        connection.execute(insert(teams).values(id=TEAM, created=0.0))
        books = Books(connection)
        for number in range(choices.draw(st.integers(3, 14))):
            if not books.leases or choices.draw(st.integers(0, 2)) == 0:
                begin(books, choices.draw, f"req_{number}")
            else:
                job = choices.draw(st.sampled_from(sorted(books.leases)))
                choices.draw(st.sampled_from(STEPS))(books, choices.draw, job)
            books.check()
        for job in books.leases:
            finish(books, choices.draw, job)
        books.check()
        connection.execute(update(jobs).values(deleting=True))
        retention.remove_jobs(connection, books.clock, 1000)
        books.check()
        assert all(row.held == 0 for row in connection.execute(select(spending)))
    engine.dispose()
