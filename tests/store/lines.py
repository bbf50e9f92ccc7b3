"""Lines of the ledger as the journal writes them."""

import itertools
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from gateway.store.database import Database
from gateway.store.periods import period_name
from gateway.store.tenant_tables import keys, ledger, spending, teams

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
DAY = 86_400
numbers = itertools.count(1)


def line(**more: Any) -> dict[str, Any]:
    """Of a call that drew a picture for two cents."""
    values: dict[str, Any] = {
        "job": f"req_{next(numbers):024x}",
        "number": 0,
        "kind": "drawn",
        "team": "team_one",
        "key": "key_one",
        "model": "qwen-image",
        "provider": "fal",
        "upstream": "019-abc",
        "outcome": "ok",
        "images": 1,
        "pixels": 1_048_576,
        "price": "estimated",
        "cost_micros": 20_000,
        "assumed": False,
        "own_key": False,
        "at": NOON,
        "adjusts": None,
        "adjuster": None,
        "adjusted": None,
        "note": None,
        **more,
    }
    return {**values, "day": period_name("day", values["at"])}


def cached(**more: Any) -> dict[str, Any]:
    values = {"number": -1, "kind": "cached", "outcome": "cached", "cost_micros": 0, "upstream": None, "price": None}
    return line(**{**values, **more})


async def put(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    def put_in(connection: Connection) -> None:
        for row in rows:
            connection.execute(insert(table).values(**row))

    await database.write(put_in)


async def written(database: Database, *lines: dict[str, Any]) -> list[int]:
    """Their ids."""

    def write(connection: Connection) -> list[int]:
        return [connection.execute(insert(ledger).values(**each).returning(ledger.c.id)).scalar_one() for each in lines]

    return await database.write(write)


async def all_lines(database: Database) -> list[Any]:
    """The whole ledger, in the order in which it was written."""

    def read(connection: Connection) -> list[Any]:
        return list(connection.execute(select(ledger).order_by(ledger.c.id)))

    return await database.read(read)


async def spent(database: Database) -> dict[tuple[str, str], tuple[int, int]]:
    """What is spent and held, by owner and period."""

    def read(connection: Connection) -> dict[tuple[str, str], tuple[int, int]]:
        return {(row.owner, row.period): (row.spent, row.held) for row in connection.execute(select(spending))}

    return await database.read(read)


async def named(database: Database) -> None:
    """Two teams, with a key of the same name each."""
    for each in ("one", "two"):
        await put(database, teams, {"id": f"team_{each}", "created": NOON, "name": f"Team {each}"})
        key = {"id": f"key_{each}", "team": f"team_{each}", "name": "ci", "role": "user", "prefix": "ek_"}
        more = {"maker": "admin", "created": NOON, "disabled": False, "join_retries": True, "share_cache": True}
        await put(database, keys, key | more)
