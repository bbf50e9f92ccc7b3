"""What keys and teams with a budget have spent and hold, period by period. Money is in integer micro-dollars.

Rows are locked in one order, decided upon together, and written once for a whole batch of the journal: a guarded update
for each request would be a round trip to Postgres for each. Nobody else changes them until the transaction has ended.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, union_all, update

from gateway.store.entries import Allowance, Hold, Shortage
from gateway.store.periods import bounds
from gateway.store.prepared import INSERTS, Prepared, one_of, several
from gateway.store.tenant_tables import ledger, spending

PERIODS_LOCK = 6_504_100_327_473  # any number that nobody else locks in this database
SETTLING = select(func.pg_advisory_xact_lock_shared(PERIODS_LOCK))
OPENING = select(func.pg_advisory_xact_lock(PERIODS_LOCK))
LOCKED = Prepared(
    lambda dialect: (
        select(spending.c.owner, spending.c.period, spending.c.spent, spending.c.held)
        .where(one_of(dialect, spending.c.owner, "owners"), one_of(dialect, spending.c.period, "periods"))
        .order_by(spending.c.owner, spending.c.period)
        .with_for_update()
    )
)
SAVE = Prepared(
    lambda _dialect: (
        update(spending)
        .where(spending.c.owner == bindparam("of"), spending.c.period == bindparam("during"))
        .values(spent=bindparam("as_spent"), held=bindparam("as_held"))
    )
)
OPEN = {name: insert(spending).on_conflict_do_nothing() for name, insert in INSERTS.items()}
COSTS = union_all(
    *(
        select(ledger.c.cost_micros).where(
            column == bindparam("of"), ledger.c.at >= bindparam("since"), ledger.c.at < bindparam("until")
        )
        for column in (ledger.c.team, ledger.c.key)
    )
).subquery()
KNOWN = select(func.coalesce(func.sum(COSTS.c.cost_micros), 0))


class Place(NamedTuple):
    """Where something is counted: `period` is 2026-11-21, 2026-11 or total."""

    owner: str
    period: str


@dataclass(slots=True)
class Purse:
    spent: int
    held: int
    changed: bool = False

    def change(self, *, spent: int = 0, held: int = 0) -> None:
        self.spent += spent
        self.held += held
        self.changed = True


class PeriodsMissing(Exception):
    """Nobody has spent or held anything of these allowances yet: see `open_periods`."""

    def __init__(self, allowances: Collection[Allowance]) -> None:
        super().__init__()
        self.allowances = allowances


class Purses:
    """Those that a batch is about. Nobody else changes them meanwhile."""

    def __init__(self, rows: dict[Place, Purse]) -> None:
        self._rows = rows

    def hold(self, hold: Hold, places: Collection[Place] = (), held: int = 0) -> Shortage | None:
        """Held in all of its allowances; or what the first lacks that does not allow it, and nothing is held.

        `held` is held already, in `places`: it moves to the allowances, where those have changed meanwhile.
        """
        counted = [Place(owner, period) for owner, period, _limit in hold.allowances]
        more = [hold.micros if place in places else hold.micros + held for place in counted]
        for place, micros, allowance in zip(counted, more, hold.allowances, strict=True):
            purse = self._rows[place]
            left = allowance.limit - purse.spent - purse.held
            if micros > left:
                return Shortage(place.owner, place.period, micros, max(0, left))
        for place, micros in zip(counted, more, strict=True):
            self._rows[place].change(held=micros)
        self.release([place for place in places if place not in counted], held)
        return None

    def release(self, places: Iterable[Place], micros: int) -> None:
        for place in places:
            if place in self._rows:
                self._rows[place].change(held=-micros)

    def spend(self, owners: Iterable[str], periods: Collection[str], micros: int) -> None:
        """In every period that is counted for these owners."""
        for owner in owners:
            for period in periods:
                purse = self._rows.get(Place(owner, period))
                if purse is not None and micros:
                    purse.change(spent=micros)

    def save(self, connection: Connection) -> None:
        changed = [
            {"of": owner, "during": period, "as_spent": purse.spent, "as_held": purse.held}
            for (owner, period), purse in self._rows.items()
            if purse.changed
        ]
        SAVE.run(connection, changed)


def lock(connection: Connection, places: Collection[Place], allowances: Collection[Allowance]) -> Purses:
    """Those of `places` that are counted, and of all `allowances`. Raises PeriodsMissing."""
    wanted = {*places, *(Place(each.owner, each.period) for each in allowances)}
    if not wanted:
        return Purses({})
    owners = several(connection, sorted({place.owner for place in wanted}))
    periods = several(connection, sorted({place.period for place in wanted}))
    rows = {
        Place(owner, period): Purse(spent, held)
        for owner, period, spent, held in LOCKED.fetch(connection, owners=owners, periods=periods)
    }
    missing = [each for each in allowances if Place(each.owner, each.period) not in rows]
    if missing:
        raise PeriodsMissing(missing)
    return Purses(rows)


def settling(connection: Connection) -> None:
    """First in a transaction that adds to the ledger: nobody counts its sum for a new period before it has ended."""
    if connection.dialect.name == "postgresql":
        connection.execute(SETTLING)


def open_periods(connection: Connection, allowances: Collection[Allowance]) -> None:
    """They are counted from now on, beginning with what the ledger knows: a budget may be given to who has spent."""
    if connection.dialect.name == "postgresql":
        connection.execute(OPENING)
    for owner, period in sorted({(each.owner, each.period) for each in allowances}):
        since, until = bounds(period)
        spent = connection.scalar(KNOWN, {"of": owner, "since": since, "until": until})
        row = {"owner": owner, "period": period, "spent": int(spent or 0), "held": 0}
        connection.execute(OPEN[connection.dialect.name], row)
