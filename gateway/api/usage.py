"""GET /v1/usage and /v1/admin/usage: what was spent, by whom and on what, as JSON or CSV."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.admin import AdminRoute
from gateway.api.asgi import send_answer, send_json
from gateway.api.auth import Keys
from gateway.api.query import Query
from gateway.api.spent import FILTERS, lines_in
from gateway.api.spreadsheet import as_csv
from gateway.errors import InvalidValue, Overloaded
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.ledger import Lines
from gateway.store.usage import GROUPS, MOST_GROUPS, NAMED, SUMS, TooManyGroups, Usage, add_up
from gateway.tenancy.caller import Caller

FORMATS = ("json", "csv")
MOST_WAITING = 16
CSV = b"text/csv; charset=utf-8"


class Sums:
    """Adds up one at a time: a sum reads a lot, and what draws pictures needs the database at the same moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def of(self, lines: Lines, group_by: Sequence[str]) -> list[Usage]:
        """Raises InvalidValue, Overloaded."""
        if self._waiting >= MOST_WAITING:
            raise Overloaded(f"{MOST_WAITING} questions about usage wait already; try again in a moment")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._database.read(add_up, lines, group_by)
        except TooManyGroups:
            told = f"makes more than {MOST_GROUPS:,} groups; ask for a shorter time with from and to, or for fewer"
            raise InvalidValue(f"group_by: {told}", param="group_by") from None
        finally:
            self._waiting -= 1


class AdminUsage(AdminRoute):
    """Of every team for an admin, of the own one for its admin."""

    name = "admin_usage"

    def __init__(self, database: Database, keys: Keys, sums: Sums) -> None:
        super().__init__(database, keys)
        self.sums = sums

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        await tell(self.sums, self.database, caller, scope, send, everybody=caller.admin)


class OwnUsage:
    """Of the caller's team, for every key of it."""

    name = "usage"

    def __init__(self, database: Database, keys: Keys, sums: Sums) -> None:
        self.database = database
        self.keys = keys
        self.sums = sums

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = await self.keys.caller(scope)
        try:
            await tell(self.sums, self.database, caller, scope, send, everybody=False)
        except DatabaseError as wrong:
            raise Overloaded("the database does not answer; try again in a moment") from wrong


async def tell(sums: Sums, database: Database, caller: Caller, scope: Scope, send: Send, *, everybody: bool) -> None:
    query = Query(scope, *FILTERS, "group_by", "format")
    group_by = tuple(dict.fromkeys(query.words("group_by", tuple(GROUPS))))
    format = query.word("format") or "json"
    if format not in FORMATS:
        raise InvalidValue(f"format: {format[:100]} is none of {', '.join(FORMATS)}", param="format")
    lines = await lines_in(query, database, caller, everybody=everybody)
    rows = [row(usage, group_by) for usage in await sums.of(lines, group_by)]
    if format == "csv":
        content = as_csv(columns(group_by), rows)
        headers = [(b"content-type", CSV), (b"content-length", str(len(content)).encode())]
        await send_answer(200, headers, content, send)
    else:
        await send_json(200, answer(lines, group_by, rows), send)


def answer(lines: Lines, group_by: Sequence[str], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What it is about comes first, so that nobody takes a part for the whole."""
    return {
        "object": "usage",
        "from": lines.since,
        "to": lines.until,
        "team": lines.team,
        "key": lines.key,
        "model": lines.model,
        "provider": lines.provider,
        "group_by": group_by,
        "data": rows,
    }


def columns(group_by: Sequence[str]) -> list[str]:
    """A team's and a key's name stand behind its id."""
    shown = [[name, f"{name}_name"] if name in NAMED else [name] for name in group_by]
    return [*(column for each in shown for column in each), *SUMS]


def row(usage: Usage, group_by: Sequence[str]) -> dict[str, Any]:
    named = [name for name in group_by if name in NAMED]
    names = {f"{name}_name": value for name, value in zip(named, usage.names, strict=True)}
    told: Mapping[str, Any] = {
        **dict(zip(group_by, usage.group, strict=True)),
        **names,
        **{name: getattr(usage, name) for name in SUMS},
    }
    return {column: told[column] for column in columns(group_by)}
