"""What the cache knows of one picture: where it is, or the picture itself when it is small.

A key is `easel:img:{team}:fingerprint:place`, where place is the seed or the picture's index. The braces are literal:
a Redis cluster then keeps a team's records on one node, which a MGET over several of them needs. A `scope` is a team,
or one key of it (`team/key`) whose pictures are nobody else's: `easel:img:{team}/key:fingerprint:place`.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import orjson

from gateway.store.redis import RedisConnection

INLINE_BYTES = 64 * 1024  # larger pictures stay out of Redis: reading 1 MB from it costs more than from a file
VERSION = 2
_PREFIX = struct.Struct(">BI")  # the version, and how long the JSON is; the picture's raw bytes follow it


class Difference(NamedTuple):
    """How a picture is not as it was planned.

    `size` is of the picture as the provider drew it, `format` of the picture as it is delivered.
    """

    what: Literal["size", "format"]
    planned: str
    got: str


@dataclass(frozen=True, slots=True)
class Record:
    """A picture that was made. At least one of `hash` (it is stored), `url` (the provider's) and `content` is set.

    `created` is in Unix seconds.
    """

    provider: str
    offer: str
    format: str
    content_type: str
    width: int
    height: int
    created: int
    seed: int | None = None
    hash: str | None = None
    url: str | None = None
    revised_prompt: str | None = None
    differences: tuple[Difference, ...] = ()
    content: bytes | None = None

    def __repr__(self) -> str:
        where = "stored" if self.hash else "inline" if self.content is not None else "url"
        return f"<Record {self.offer} {self.format} {self.width}x{self.height} {where}>"


class Records:
    """The cache of pictures. `damaged` counts values that could not be read and were taken for a miss."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis
        self.damaged = 0

    async def get_many(self, scope: str, keys: Sequence[str]) -> list[Record | None]:
        """The records under these keys (see `record_key`), None for each that is not known; one MGET."""
        if not keys:
            return []
        values = await self._redis.command("MGET", *[record_name(scope, key) for key in keys])
        if values is None:
            return [None] * len(keys)
        return [None if value is None else self._read(value) for value in values]

    async def put_many(self, scope: str, records: Mapping[str, Record], ttl: int) -> bool:
        """Keep each record under its key for `ttl` seconds; False when Redis did not take them.

        A picture above INLINE_BYTES is left out of its record; a record that then leads to no picture is not kept.
        """
        values = {
            record_name(scope, key): value for key, record in records.items() if (value := encode(record)) is not None
        }
        if not values:
            return True
        batch = [("SET", name, value, "EX", ttl) for name, value in values.items()]
        return await self._redis.commands(batch) is not None

    async def delete(self, scope: str, keys: Sequence[str]) -> bool:
        """Forget these records; False when Redis could not be told."""
        if not keys:
            return True
        return await self._redis.command("UNLINK", *[record_name(scope, key) for key in keys]) is not None

    async def forget(self, pictures: Sequence[tuple[str, str | None]]) -> bool:
        """Forget the record of each name here (`record_name`) if it leads to the stored picture beside it, or to none.

        One that leads to another picture is somebody else's by now. False when Redis could not be asked or told. All
        are of one team.
        """
        if not pictures:
            return True
        values = await self._redis.command("MGET", *[name for name, _picture in pictures])
        if values is None:
            return False
        found = zip(pictures, values, strict=True)
        stale = [name for (name, picture), value in found if value is not None and leads_to(self._read(value), picture)]
        return not stale or await self._redis.command("UNLINK", *stale) is not None

    def _read(self, value: bytes) -> Record | None:
        record = decode(value)
        if record is None:
            self.damaged += 1
        return record


def leads_to(record: Record | None, name: str | None) -> bool:
    """Whether this record is of the stored picture `name`; one of no stored picture, or damaged, is anybody's."""
    return record is None or record.hash is None or f"{record.hash}.{record.format}" == name


def record_key(fingerprint: str, place: int | str) -> str:
    """The key of one picture of a plan: `place` is its seed, or its index where there is none."""
    return f"{fingerprint}:{place}"


def record_name(scope: str, key: str) -> str:
    """The key under which Redis keeps it."""
    return f"easel:img:{on_one_node(scope)}:{key}"


def on_one_node(scope: str) -> str:
    """The scope as part of a name: all of a team's names lie on one node of a cluster."""
    team, slash, key = scope.partition("/")
    return f"{{{team}}}{slash}{key}"


def encode(record: Record) -> bytes | None:
    """The record as Redis keeps it; None when it would lead to no picture."""
    content = record.content if record.content is not None and len(record.content) <= INLINE_BYTES else None
    if record.hash is None and record.url is None and content is None:
        return None
    facts = orjson.dumps(
        (
            record.provider,
            record.offer,
            record.format,
            record.content_type,
            record.width,
            record.height,
            record.created,
            record.seed,
            record.hash,
            record.url,
            record.revised_prompt,
            [tuple(each) for each in record.differences],  # orjson knows no named tuples
            content is not None,
            len(content or b""),
        )
    )
    return b"".join((_PREFIX.pack(VERSION, len(facts)), facts, content or b""))


_FACTS: tuple[type | tuple[type, ...], ...] = (
    *(str,) * 4,
    *(int,) * 3,
    (int, type(None)),
    *((str, type(None)),) * 3,
    list,
    bool,
    int,
)


def decode(value: bytes) -> Record | None:
    """The record in a value from Redis; None for anything that `encode` of this version did not write."""
    try:
        version, length = _PREFIX.unpack_from(value)
        facts: list[Any] = orjson.loads(value[_PREFIX.size : _PREFIX.size + length])
    except (struct.error, orjson.JSONDecodeError):
        return None
    content = value[_PREFIX.size + length :]
    if version != VERSION or not _well_formed(facts) or len(content) != facts[13]:
        return None
    if not facts[12] and facts[8] is None and facts[9] is None:
        return None
    differences = tuple(map(Difference._make, facts[11]))
    return Record(*facts[:11], differences=differences, content=content if facts[12] else None)


def _well_formed(facts: object) -> bool:
    if not isinstance(facts, list) or len(cast("list[object]", facts)) != len(_FACTS):
        return False
    told = cast("list[Any]", facts)
    return all(map(isinstance, told, _FACTS)) and all(map(_is_difference, told[11]))


def _is_difference(fact: object) -> bool:
    """Three words."""
    words = cast("list[object]", fact) if isinstance(fact, list) else []
    return len(words) == len(Difference._fields) and all(isinstance(word, str) for word in words)
