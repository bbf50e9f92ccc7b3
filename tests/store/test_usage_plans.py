"""Usage and the ledger are read by an index, however much was spent: both databases say which they take."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.database import Database
from gateway.store.ledger import ROW, Lines, conditions
from gateway.store.tenant_tables import ledger
from gateway.store.usage import GROUPS, sums
from tests.store.lines import DAY, NOON, line

MANY = 4_000
LATELY = Lines(since=NOON - DAY / 2, until=NOON + 1)


def page(lines: Lines) -> Select[*tuple[Any, ...]]:
    newest_first = select(*ROW).where(*conditions(lines)).order_by(ledger.c.at.desc(), ledger.c.id.desc())
    return newest_first.limit(21)


FOUND_BY: dict[str, tuple[Select[*tuple[Any, ...]], str]] = {
    "a team's sums": (sums(Lines(team="team_5"), ()), "ledger_by_team"),
    "a team's sums, lately": (sums(replace(LATELY, team="team_5"), ("day", "model")), "ledger_by_team"),
    "a key's sums": (sums(replace(LATELY, key="key_7"), tuple(GROUPS)), "ledger_by_key"),
    "everybody's sums, lately": (sums(LATELY, ("team", "month")), "ledger_by_time"),
    "a team's lines": (page(Lines(team="team_5")), "ledger_by_team"),
    "a key's lines": (page(Lines(key="key_7")), "ledger_by_key"),
    "all lines": (page(Lines()), "ledger_by_time"),
    "what a line of a page was adjusted to": (page(Lines(team="team_5")), "ledger_adjusted"),
    "what is assumed": (page(Lines(team="team_5", assumed=True)), "ledger_adjusted"),
    "a request's lines": (page(Lines(job="req_1")), "ledger_once"),
    "what adjusts them": (page(Lines(job="req_1")), "ledger_adjusted"),
}


async def test_what_is_read_is_found_by_an_index(database: Database) -> None:
    """Of a month in which fifty teams spent something."""
    await database.write(fill)
    for what, (statement, index) in FOUND_BY.items():
        steps = await database.read(plan, statement)
        assert any(index in step for step in steps), (what, steps)
        assert not [step for step in steps if is_scan(step)], (what, steps)


def fill(connection: Connection) -> None:
    lines = [
        line(team=f"team_{number % 50}", key=f"key_{number % 200}", at=NOON - number / MANY * 30 * DAY)
        for number in range(MANY)
    ]
    connection.execute(insert(ledger), lines)
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE ledger"))


def is_scan(step: str) -> bool:
    """Of the whole table."""
    return (step.startswith("SCAN ledger") and "USING INDEX" not in step) or "Seq Scan on ledger" in step


def plan(connection: Connection, statement: Select[*tuple[Any, ...]]) -> list[str]:
    kind, explain = (sqlite, "EXPLAIN QUERY PLAN") if connection.dialect.name == "sqlite" else (postgresql, "EXPLAIN")
    sql = str(statement.compile(dialect=kind.dialect(), compile_kwargs={"literal_binds": True}))
    return [row[-1] for row in connection.exec_driver_sql(f"{explain} {sql}")]
