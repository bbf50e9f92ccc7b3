"""Look up what is known and, when something is missing, take the lease on drawing it: one exchange with Redis.

Looking and taking are one step in Redis, so that two processes never both find nothing and both draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from gateway.store.records import Record, decode, encode, record_name
from gateway.store.redis import RedisConnection
from gateway.store.runs import RELEASED, SHORTEST_LEASE_MS, lease_name

# KEYS: the lease, then the records of each candidate in turn. ARGV: owner, milliseconds, records per candidate.
_CLAIM = """
local found = redis.call('MGET', unpack(KEYS, 2))
local each = tonumber(ARGV[3])
for first = 1, #found, each do
  local whole = true
  for place = first, first + each - 1 do whole = whole and found[place] end
  if whole then return {2, found} end
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1, found} end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0, found} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {1, found}
"""
LEASED, ALL_KNOWN = 1, 2  # what it answers; 0: somebody else has the lease
# KEYS: the lease, then the records. ARGV: owner, channel, run, seconds, then the values.
_FINISH = """
for place = 2, #KEYS do redis.call('SET', KEYS[place], ARGV[place + 3], 'EX', ARGV[4]) end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """`records` in the order of the keys. `held`: this owner is to draw what is missing, and must `finish`."""

    held: bool
    records: list[Record | None]


class Claims:
    """`run` names what is being drawn; `owner` is any text that no other run has."""

    def __init__(self, redis: RedisConnection, lease_ms: int = SHORTEST_LEASE_MS) -> None:
        self._redis = redis
        self._lease_ms = lease_ms

    async def claim(self, scope: str, run: str, owner: str, keys: Sequence[str], each: int) -> Claim:
        """`keys` are the records of all candidates, `each` a candidate. With Redis down: nothing known, and held.

        Values that cannot be read are forgotten: Redis takes them for known pictures, for which it grants no lease.
        """
        names = [record_name(scope, key) for key in keys]
        answer = await self._redis.script(_CLAIM, [lease_name(run), *names], [owner, self._lease_ms, each])
        if answer is None:
            return Claim(True, [None] * len(keys))
        state, values = cast("tuple[int, list[bytes | None]]", answer)
        records = [None if value is None else decode(value) for value in values]
        if state == ALL_KNOWN and (damaged := unreadable(names, values, records)):
            if await self._redis.command("UNLINK", *damaged) is None:
                return Claim(True, records)
            return await self.claim(scope, run, owner, keys, each)
        return Claim(state == LEASED, records)

    async def finish(self, scope: str, run: str, owner: str, records: Mapping[str, Record], ttl: int) -> bool:
        """Keep what was drawn for `ttl` seconds and give the lease back; False when Redis did not take it."""
        values = {record_name(scope, key): value for key, record in records.items() if (value := encode(record))}
        arguments = [owner, RELEASED, run, ttl, *values.values()]
        answer = await self._redis.script(_FINISH, [lease_name(run), *values], arguments)
        return answer is not None


def unreadable(names: Sequence[str], values: Sequence[bytes | None], records: Sequence[Record | None]) -> list[str]:
    """The names of values that are there and are no record of this version."""
    found = zip(names, values, records, strict=True)
    return [name for name, value, record in found if value is not None and record is None]
