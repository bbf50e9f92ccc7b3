"""What a line of the ledger counts as, once somebody knows better: a further line holds the difference.

Part of somebody's transaction; money is in integer micro-dollars.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from gateway.store.ledger import LedgerRow, read_line
from gateway.store.periods import Period, period_name
from gateway.store.spending import Place, lock, settling
from gateway.store.tenant_tables import ledger

PERIODS: tuple[Period, ...] = ("day", "month", "total")
COPIED = ("job", "number", "team", "key", "model", "provider", "own_key", "at")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The line `id` is to count as `micros`; `adjuster` is the id of the key that says so, `at` when."""

    id: int
    micros: int
    adjuster: str
    at: float
    note: str | None = None


class NotAdjustable(Exception):
    """The line is no call to a provider: its cost is nobody's guess."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def adjust(connection: Connection, wanted: Adjustment) -> LedgerRow | None:
    """The line as it counts then; None where there is none. Raises NotAdjustable.

    Of several at once each sees what the one before has written: two that want the same give one difference. One that
    agrees with what was only assumed is written down too, with no difference.
    """
    settling(connection)
    connection.execute(select(ledger.c.id).where(ledger.c.id == wanted.id).with_for_update())
    line = read_line(connection, wanted.id)
    if line is None:
        return None
    if line.kind != "drawn":
        raise NotAdjustable(line.kind)
    known = None if line.assumed else line.cost_micros
    if (known if line.adjusted_micros is None else line.adjusted_micros) != wanted.micros:
        counted = line.cost_micros if line.adjusted_micros is None else line.adjusted_micros
        add(connection, line, wanted.micros - (counted or 0), wanted)
    return read_line(connection, wanted.id)


def add(connection: Connection, line: LedgerRow, difference: int, wanted: Adjustment) -> None:
    """It counts where its line does, also in what budgets know to be spent."""
    connection.execute(
        insert(ledger).values(
            **{name: getattr(line, name) for name in COPIED},
            kind="adjustment",
            outcome="adjusted",
            images=0,
            pixels=0,
            cost_micros=difference,
            assumed=False,
            day=period_name("day", line.at),
            adjusts=line.id,
            adjuster=wanted.adjuster,
            adjusted=wanted.at,
            note=wanted.note,
        )
    )
    owners, periods = (line.key, line.team), [period_name(period, line.at) for period in PERIODS]
    purses = lock(connection, [Place(owner, period) for owner in owners for period in periods], ())
    purses.spend(owners, periods, difference)
    purses.save(connection)
