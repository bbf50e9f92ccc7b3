"""What a gateway has written down, read from its database by another reader than its own."""

import sqlite3
from contextlib import closing
from typing import Any

from tests.gateway.running import RunningGateway

Row = dict[str, Any]


def rows(gateway: RunningGateway, query: str, *values: object) -> list[Row]:
    """All that the query finds: `rows(gateway, "SELECT * FROM jobs WHERE id = ?", id)`."""
    with closing(sqlite3.connect(gateway.app.settings.server.data_dir / "easel.db", timeout=30)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query, values)]


def change(gateway: RunningGateway, statement: str, *values: object) -> int:
    """How many rows were changed, behind the gateway's back."""
    with closing(sqlite3.connect(gateway.app.settings.server.data_dir / "easel.db", timeout=30)) as database, database:
        return database.execute(statement, values).rowcount


def job(gateway: RunningGateway, id: str) -> Row:
    [found] = rows(gateway, "SELECT * FROM jobs WHERE id = ?", id)
    return found


def calls(gateway: RunningGateway, id: str) -> list[Row]:
    """Of one job, in the order in which they were begun."""
    return rows(gateway, "SELECT * FROM calls WHERE job = ? ORDER BY number", id)


def jobs_like(gateway: RunningGateway, body: str) -> list[str]:
    """The ids of all jobs that are that request, oldest first."""
    return [row["id"] for row in rows(gateway, "SELECT id FROM jobs WHERE body = ? ORDER BY created, id", body)]
