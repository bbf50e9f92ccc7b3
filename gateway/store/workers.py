"""Workers that announce themselves in Redis (`workers/announce.py`), as long as their leases run.

Two keys under one hash tag: a sorted set of addresses by the moment at which each lease runs out, in microseconds of
Redis's clock, and a hash of who is at each address.
"""

from typing import cast

from gateway.store.redis import RedisConnection

UNTIL = "easel:{workers}:until"
MOST = 1000
LONGEST_URL = 2048

_READ = """
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, ARGV[1])
"""


class AnnouncedWorkers:
    """Read by all gateways; written by the workers alone."""

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def read(self) -> list[str] | None:
        """The addresses whose leases run; None while Redis is away."""
        answer = await self._redis.script(_READ, [UNTIL], [MOST])
        if answer is None:
            return None
        found = (url.decode("utf-8", "replace") for url in cast("list[bytes]", answer))
        return [url for url in found if len(url) <= LONGEST_URL]
