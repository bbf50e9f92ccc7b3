"""The one way to Redis, whether a server of the user's own or the bundled Valkey; nothing fails when it is away.

Everything kept here can be done without. So `command` and `commands` never raise for a Redis that is down or slow:
they answer with what the caller gave for that case, after at most `limit` seconds (and what an exchange takes anyway)
for those who notice first and at once for all others, until a probe in the background gets through again. So a request
of many exchanges waits once.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from hashlib import sha1
from pathlib import Path
from typing import Any, cast

import redis.asyncio as redis_client
import structlog
from redis.exceptions import NoScriptError, RedisError, ResponseError

from gateway.store.batches import FURTHEST, Batches, Word
from gateway.store.embedded import EMBEDDED, EmbeddedStore

log = structlog.stdlib.get_logger()

SCHEMES = ("redis://", "rediss://", "unix://")
CONNECTIONS = 4  # one for the exchanges, one for a probe; the others while one is being closed
LIMIT = 0.045  # seconds that a request may lose by a server that hangs: 50 ms with what a busy process adds
PROBE_EVERY = 1.0
PROBE_LIMIT = 1.0  # longer than a command's: a first TLS handshake with a far server takes its time


class RedisConnection:
    """The way to one server and what is known about it: `up`, and `failures` so far (for the metrics)."""

    def __init__(self, url: str, limit: float, embedded: EmbeddedStore | None = None) -> None:
        self.url = url
        self.embedded = embedded
        self.failures = 0
        self._up = True
        self._scripts: dict[str, str] = {}
        self._probe: asyncio.Task[None] | None = None
        # redis-py's own timeouts and retries stay off: one limit around the whole exchange is cheaper.
        # An exchange that passes it is cancelled, and that closes its connection.
        pool = cast(Any, redis_client.BlockingConnectionPool).from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=5,
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=None,
        )
        self._client: Any = redis_client.Redis(connection_pool=pool)
        self._batches = Batches(pool, limit)

    def __repr__(self) -> str:
        return f"<RedisConnection {'embedded' if self.embedded else 'server'} {'up' if self._up else 'down'}>"

    @property
    def up(self) -> bool:
        """Whether the last exchange went well; while False nothing is sent but a probe every second."""
        return self._up

    async def command(self, *words: Word, otherwise: Any = None) -> Any:
        """The answer to one command, as Redis gives it; `otherwise` when Redis is down, too slow or refuses."""
        answers = await self.commands((words,))
        return otherwise if answers is None else answers[0]

    async def script(self, source: str, keys: Sequence[str], arguments: Sequence[Word], otherwise: Any = None) -> Any:
        """The answer of a Lua script, which goes over the wire in full only when this server has not seen it yet."""
        words = (len(keys), *keys, *arguments)
        known = self._scripts.get(source) or self._scripts.setdefault(source, sha1(source.encode()).hexdigest())  # noqa: S324 - Redis names scripts so
        if not self._up:
            return otherwise
        try:
            return (await self._batches.ask(("EVALSHA", known, *words)))[0]
        except NoScriptError:
            return await self.command("EVAL", source, *words, otherwise=otherwise)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return otherwise

    async def commands(self, batch: Sequence[Sequence[Word]]) -> list[Any] | None:
        """The answers to several commands sent at once (not a transaction); None when one of them failed."""
        if not self._up:
            return None
        try:
            return await self._batches.ask(*batch)
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
        return None

    async def messages(self, channel: str) -> AsyncGenerator[bytes]:
        """What is published on a channel from now on, over a connection of its own that waits without limit.

        Raises ConnectionError when Redis goes away.
        """
        client: Any = redis_client.Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
            self.url, socket_timeout=None, socket_connect_timeout=PROBE_LIMIT, retry=None, max_connections=2
        )
        try:
            async with client, client.pubsub() as subscription:
                await subscription.subscribe(channel)
                async for message in subscription.listen():
                    if message["type"] == "message":
                        yield message["data"]
        except (RedisError, OSError) as error:
            raise ConnectionError(describe(error)) from None

    async def ping(self) -> str | None:
        """Ask now, up or not; None when Redis answers, else the problem in words that hold no password."""
        try:
            async with asyncio.timeout(PROBE_LIMIT):
                await self._client.execute_command("PING")
        except (RedisError, OSError, TimeoutError) as error:
            return describe(error)
        return None

    async def close(self) -> None:
        """Close all connections, and stop the bundled server if it is ours."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait([self._probe])
        self._up = False
        await self._batches.close()
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(PROBE_LIMIT):  # a hung server may never take what is still to be written to it
                await self._client.connection_pool.aclose()
        if self.embedded is not None:
            await self.embedded.stop()

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if isinstance(error, ResponseError):  # it is there, and refuses this command: out of memory, say
            log.warning("redis_refused", error=describe(error))
        else:
            self._down(error)

    def _down(self, error: Exception) -> None:
        if not self._up:
            return
        self._up = False
        log.warning("redis_down", error=describe(error))
        self._probe = asyncio.create_task(self._probe_until_up(), name="redis probe")

    async def _probe_until_up(self) -> None:
        # The first probe goes out at once: after a mere stall of this process Redis is back within a millisecond.
        loop = asyncio.get_running_loop()
        started, problem = loop.time(), await self.ping()
        while problem is not None:
            await asyncio.sleep(PROBE_EVERY)
            started, problem = loop.time(), await self.ping()
        self._batches.fastest = min(FURTHEST, loop.time() - started)  # the way to it may be longer than it was
        self._up = True
        log.info("redis_up")


def describe(error: Exception) -> str:
    """The kind of a Redis error. Its text stays out: it may quote a URL with a password, or a key of a caller."""
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__


async def connect(url: str, data_dir: Path, *, limit: float | None = None) -> RedisConnection:
    """The connection for `[redis] url`: `embedded:`, `redis://`, `rediss://` (or `unix://`).

    `limit` is in seconds, as for `Batches`. A server that does not answer is not an error: the connection starts
    down. Raises EmbeddedStoreError when the bundled server cannot run, ValueError for a URL that is none of these.
    """
    if url == EMBEDDED:
        store = await EmbeddedStore.start(data_dir)
        return RedisConnection(store.url, limit or LIMIT, store)
    if not url.startswith(SCHEMES):
        raise ValueError("redis.url must be embedded:, redis://…, rediss://… or unix://…")
    connection = RedisConnection(url, limit or LIMIT)
    await connection.command("PING")
    return connection
