"""Identical requests in several processes share one run: whoever holds its lease in Redis draws, the others wait.

The lease saves money, it does not guard it: with Redis away every process runs for itself. A lease lives for fifteen
seconds or more and is renewed while its holder works, so that a killed holder frees it by itself, but not before
another process had time to go on with his job, and with the lease.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import cast

from gateway.store.redis import RedisConnection

SHORTEST_LEASE_MS = 15_000
RENEW_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.25
RECONNECT_SECONDS = 1.0
RELEASED = "easel:runs:released"  # the channel on which a released run's key is told

TAKEN_UP_SECONDS = 3.0  # from the end of a process' lease until somebody goes on with its jobs

_AWAY = object()  # what `acquire` gets instead of an answer
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
"""


class Runs:
    """The leases of shared runs. `owner` is any text that no other run has; `key` names what is being drawn."""

    def __init__(self, redis: RedisConnection, lease_ms: int = SHORTEST_LEASE_MS) -> None:
        self._redis = redis
        self._lease_ms = lease_ms
        self._hints: dict[str, set[asyncio.Event]] = {}
        self._listener: asyncio.Task[None] | None = None

    async def acquire(self, key: str, owner: str) -> bool:
        """Whether this owner is to run it. True as well while Redis is down: then processes do not share."""
        words = ("SET", lease_name(key), owner, "NX", "PX", self._lease_ms)
        return await self._redis.command(*words, otherwise=_AWAY) is not None

    async def renew(self, key: str, owner: str) -> bool:
        """From now on again; False when the lease is no longer this owner's (or Redis is down)."""
        return bool(await self._redis.script(_RENEW, [lease_name(key)], [owner, self._lease_ms]))

    async def release(self, key: str, owner: str) -> bool:
        """Give the lease back and tell those who wait; False when it was not this owner's any more."""
        return bool(await self._redis.script(_RELEASE, [lease_name(key)], [owner, RELEASED, key]))

    @contextlib.contextmanager
    def kept_alive(self, key: str, owner: str) -> Generator[None]:
        """Renews an acquired lease as long as the block runs; a short block costs a timer and nothing else."""
        heartbeat = Heartbeat(self, key, owner)
        try:
            yield
        finally:
            heartbeat.stop()

    @contextlib.asynccontextmanager
    async def held(self, key: str, owner: str) -> AsyncGenerator[None]:
        """Keeps an acquired lease alive inside the block and releases it at the end, cancelled or not."""
        try:
            with self.kept_alive(key, owner):
                yield
        finally:
            # A second cancellation must not leave the lease behind; releasing ends by itself within the time limit.
            await asyncio.shield(asyncio.ensure_future(self.release(key, owner)))

    async def wait(self, key: str, deadline: float) -> bool:
        """Wait until the run that holds the lease now is over: released, expired, or taken by another owner.

        True then (also when Redis goes down: look again, then try to acquire), False when `deadline`, an instant of
        the event loop's clock (`loop.time()`), passes first.
        """
        hint = asyncio.Event()
        self._listen()
        self._hints.setdefault(key, set()).add(hint)
        try:
            return await self._poll(key, deadline, hint)
        finally:
            self._hints[key].discard(hint)
            if not self._hints[key]:
                del self._hints[key]

    @property
    def waiting(self) -> int:
        """How many runs of other processes are waited for here."""
        return len(self._hints)

    async def close(self) -> None:
        """Stop listening for hints; leases that are still held expire by themselves."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait([self._listener])
            self._listener = None

    async def _poll(self, key: str, deadline: float, hint: asyncio.Event) -> bool:
        """Ask who holds the lease until that changes: at every hint, and in growing intervals without one."""
        loop = asyncio.get_running_loop()
        holder = await self._holder(key)
        pause = FIRST_POLL_SECONDS
        while holder is not None:
            left = deadline - loop.time()
            if left <= 0:
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(pause, left)):
                    await hint.wait()
            hint.clear()
            if await self._holder(key) != holder:
                return True
            pause = min(LONGEST_POLL_SECONDS, pause * 1.5)
        return True

    async def holder(self, key: str) -> str | None:
        """Who runs it now; None when nobody does, or Redis is down."""
        holder = await self._holder(key)
        return None if holder is None else holder.decode(errors="replace")

    async def _holder(self, key: str) -> bytes | None:
        return cast("bytes | None", await self._redis.command("GET", lease_name(key)))

    def _listen(self) -> None:
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._hear(), name="released runs")

    async def _hear(self) -> None:
        """Wakes those who wait for a key as it is released. Polling is the truth, so a lost hint costs 250 ms."""
        while True:
            with contextlib.suppress(ConnectionError):
                async with contextlib.aclosing(self._redis.messages(RELEASED)) as released:
                    async for key in released:
                        for hint in self._hints.get(key.decode(errors="replace"), ()):
                            hint.set()
            await asyncio.sleep(RECONNECT_SECONDS)


class Heartbeat:
    """Renews a lease every few seconds until it is stopped."""

    def __init__(self, runs: Runs, key: str, owner: str) -> None:
        self._runs = runs
        self._key = key
        self._owner = owner
        self._renewal: asyncio.Task[bool] | None = None
        self._timer = asyncio.get_running_loop().call_later(RENEW_SECONDS, self._beat)

    def stop(self) -> None:
        self._timer.cancel()

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._renewal = loop.create_task(self._runs.renew(self._key, self._owner), name="lease heartbeat")
        self._timer = loop.call_later(RENEW_SECONDS, self._beat)


def lease_ms(process_lease: float) -> int:
    """How long a run's lease lives where a process is taken for dead after so many seconds."""
    return max(SHORTEST_LEASE_MS, round(1000 * (1.25 * process_lease + RENEW_SECONDS + TAKEN_UP_SECONDS)))


def lease_name(key: str) -> str:
    """The key of the lease in Redis."""
    return f"easel:run:{key}"
