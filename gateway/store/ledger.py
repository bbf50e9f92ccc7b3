"""The ledger as it is read: which lines are meant, and the lines themselves, newest first.

Each function is part of somebody's transaction; moments are Unix seconds, money integer micro-dollars.
"""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    cast,
    exists,
    func,
    select,
    tuple_,
    union_all,
)

from gateway.store.tenant_tables import ledger


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines of the ledger; None means all. From the moment `since` until before `until`; team and key by id.

    `assumed`: those of which nobody knows yet whether they were paid, or all others. `job` is a request's id.
    """

    since: float | None = None
    until: float | None = None
    team: str | None = None
    key: str | None = None
    model: str | None = None
    provider: str | None = None
    assumed: bool | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """See `tenant_tables.ledger`. `adjusted_micros` is what the line counts as since it was adjusted, else None."""

    id: int
    job: str
    number: int
    kind: str
    team: str
    key: str
    model: str
    provider: str
    upstream: str | None
    outcome: str
    images: int
    pixels: int
    price: str | None
    cost_micros: int | None
    assumed: bool
    own_key: bool
    at: float
    adjusts: int | None
    adjuster: str | None
    adjusted: float | None
    note: str | None
    adjusted_micros: int | None


class NoSuchLine(Exception):
    """There is none with that id, or not among those that are asked for."""


later = ledger.alias("later")
# Postgres may gather all lines that adjust something, and finds these few by their index only if it is told so.
IS_ADJUSTED = exists().where(later.c.adjusts == ledger.c.id, later.c.adjusts.is_not(None))
IS_ASSUMED = and_(ledger.c.assumed, ~IS_ADJUSTED)
CHANGE = select(func.sum(later.c.cost_micros)).where(later.c.adjusts == ledger.c.id).scalar_subquery()
ADJUSTED = cast(func.coalesce(ledger.c.cost_micros, 0) + CHANGE, BigInteger).label("adjusted_micros")
ROW = [*(ledger.c[field.name] for field in fields(LedgerRow) if field.name != "adjusted_micros"), ADJUSTED]


def list_lines(connection: Connection, lines: Lines, *, after: int | None = None, limit: int = 20) -> list[LedgerRow]:
    """Newest first, further back than `after`. Raises NoSuchLine where that is none of a visible team's."""
    wanted = select(*ROW).where(*conditions(lines))
    if after is not None:
        wanted = wanted.where(further_back(connection, after, lines.team))
    newest_first = wanted.order_by(ledger.c.at.desc(), ledger.c.id.desc()).limit(limit)
    return [LedgerRow(*row) for row in connection.execute(newest_first)]


def further_back(connection: Connection, after: int, team: str | None) -> ColumnElement[bool]:
    of_team = [ledger.c.team == team] if team is not None else []
    place = connection.execute(select(ledger.c.at, ledger.c.id).where(ledger.c.id == after, *of_team)).one_or_none()
    if place is None:
        raise NoSuchLine
    return tuple_(ledger.c.at, ledger.c.id) < tuple_(*place)


def read_line(connection: Connection, id: int) -> LedgerRow | None:
    row = connection.execute(select(*ROW).where(ledger.c.id == id)).one_or_none()
    return None if row is None else LedgerRow(*row)


def conditions(lines: Lines) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if lines.since is not None:
        found.append(ledger.c.at >= lines.since)
    if lines.until is not None:
        found.append(ledger.c.at < lines.until)
    for name in ("team", "key", "model", "provider"):
        value: str | None = getattr(lines, name)
        if value is not None:
            found.append(ledger.c[name] == value)
    if lines.assumed is not None:
        found.append(IS_ASSUMED if lines.assumed else ~IS_ASSUMED)
    if lines.job is not None:
        found.append(ledger.c.id.in_(of_job(lines.job)))
    return found


def of_job(job: str) -> Any:
    """The ids of a request's lines and of what adjusts them, each found by its own index."""
    first, next = ledger.alias("first"), ledger.alias("next")
    written = select(first.c.id).where(first.c.job == job, first.c.adjusts.is_(None))
    adjusting = (
        select(next.c.id).join(first, next.c.adjusts == first.c.id).where(first.c.job == job, first.c.adjusts.is_(None))
    )
    return union_all(written, adjusting)
