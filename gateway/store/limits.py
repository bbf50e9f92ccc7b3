"""Limits that all gateways share: any number of rates and of places in one call to Redis, taken together or not at all.

A rate is GCRA: the moment until which what was taken is owed, in microseconds of Redis's clock. A taker owes at most
WINDOW, in which all of it is paid off: `most` fit into an idle minute, and after that one more as each is paid off.
Places are a sorted set, a member for each with the moment at which it runs out, unless it is renewed before.

All names have one hash tag, so that a cluster keeps them on one node, as a script over several of them needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from gateway.store.redis import RedisConnection

SECOND = 1_000_000  # microseconds
WINDOW = 60 * SECOND
LEASE = 60 * SECOND
FULL_WAIT = SECOND  # until a place may be free again: nobody knows when

# KEYS: the rates, then the places. ARGV: the moment (0: Redis's own), how many rates, microseconds of a lease, what
# each rate would owe more, how many places there are at most, then the members that take one.
# Answers which key has no room (0: all have), microseconds until it would, and for each what is owed or taken by then.
_TAKE = """
local now, rates, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local window, full_wait = 60000000, 1000000
local answer = {0, 0}
local function no_room(place, wait)
  if wait > answer[2] then answer[1], answer[2] = place, wait end
end
for place = 1, rates do
  local due = tonumber(redis.call('GET', KEYS[place])) or now
  if due > now + window then  -- the clock was set back
    due = now + window
    redis.call('SET', KEYS[place], string.format('%.0f', due), 'PX', 60000)
  end
  local owed = math.max(due - now, 0)
  answer[place + 2] = owed
  no_room(place, owed + ARGV[place + 3] - window)
end
local first = 4 + #KEYS
for place = rates + 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[place], '-inf', string.format('%.0f', now))
  local taken = redis.call('ZCARD', KEYS[place])
  answer[place + 2] = taken
  if taken + #ARGV - first + 1 > tonumber(ARGV[place + 3]) then no_room(place, full_wait) end
end
if answer[1] > 0 then return answer end
for place = 1, rates do
  local more = tonumber(ARGV[place + 3])
  local owed = math.max(answer[place + 2] + more, 0)
  answer[place + 2] = owed
  if owed > 0 and more ~= 0 then
    local milliseconds = string.format('%.0f', math.ceil(owed / 1000))
    redis.call('SET', KEYS[place], string.format('%.0f', now + owed), 'PX', milliseconds)
  elseif more ~= 0 then
    redis.call('DEL', KEYS[place])
  end
end
for place = rates + 1, #KEYS do
  for member = first, #ARGV do
    redis.call('ZADD', KEYS[place], string.format('%.0f', now + lease), ARGV[member])
  end
  answer[place + 2] = redis.call('ZCARD', KEYS[place])
  local milliseconds = math.ceil(lease / 1000)
  if redis.call('PTTL', KEYS[place]) < milliseconds then
    redis.call('PEXPIRE', KEYS[place], string.format('%.0f', milliseconds))
  end
end
return answer
"""
# KEYS: places. ARGV: the moment (0: Redis's own), microseconds of a lease, how many members each has, then those.
_RENEW = """
local now, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local until_then, milliseconds = string.format('%.0f', now + lease), math.ceil(lease / 1000)
local member = 3 + #KEYS
for place, key in ipairs(KEYS) do
  for _ = 1, tonumber(ARGV[place + 2]) do
    redis.call('ZADD', key, until_then, ARGV[member])
    member = member + 1
  end
  if redis.call('PTTL', key) < milliseconds then
    redis.call('PEXPIRE', key, string.format('%.0f', milliseconds))
  end
end
return 1
"""


class Rate(NamedTuple):
    """`cost` of `most` in a minute; a negative cost gives back what was taken, 0 only asks. `name`: see `name_of`."""

    name: str
    cost: float
    most: float

    @property
    def owes(self) -> int:
        """Microseconds, rounded down: `most` times one always fit into a minute."""
        return whole_share(self.cost, self.most)


class Places(NamedTuple):
    """At most so many at once."""

    name: str
    most: int


@dataclass(frozen=True, slots=True)
class Taken:
    """`refused` is the limit that has no room for the longest, by its place among the rates and then the places, and
    `wait` the microseconds until it may have; None when all was taken. `used` has for each limit, rates first, what is
    owed in microseconds, or how many places are taken.
    """

    refused: int | None
    wait: int
    used: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has places, and where: each of the members has one in each of them. Compared by identity."""

    names: tuple[str, ...]
    members: tuple[str, ...]

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class SharedLimits:
    """`moment` is that of Redis's clock, in microseconds since 1970; tests give one."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def take(
        self,
        rates: Sequence[Rate],
        places: Sequence[Places],
        members: Sequence[str],
        *,
        lease: int = LEASE,
        moment: int = 0,
    ) -> Taken | None:
        """All of it or nothing; each of the `members` takes one of each of the `places`, for `lease` microseconds.

        None while Redis is away.
        """
        names = [each.name for each in rates] + [each.name for each in places]
        limits = [each.owes for each in rates] + [each.most for each in places]
        answer = await self._redis.script(_TAKE, names, [moment, len(rates), lease, *limits, *members])
        if answer is None:
            return None
        which, wait, *used = cast("list[int]", answer)
        return Taken(which - 1 if which else None, wait, tuple(used))

    async def renew(self, leases: Sequence[Lease], *, lease: int = LEASE, moment: int = 0) -> bool:
        """They run out that much later from now, and are there again if they were lost; False with Redis away."""
        names = [name for each in leases for name in each.names]
        counts = [len(each.members) for each in leases for _name in each.names]
        members = [member for each in leases for _name in each.names for member in each.members]
        return await self._redis.script(_RENEW, names, [moment, lease, *counts, *members]) is not None

    async def release(self, leases: Sequence[Lease]) -> bool:
        """Their places are free; False when Redis could not be told, so that they run out."""
        batch = [("ZREM", name, *each.members) for each in leases for name in each.names]
        return await self._redis.commands(batch) is not None


def whole_share(cost: float, most: float) -> int:
    """Microseconds of WINDOW; at least 1 for what is not free."""
    share = int(WINDOW * cost / most)
    return share or (1 if cost > 0 else -1 if cost < 0 else 0)


def name_of(what: str, owner: str) -> str:
    """`easel:{limits}:requests:key_…`: what Redis keeps a limit under."""
    return f"easel:{{limits}}:{what}:{owner}"
