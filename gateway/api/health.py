"""/healthz, /readyz and /metrics."""

import asyncio
import time

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import send_answer, send_json
from gateway.flow.deps import Deps
from gateway.jobs.jobs import Jobs
from gateway.store.database import Database, DatabaseError
from gateway.store.processes import queue_length
from gateway.store.provider_keys import any_keys
from gateway.store.redis import RedisConnection

WELL_FOR = 1.0  # seconds that a working store is taken for one
OBSERVED_EVERY = 1.0  # seconds


class Health:
    """The process lives and its event loop turns."""

    name = "healthz"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_json(200, {"status": "ok"}, send)


class Ready:
    """Requests can be served: jobs can be written, pictures stored, a provider is configured. Redis may be away."""

    name = "readyz"

    def __init__(self, at: Deps, redis: RedisConnection, database: Database) -> None:
        self.at = at
        self.redis = redis
        self.database = database
        self._storage: asyncio.Task[str | None] | None = None
        self._tried = 0.0

    async def storage(self) -> str | None:
        """What is wrong with the store.

        Anybody may ask: those who ask at once share one try, and a store that is well is tried once a second.
        """
        if not self.at.settings.storage.keep:
            return None
        tried = self._storage
        well = tried is not None and tried.done() and tried.result() is None
        if tried is None or (tried.done() and not (well and time.monotonic() - self._tried < WELL_FOR)):
            self._tried = time.monotonic()
            tried = self._storage = asyncio.create_task(self.at.pictures.check())
        return await asyncio.shield(tried)

    async def jobs(self) -> str | None:
        """What is wrong with the database."""
        try:
            await self.database.read(queue_length)
        except DatabaseError as wrong:
            return str(wrong)
        return None

    async def teams_have_keys(self) -> bool:
        """Whether any team brings its own to a provider."""
        try:
            return await self.database.read(any_keys)
        except DatabaseError:
            return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        storage, jobs = await self.storage(), await self.jobs()
        ready = storage is None and jobs is None and (bool(self.at.adapters.ours) or await self.teams_have_keys())
        checks = {
            "redis": "ok" if self.redis.up else "down",
            "database": jobs or "ok",
            "storage": storage or "ok",
            "catalog": f"{len(self.at.catalog.entries)} models",
            "providers": f"{len(self.at.adapters.ours)} configured",
        }
        await send_json(200 if ready else 503, {"status": "ready" if ready else "not_ready", "checks": checks}, send)


class Metrics:
    name = "metrics"

    def __init__(self, at: Deps, redis: RedisConnection, jobs: Jobs) -> None:
        self.at = at
        self.redis = redis
        self.jobs = jobs

    def observe(self) -> None:
        breakers = self.at.routing.health.states()
        self.at.telemetry.observe(redis_up=self.redis.up, breakers=breakers, running=len(self.jobs.running))
        if (local := self.at.adapters.local) is not None:
            self.at.telemetry.observe_workers(local.standing())

    async def keep_observing(self) -> None:
        """For another process, which may be the one that is asked."""
        while True:
            self.observe()
            await asyncio.sleep(OBSERVED_EVERY)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.observe()
        body = self.at.telemetry.exposition()
        headers = [
            (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send_answer(200, headers, body, send)
