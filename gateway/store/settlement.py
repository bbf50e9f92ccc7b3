"""What a job came to cost, in the transaction that ends it: lines of the ledger, and what is spent and no longer held.

A call whose end nobody knows counts with all that it was planned to cost, and is marked as assumed.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import Connection, bindparam, select

from gateway.store import spending
from gateway.store.entries import CachedRow
from gateway.store.periods import period_name
from gateway.store.prepared import INSERTS, Prepared, one_of, several
from gateway.store.spending import Place, Purses
from gateway.store.tables import calls, jobs
from gateway.store.tenant_tables import ledger

LONGEST_ID = 200
CACHED = -1  # the number of a line that is about no call
OTHERS = {"id", "adjusts", "adjuster", "adjusted", "note"}
LEDGER_COLUMNS = [column.name for column in ledger.columns if column.name not in OTHERS]
# A line that is there already was written by a try that seemed to fail.
INSERT = Prepared(
    lambda dialect: (
        INSERTS[dialect](ledger).values({name: bindparam(name) for name in LEDGER_COLUMNS}).on_conflict_do_nothing()
    )
)


class Call(NamedTuple):
    """As it stands at the end of its job; see `tables.calls`."""

    job: str
    number: int
    provider: str
    indexes: str
    state: str
    ticket: str | None
    images: int
    cost_micros: int | None
    reason: str | None
    pixels: int | None
    planned_micros: int | None
    price: str | None
    own_key: bool


BILL_COLUMNS = ("team", "caller", "model", "created", "held_micros", "budgets")
UNFINISHED = (
    select(jobs.c.id, *(jobs.c[name] for name in BILL_COLUMNS))
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), jobs.c.finished.is_(None))
    .order_by(jobs.c.id)
    .with_for_update()
)
CALLS = Prepared(
    lambda dialect: (
        select(*(calls.c[name] for name in Call._fields))
        .where(one_of(dialect, calls.c.job, "ids"))
        .order_by(calls.c.job, calls.c.number)
    )
)


@dataclass(slots=True)
class Bill:
    """Whose a job is, what is held for it and in which places. All of it counts where `created` lies."""

    team: str
    key: str
    model: str
    created: float
    held: int = 0
    places: tuple[Place, ...] = ()

    @property
    def owners(self) -> tuple[str, str]:
        return self.key, self.team

    @property
    def periods(self) -> tuple[str, str, str]:
        return period_name("day", self.created), period_name("month", self.created), "total"

    @property
    def counted(self) -> list[Place]:
        """All places that it may change."""
        return [*self.places, *(Place(owner, period) for owner in self.owners for period in self.periods)]


@dataclass(frozen=True, slots=True)
class Settlement:
    """The jobs of a batch that end, by their ids, and what it says about cached pictures."""

    bills: dict[str, Bill] = field(default_factory=dict[str, Bill])
    cached: list[tuple[str, str, CachedRow]] = field(default_factory=list[tuple[str, str, CachedRow]])

    def write(self, connection: Connection, purses: Purses) -> None:
        """When all is written that is known of the calls."""
        lines = [cached_line(job, team, row) for job, team, row in self.cached]
        for bill in self.bills.values():
            purses.release(bill.places, bill.held)
        for call in self._calls(connection):
            bill = self.bills[call.job]
            line = call_line(call, bill)
            if line is not None:
                lines.append(line)
                purses.spend(bill.owners, bill.periods, line["cost_micros"] or 0)
        INSERT.run(connection, lines)

    def _calls(self, connection: Connection) -> Iterable[Call]:
        if not self.bills:
            return ()
        return (Call(*row) for row in CALLS.fetch(connection, ids=several(connection, self.bills)))


def settle_unfinished(connection: Connection, ids: Collection[str]) -> None:
    """Of these jobs those that go without having ended: what they have sent may be paid. After `spending.settling`."""
    found = connection.execute(UNFINISHED, {"ids": list(ids)})
    settlement = Settlement({id: bill_of(dict(zip(BILL_COLUMNS, bill, strict=True))) for id, *bill in found})
    places = {place for bill in settlement.bills.values() for place in bill.counted}
    if places:
        purses = spending.lock(connection, places, ())
        settlement.write(connection, purses)
        purses.save(connection)


def call_line(call: Call, bill: Bill) -> dict[str, Any] | None:
    """None for a call that certainly cost nothing."""
    outcome, cost, assumed = charged(call)
    if outcome is None:
        return None
    wanted = call.indexes.count(",") + 1
    return {
        "job": call.job,
        "number": call.number,
        "kind": "drawn",
        "team": bill.team,
        "key": bill.key,
        "model": bill.model,
        "provider": call.provider,
        "upstream": upstream_id(call.ticket),
        "outcome": outcome,
        "images": call.images,
        "pixels": (call.pixels or 0) * call.images // wanted,
        "price": call.price,
        "cost_micros": cost,
        "assumed": assumed,
        "own_key": bool(call.own_key),
        "at": bill.created,
        "day": period_name("day", bill.created),
    }


def charged(call: Call) -> tuple[str | None, int | None, bool]:
    """The outcome, the cost, and whether that is only assumed. Providers do not bill what they block or fail."""
    match call.state:
        case "done":
            return "ok", call.cost_micros, False
        case "failed":
            return ("moderated", 0, False) if (call.reason or "").startswith("moderated") else (None, None, False)
        case "cancelled":
            return "cancelled", call.planned_micros, True
        case _:
            return "unknown", call.planned_micros, True


def upstream_id(ticket: str | None) -> str | None:
    """The provider's own id of the call, where it gave one; nothing about a ticket may keep a job from ending."""
    try:
        parts: Any = None if ticket is None else orjson.loads(ticket)
    except orjson.JSONDecodeError:
        return None
    first: Any = cast("list[Any]", parts)[0] if isinstance(parts, list) and parts else None
    if not isinstance(first, str):
        return None
    return "".join(character for character in first[:LONGEST_ID] if character.isprintable())  # Postgres takes no NUL


def cached_line(job: str, team: str, row: CachedRow) -> dict[str, Any]:
    return {
        "job": job,
        "number": CACHED,
        "kind": "cached",
        "team": team,
        "key": row.key,
        "model": row.model,
        "provider": row.provider,
        "upstream": None,
        "outcome": "cached",
        "images": row.images,
        "pixels": row.pixels,
        "price": None,
        "cost_micros": 0,
        "assumed": False,
        "own_key": False,
        "at": row.at,
        "day": period_name("day", row.at),
    }


def packed_places(places: Iterable[Place]) -> str:
    return orjson.dumps([list(place) for place in places]).decode()


def unpacked_places(text: str | None) -> tuple[Place, ...]:
    return () if text is None else tuple(Place(*each) for each in cast("list[list[str]]", orjson.loads(text)))


def bill_of(row: Mapping[str, Any]) -> Bill:
    """From the columns of `tables.jobs`."""
    places = unpacked_places(row["budgets"])
    return Bill(row["team"], row["caller"], row["model"], row["created"], row["held_micros"], places)
