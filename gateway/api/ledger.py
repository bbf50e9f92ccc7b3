"""/v1/admin/ledger: every call that may have been paid, line by line; an admin says what a line came to."""

import re
import time
from dataclasses import replace
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from gateway.api.admin import MOST_BYTES, AdminRoute
from gateway.api.admin_fields import MICROS, micros, printable
from gateway.api.asgi import send_json
from gateway.api.auth import Keys
from gateway.api.body import read_json
from gateway.api.query import Query
from gateway.api.spent import FILTERS, lines_in
from gateway.api.teams import page
from gateway.api.usage import AdminUsage, OwnUsage, Sums
from gateway.errors import InvalidJson, InvalidValue, MissingParameter, NotAllowed, NotFound
from gateway.store.adjustments import Adjustment, NotAdjustable, adjust
from gateway.store.database import Database
from gateway.store.ledger import LedgerRow, NoSuchLine, list_lines
from gateway.tenancy.caller import Caller

LONGEST_PAGE = 1000
USUAL_PAGE = 100
LONGEST_NOTE = 500  # characters
MOST_DOLLARS = 1_000_000  # of one line
ID = re.compile(r"[1-9][0-9]{0,17}")
REQUEST = re.compile(r"req_[0-9a-f]{24}")
TRUTH = {"true": True, "false": False}
NOT_ADJUSTED = {
    "cached": "cached pictures, which cost nothing",
    "adjustment": "an adjustment itself; adjust the line that it adjusts",
}


class Ledger(AdminRoute):
    """Its lines, newest first: every team's for an admin, the own team's for its admin."""

    name = "ledger"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        query = Query(scope, *FILTERS, "assumed", "request_id", "after", "limit")
        limit = query.whole("limit", 1, LONGEST_PAGE, otherwise=USUAL_PAGE)
        after = whole_id(query, "after")
        wanted = replace(
            await lines_in(query, self.database, caller, everybody=caller.admin),
            assumed=truth(query, "assumed"),
            job=request_id(query),
        )
        try:
            found = await self.database.read(list_lines, wanted, after=after, limit=limit + 1)
        except NoSuchLine:
            told = "is no line of the ledger; give the last_id of the page before"
            raise InvalidValue(f"after: {after} {told}", param="after") from None
        await send_json(200, page([shown(row, caller) for row in found], limit), send)


class Adjust(AdminRoute):
    """POST: the line counts as `cost_usd` from now on, in sums and budgets; the ledger keeps what it said before."""

    name = "ledger_adjust"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        if not caller.admin:
            raise NotAllowed("this key is no admin's: what something came to is not for teams to say")
        id: str = scope["path_params"]["id"]
        if not ID.fullmatch(id):
            raise no_such_line()
        cost, note = adjustment_in(await read_json(scope["headers"], receive, MOST_BYTES))
        try:
            row = await self.database.write(adjust, Adjustment(int(id), cost, caller.key, time.time(), note))
        except NotAdjustable as refused:
            raise InvalidValue(f"line {id} is about {NOT_ADJUSTED[refused.kind]}") from None
        if row is None:
            raise no_such_line()
        await send_json(200, shown(row, caller), send)


def spending_routes(database: Database, keys: Keys) -> list[tuple[str, Any, list[str]]]:
    """Path, endpoint and methods of each, for every prefix: usage and the ledger."""
    sums = Sums(database)
    return [
        ("/usage", OwnUsage(database, keys, sums), ["GET"]),
        ("/admin/usage", AdminUsage(database, keys, sums), ["GET"]),
        ("/admin/ledger", Ledger(database, keys), ["GET"]),
        ("/admin/ledger/{id}/adjust", Adjust(database, keys), ["POST"]),
    ]


def no_such_line() -> NotFound:
    return NotFound("there is no such line in the ledger")


def whole_id(query: Query, name: str) -> int | None:
    word = query.word(name)
    if word is not None and not ID.fullmatch(word):
        raise InvalidValue(f"{name}: must be a line's id, such as the last_id of the page before", param=name)
    return None if word is None else int(word)


def truth(query: Query, name: str) -> bool | None:
    word = query.word(name)
    if word is not None and word not in TRUTH:
        raise InvalidValue(f"{name}: must be true or false", param=name)
    return None if word is None else TRUTH[word]


def request_id(query: Query) -> str | None:
    word = query.word("request_id")
    if word is not None and not REQUEST.fullmatch(word):
        raise InvalidValue("request_id: must be a request's id, as its x-request-id says it", param="request_id")
    return word


def adjustment_in(body: Any) -> tuple[int, str | None]:
    """The cost in micro-dollars, and the note. Raises InvalidJson, InvalidValue, MissingParameter."""
    if not isinstance(body, dict):
        raise InvalidJson('the body must be a JSON object such as {"cost_usd": 0.02}')
    given = cast("dict[str, Any]", body)
    unknown = next((name for name in given if name not in {"cost_usd", "note"}), None)
    if unknown is not None:
        raise InvalidValue(f"{unknown[:100]}: is not known here; there is cost_usd, note", param=unknown[:100])
    if given.get("cost_usd") is None:
        raise MissingParameter("cost_usd: is missing; it is what the line came to, in dollars", param="cost_usd")
    try:
        cost = micros(given["cost_usd"])
        if cost > MOST_DOLLARS * MICROS:
            raise ValueError
    except ValueError:
        told = f"must be dollars from 0 to {MOST_DOLLARS:,} with at most six decimals, such as 0.02"
        raise InvalidValue(f"cost_usd: {told}", param="cost_usd") from None
    return cost, noted(given.get("note"))


def noted(note: Any) -> str | None:
    if note is None:
        return None
    try:
        if not isinstance(note, str) or not 1 <= len(note) <= LONGEST_NOTE:
            raise ValueError
        return printable(note)
    except ValueError:
        told = f"must be text of 1 to {LONGEST_NOTE} printable characters, without spaces around it"
        raise InvalidValue(f"note: {told}", param="note") from None


def shown(row: LedgerRow, caller: Caller) -> dict[str, Any]:
    """Who adjusted it only admins are told: it is another team's key."""
    return {
        "id": row.id,
        "object": "ledger.line",
        "kind": row.kind,
        "request_id": row.job,
        "created": int(row.at),
        "team": row.team,
        "key": row.key,
        "model": row.model,
        "provider": row.provider,
        "upstream_id": row.upstream,
        "outcome": row.outcome,
        "images": row.images,
        "pixels": row.pixels,
        "price": row.price,
        "cost_micros": row.cost_micros,
        "adjusted_micros": row.adjusted_micros,
        "assumed": row.assumed,
        "own_key": row.own_key,
        "adjusts": row.adjusts,
        "adjusted_by": row.adjuster if caller.admin else None,
        "adjusted_at": None if row.adjusted is None else int(row.adjusted),
        "note": row.note,
    }
