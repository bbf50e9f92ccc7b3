"""A worker tells where it is: a lease in the gateways' Redis, renewed while it takes work and taken back at its end.

Redis may be away for as long as it likes: the worker draws for those that know it, and announces itself again.
"""

import asyncio
import contextlib
import ipaddress
import logging
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio as redis_client
from redis.exceptions import RedisError

log = logging.getLogger("easel.worker")

LEASE_SECONDS = 10.0
RENEW_EVERY = 3.0
ANSWER_SECONDS = 2.0
LONGEST_URL = 2048

# Gateways read them in gateway/store/workers.py.
KEYS = ("easel:{workers}:until", "easel:{workers}:who")

# KEYS: moments at which leases run out, who is where. ARGV: microseconds of a lease, our address, who we are.
# Leases that have run out go with whoever comes next.
_ANNOUNCE = """
local time = redis.call('TIME')
local now, lease = time[1] * 1000000 + time[2], tonumber(ARGV[1])
for _, url in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))) do
  redis.call('ZREM', KEYS[1], url)
  redis.call('HDEL', KEYS[2], url)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + lease), ARGV[2])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, string.format('%.0f', lease / 500)) end
return 1
"""
# As above, without the lease. Whoever has come to the address since then stays.
_TAKE_BACK = """
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
"""


class Announcement:
    """`url` is where gateways reach this worker. `takes_work` is asked before each renewal.

    Raises ValueError for an address that no gateway would ask, or a Redis that is none.
    """

    def __init__(
        self, redis_url: str, url: str, takes_work: Callable[[], bool], *, lease: float = LEASE_SECONDS
    ) -> None:
        if not re.fullmatch(r"https?://[^\s/?#@]+", url.rstrip("/")) or len(url) > LONGEST_URL:
            raise ValueError("--url must be the address at which gateways reach this worker: http://HOST:PORT")
        if _anywhere(url):
            raise ValueError("a worker that listens at all of its machine's addresses needs --url, for one of them")
        self.url = url.rstrip("/")
        self._takes_work = takes_work
        self._lease = round(lease * 1_000_000)
        self._who = secrets.token_hex(8)
        self._client = _client(redis_url)
        self._news = asyncio.Event()
        self._there = False
        self._heard = True

    def __repr__(self) -> str:
        return f"<Announcement of {self.url}>"

    async def keep(self, every: float = RENEW_EVERY) -> None:
        """Until cancelled."""
        while True:
            self._news.clear()
            await self.round()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await self._news.wait()

    def look_up(self) -> None:
        """The worker has begun, or ceased, to take work."""
        self._news.set()

    async def round(self) -> None:
        """Announces the worker, or takes that back, as it is now."""
        if self._takes_work():
            self._there = True
            await self._told(_ANNOUNCE, self._lease, self.url, self._who)
        elif self._there:
            await self.take_back()

    async def take_back(self) -> None:
        """No gateway begins anything here any more."""
        if await self._told(_TAKE_BACK, self.url, self._who):
            self._there = False

    async def close(self) -> None:
        await self.take_back()
        await self._client.aclose()

    async def _told(self, script: str, *arguments: str | int) -> bool:
        try:
            await self._client.eval(script, len(KEYS), *KEYS, *arguments)
        except (RedisError, OSError, TimeoutError) as error:
            if self._heard:
                log.warning("cannot announce this worker: %s; trying again", type(error).__name__)
            self._heard = False
            return False
        if not self._heard:
            log.info("this worker is announced again")
        self._heard = True
        return True


def _client(redis_url: str) -> Any:
    try:
        return redis_client.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
            redis_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, max_connections=2
        )
    except ValueError:  # its message may hold a part of the password
        raise ValueError("--announce must be the URL of a Redis, such as redis://:PASSWORD@10.0.0.2:6379") from None


def _anywhere(url: str) -> bool:
    """Whether its host stands for all addresses of a machine, which elsewhere are those of another one."""
    try:
        return ipaddress.ip_address(urlsplit(url).hostname or "").is_unspecified
    except ValueError:
        return False
