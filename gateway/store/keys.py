"""The keys of teams: rows, and the hashes by which they are found. Each function is part of a transaction.

A key itself is nowhere: `key_hashes` holds its SHA-256, and one that was rotated has two until the old one's end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from gateway.store.bounds import Bounds, as_columns, bounds_of, columns_of
from gateway.store.prepared import Prepared
from gateway.store.teams import COLUMNS as TEAM
from gateway.store.teams import TeamRow, team_of
from gateway.store.tenant_tables import key_hashes, keys, teams

MOST_HASHES = 10  # by which one key is found at once, because it was rotated again and again


class TooManyHashes(Exception):
    """A key was rotated so often that MOST_HASHES older ones are still valid."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """Moments are Unix seconds, None where there is none; `maker` is the id of the key that made it.

    `strict` and `response_format` are its defaults, None where the configuration decides. `prefix` is how the key
    begins.
    """

    id: str
    team: str
    name: str
    role: str
    prefix: str
    maker: str
    created: float
    last_used: float | None = None
    expires: float | None = None
    revoked: float | None = None
    disabled: bool = False
    strict: bool | None = None
    response_format: str | None = None
    join_retries: bool = True
    share_cache: bool = True
    bounds: Bounds = field(default_factory=Bounds)


class Found(NamedTuple):
    """A key with its team; `hash` is what it was found by, valid until `expires` where that is not None."""

    key: KeyRow
    team: TeamRow
    hash: str = ""
    expires: float | None = None


PLAIN = (
    *("id", "team", "name", "role", "prefix", "maker", "created", "last_used", "expires", "revoked"),
    *("disabled", "strict", "response_format", "join_retries", "share_cache"),
)
KEY = [*(keys.c[name] for name in PLAIN), *columns_of(keys)]
WITH_TEAM = keys.join(teams, teams.c.id == keys.c.team)
FIND = Prepared(
    lambda _dialect: (
        select(key_hashes.c.hash, key_hashes.c.expires, *KEY, *TEAM)
        .select_from(key_hashes.join(WITH_TEAM, keys.c.id == key_hashes.c.key))
        .where(key_hashes.c.hash == bindparam("by"))
    )
)
READ = select(*KEY, *TEAM).select_from(WITH_TEAM).where(keys.c.id == bindparam("which"))
PAGE = select(*KEY).order_by(keys.c.id.desc()).limit(bindparam("most"))

REVOKE = (
    update(keys).where(keys.c.id == bindparam("which")).values(revoked=func.coalesce(keys.c.revoked, bindparam("now")))
)
DROP_HASHES = delete(key_hashes).where(key_hashes.c.key == bindparam("of"))
DROP_EXPIRED = DROP_HASHES.where(key_hashes.c.expires <= bindparam("now"))
SHORTEN = (
    update(key_hashes)
    .where(
        key_hashes.c.key == bindparam("of"),
        or_(key_hashes.c.expires.is_(None), key_hashes.c.expires > bindparam("end")),
    )
    .values(expires=bindparam("end"))
)
COUNT = select(func.count()).select_from(key_hashes).where(key_hashes.c.key == bindparam("of"))
LOCK = select(keys.c.id).where(keys.c.id == bindparam("which"), keys.c.revoked.is_(None)).with_for_update()
USED = (
    update(keys)
    .where(
        and_(
            keys.c.id == bindparam("which"),
            or_(keys.c.last_used.is_(None), keys.c.last_used < bindparam("at")),
        )
    )
    .values(last_used=bindparam("at"))
)


def find_key(connection: Connection, hash: str) -> Found | None:
    """With its team, in one read."""
    rows = FIND.fetch(connection, by=hash)
    if not rows:
        return None
    found, expires, *rest = rows[0]
    key, team = split(rest)
    return Found(key, team, found, expires)


def read_key(connection: Connection, id: str) -> Found | None:
    """By its id, whether it is valid or not."""
    row = connection.execute(READ, {"which": id}).one_or_none()
    return None if row is None else Found(*split(row))


def list_keys(connection: Connection, team: str | None, after: str | None, most: int) -> list[KeyRow]:
    """The newest first, of one team or of all; those behind the key of id `after`."""
    page = PAGE if team is None else PAGE.where(keys.c.team == team)
    page = page if after is None else page.where(keys.c.id < after)
    return [key_of(row) for row in connection.execute(page, {"most": most})]


def create_key(connection: Connection, key: KeyRow, hash: str) -> None:
    """Its team has to be there."""
    values = {name: getattr(key, name) for name in PLAIN}
    connection.execute(insert(keys).values(**values, **as_columns(asdict(key.bounds))))
    connection.execute(insert(key_hashes).values(hash=hash, key=key.id, created=key.created))


def change_key(connection: Connection, id: str, changes: Mapping[str, Any]) -> KeyRow | None:
    """The key as it is then; None where there is none. `changes` are fields of KeyRow or of its bounds."""
    if changes:
        connection.execute(update(keys).where(keys.c.id == id).values(**as_columns(changes)))
    found = read_key(connection, id)
    return None if found is None else found.key


def rotate_key(connection: Connection, id: str, hash: str, prefix: str, *, now: float, grace: float) -> KeyRow | None:
    """It is found by `hash` from now on, and by what it was found by before for `grace` seconds more at most.

    None where there is no such key, or it is revoked. Raises TooManyHashes.
    """
    if connection.execute(LOCK, {"which": id}).one_or_none() is None:
        return None
    connection.execute(SHORTEN, {"of": id, "end": now + grace})
    connection.execute(DROP_EXPIRED, {"of": id, "now": now})
    if connection.execute(COUNT, {"of": id}).scalar_one() >= MOST_HASHES:
        raise TooManyHashes(id)
    connection.execute(insert(key_hashes).values(hash=hash, key=id, created=now))
    return change_key(connection, id, {"prefix": prefix})


def revoke_key(connection: Connection, id: str, now: float) -> bool:
    """It opens nothing any more, for good; False where there is no such key."""
    there = connection.execute(REVOKE, {"which": id, "now": now}).rowcount == 1
    connection.execute(DROP_HASHES, {"of": id})  # afterwards: whoever rotates it locks in this order too
    return there


def note_used(connection: Connection, used: Mapping[str, float]) -> None:
    """When keys were used last, by id."""
    if used:
        rows = [{"which": id, "at": at} for id, at in sorted(used.items())]
        connection.execute(USED, rows)


def split(row: Sequence[Any]) -> tuple[KeyRow, TeamRow]:
    return key_of(row[: len(KEY)]), team_of(row[len(KEY) :])


def key_of(row: Sequence[Any]) -> KeyRow:
    """SQLite gives 0 and 1 for booleans where a statement is prepared."""
    values = dict(zip(PLAIN, row, strict=False))
    for name in ("disabled", "strict", "join_retries", "share_cache"):
        values[name] = None if values[name] is None else bool(values[name])
    return KeyRow(**values, bounds=bounds_of(row[len(PLAIN) :]))
