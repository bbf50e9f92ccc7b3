"""Which lines of the ledger a request is about, from what stands behind the `?` of its address."""

import re
from datetime import UTC, datetime

from gateway.api.admin import LONGEST_NAME
from gateway.api.query import Query
from gateway.errors import InvalidValue, NotFound
from gateway.store.database import Database
from gateway.store.ledger import Lines
from gateway.store.owners import find_keys
from gateway.store.teams import find_team
from gateway.tenancy.caller import ADMIN_KEY, DEFAULT_TEAM, Caller

FILTERS = ("from", "to", "team", "key", "model", "provider")
SECONDS = re.compile(r"[0-9]{1,12}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SECONDS_OF_DAY = 86_400


async def lines_in(query: Query, database: Database, caller: Caller, *, everybody: bool) -> Lines:
    """Those that FILTERS of the query name; with `everybody` of all teams, otherwise of the caller's.

    Raises InvalidValue, and NotFound alike for what is not there and for what is another team's.
    """
    since, until = moment(query, "from", 0), moment(query, "to", SECONDS_OF_DAY)
    if since is not None and until is not None and since >= until:
        raise InvalidValue("from: must lie before to", param="from")
    team = await one_team(query.word("team"), database, None if everybody else caller.team)
    key = await one_key(query.word("key"), database, team)
    return Lines(since, until, team, key, query.word("model"), query.word("provider"))


def moment(query: Query, name: str, day: int) -> int | None:
    """In Unix seconds; of a day (UTC) that many seconds after it begins."""
    word = query.word(name)
    if word is None:
        return None
    if SECONDS.fullmatch(word):
        return int(word)
    try:
        if not DAY.fullmatch(word):
            raise ValueError
        return int(datetime.fromisoformat(word).replace(tzinfo=UTC).timestamp()) + day
    except ValueError:
        told = "must be a day such as 2026-11-21, or Unix seconds such as 1795236842"
        raise InvalidValue(f"{name}: {told}", param=name) from None


async def one_team(wanted: str | None, database: Database, own: str | None) -> str | None:
    """The id of the team that is called so; `own` is the only one that may be seen, None for all."""
    if wanted is None:
        return own
    found = await database.read(find_team, wanted) if is_name(wanted) else None
    if found is None or own not in (None, found.id):
        raise NotFound("team: there is no such team", param="team")
    return found.id


async def one_key(wanted: str | None, database: Database, team: str | None) -> str | None:
    """The id of the key that is called so, among those of a team or of all."""
    if wanted is None:
        return None
    if wanted == ADMIN_KEY and team in (None, DEFAULT_TEAM):
        return ADMIN_KEY  # the one that the configuration names
    found = await database.read(find_keys, wanted, team) if is_name(wanted) else []
    if not found:
        raise NotFound("key: there is no such key", param="key")
    if len(found) > 1:
        raise InvalidValue(f"key: several are called so; give the id, one of {', '.join(found)}", param="key")
    return found[0]


def is_name(text: str) -> bool:
    return 1 <= len(text) <= LONGEST_NAME and text.isprintable()
