"""What was spent, added up: the lines of the ledger by day, month, team, key, model or provider.

Part of somebody's transaction; money is in integer micro-dollars. An adjustment counts where the line lies that it
adjusts: both have the same moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, case, cast, func, literal_column, select

from gateway.store.ledger import IS_ADJUSTED, IS_ASSUMED, Lines, conditions
from gateway.store.tenant_tables import keys, ledger, teams

MOST_GROUPS = 10_000

GROUPS = {
    "day": ledger.c.day,
    "month": func.substr(ledger.c.day, literal_column("1"), literal_column("7")),
    "team": ledger.c.team,
    "key": ledger.c.key,
    "model": ledger.c.model,
    "provider": ledger.c.provider,
}
NAMED = {"team": teams, "key": keys}


def total(value: Any) -> Any:
    """Postgres adds up to a numeric, and nothing at all to NULL."""
    return cast(func.coalesce(func.sum(value), 0), BigInteger)


COST = func.coalesce(ledger.c.cost_micros, 0)
SUMS = {
    "requests": func.count(ledger.c.job.distinct()),
    "images": total(ledger.c.images),
    "cached_images": total(case((ledger.c.kind == "cached", ledger.c.images), else_=0)),
    "unpriced_images": total(case((ledger.c.cost_micros.is_(None) & ~IS_ADJUSTED, ledger.c.images), else_=0)),
    "pixels": total(ledger.c.pixels),
    "cost_micros": total(COST),
    "assumed_micros": total(case((IS_ASSUMED, COST), else_=0)),
    "own_key_micros": total(case((ledger.c.own_key, COST), else_=0)),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all the lines that are meant, or of those that have `group` in common: values of what it is grouped by.

    `names` are those of its team and key, where it is grouped by them and they have one. `images` include the cached
    ones and those whose price nobody knows; `cost_micros` includes what is only assumed, and what providers bill teams
    themselves.
    """

    group: tuple[str, ...]
    names: tuple[str | None, ...]
    requests: int
    images: int
    cached_images: int
    unpriced_images: int
    pixels: int
    cost_micros: int
    assumed_micros: int
    own_key_micros: int


class TooManyGroups(Exception):
    """More than MOST_GROUPS."""


def add_up(connection: Connection, lines: Lines, group_by: Sequence[str] = ()) -> list[Usage]:
    """In the order of the groups' values; one `Usage` without groups. Raises TooManyGroups."""
    rows = connection.execute(sums(lines, group_by).limit(MOST_GROUPS + 1)).all()
    if len(rows) > MOST_GROUPS:
        raise TooManyGroups
    named, groups = sum(name in NAMED for name in group_by), len(group_by)
    usages = [Usage(tuple(row[:groups]), tuple(row[groups : groups + named]), *row[groups + named :]) for row in rows]
    return sorted(usages, key=lambda usage: usage.group)


def sums(lines: Lines, group_by: Sequence[str]) -> Select[*tuple[Any, ...]]:
    """The groups, the names of teams and keys among them, the sums."""
    by = [GROUPS[name].label(f"by_{name}") for name in group_by]
    added = [value.label(name) for name, value in SUMS.items()]
    grouped = select(*by, *added).where(*conditions(lines)).group_by(*(GROUPS[name] for name in group_by)).subquery()
    named = [name for name in group_by if name in NAMED]
    source: Any = grouped
    for name in named:
        source = source.outerjoin(NAMED[name], NAMED[name].c.id == grouped.c[f"by_{name}"])
    shown = [*(grouped.c[each.name] for each in by), *(NAMED[name].c.name for name in named)]
    return select(*shown, *(grouped.c[name] for name in SUMS)).select_from(source)
