"""Which messages of providers have come already: each counts once, at whichever gateway it comes."""

import time
from collections import OrderedDict
from collections.abc import Callable

from gateway.store.redis import RedisConnection

KEEP_SECONDS = 24 * 3600
MOST_HERE = 10_000  # that this process remembers for itself

_AWAY = object()  # what stands for an answer that Redis did not give


class Seen:
    """Redis remembers for all gateways, and each for itself what came to it, which holds while Redis is away."""

    def __init__(self, redis: RedisConnection, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        self._here: OrderedDict[str, float] = OrderedDict()

    async def is_new(self, message: str) -> bool:
        """Whether this is the first time that it comes within a day; from now on it is not."""
        now = self._clock()
        if now - self._here.get(message, now - KEEP_SECONDS) < KEEP_SECONDS:
            return False
        self._here[message] = now
        self._here.move_to_end(message)
        if len(self._here) > MOST_HERE:
            self._here.popitem(last=False)
        words = ("SET", name_of(message), 1, "NX", "EX", KEEP_SECONDS)
        return await self._redis.command(*words, otherwise=_AWAY) is not None

    async def forget(self, message: str) -> None:
        """It could not be made use of: when it comes again, it is new."""
        self._here.pop(message, None)
        await self._redis.command("UNLINK", name_of(message))


def name_of(message: str) -> str:
    return f"easel:hook:{message}"
