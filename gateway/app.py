"""Builds every object once and hands it down."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api import docs
from gateway.api.auth import Keys
from gateway.api.files import Files
from gateway.api.front import Front
from gateway.api.health import Health, Metrics, Ready
from gateway.api.hooks import ProviderHook
from gateway.api.images import Draw, PlanRoute
from gateway.api.jobs import job_routes
from gateway.api.keys import KeyList, OneKey, RotateKey
from gateway.api.ledger import spending_routes
from gateway.api.models import Model, Models
from gateway.api.orders import Orders
from gateway.api.provider_keys import OneProviderKey, ProviderKeys
from gateway.api.teams import Team, Teams
from gateway.api.tracing import TracedRequests
from gateway.api.waiting import Waiting
from gateway.api.webhook_secrets import OneWebhookSecret, WebhookSecrets
from gateway.api.workers import Workers
from gateway.flow.adapters import Adapters
from gateway.flow.admission import Admission
from gateway.flow.announced import Listening, Listens
from gateway.flow.deps import Deps
from gateway.flow.finish import Finisher
from gateway.flow.gate import Gate
from gateway.flow.room import Room
from gateway.flow.routing import Routing, places_of
from gateway.flow.shared import SharedRuns
from gateway.job_side import JobSide, build_job_side, open_jobs_database, seal_of
from gateway.jobs.events import Events
from gateway.jobs.other_jobs import OtherJobs
from gateway.keys import hash_key
from gateway.otlp import open_tracing
from gateway.settings import Settings
from gateway.several import Several
from gateway.store.claims import Claims
from gateway.store.database import Database
from gateway.store.limits import SharedLimits
from gateway.store.pictures import Pictures
from gateway.store.records import Records
from gateway.store.redis import RedisConnection, connect
from gateway.store.runs import Runs, lease_ms
from gateway.store.secrets import Secrets, load_or_create
from gateway.store.workers import AnnouncedWorkers
from gateway.telemetry import Telemetry
from gateway.tenancy.keys import KeyRing
from gateway.tenancy.limiter import Limiter
from gateway.tenancy.own_keys import OwnKeys
from providers.guard import Guard
from providers.registry import read_catalog

PREFIXES = ("/v1", "/openai/v1")
SOURCE_CONNECTIONS = 16  # pictures that callers point to, fetched at once by all requests together


class App:
    """The ASGI application. Its objects are built at startup, on the loop that serves.

    `several`: in one of the processes that serve together.
    """

    def __init__(self, settings: Settings, several: Several | None = None) -> None:
        self.settings = settings
        self.several = several
        self.telemetry = Telemetry(several)
        self.router = Router(redirect_slashes=False)
        self.front = Front(self.router, self.telemetry, settings.server.allowed_hosts, settings.server.cors_origins)
        self.entry: ASGIApp = self.front
        self.deps: Deps | None = None
        self.jobs: JobSide | None = None
        self.failure: str | None = None  # why it did not start
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stack = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
        else:
            await self.entry(scope, receive, send)

    async def lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            self.failure = str(error)
            await send({"type": "lifespan.startup.failed", "message": self.failure})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Raises what `easel check` would report: a bad table, a store that cannot run."""
        kept = load_or_create(self.settings.server.data_dir)  # first: it names a directory that cannot be
        try:
            self.telemetry.tracing = open_tracing(self.settings.telemetry, self._stack)
            database = await open_jobs_database(self.settings, self._stack)
            processes = self.several.processes if self.several else 1
            self.deps, events, redis = await build(
                self.settings, self.telemetry, database, self._stack, processes=processes
            )
            self.jobs = await build_job_side(self.deps, database, events, redis, self._stack)
            self._loop = asyncio.get_running_loop()
            if self.several is not None:
                observing = Metrics(self.deps, redis, self.jobs.jobs).keep_observing()
                self._stack.callback(asyncio.create_task(observing).cancel)
        except BaseException:
            await self._stack.aclose()
            raise
        keys = keys_of(self.settings, kept, database, self._stack)
        self.router.routes[:] = routes(self.deps, self.jobs, redis, keys)
        if self.telemetry.tracing.on:
            self.entry = TracedRequests(self.front, self.telemetry.tracing, self.router.routes)

    def end(self) -> None:
        """No stream of events holds up the end. May be called from another thread."""
        if self.jobs is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self.jobs.events.end)

    async def stop(self) -> None:
        """What is on its way without a ticket is waited for first: it may be paid."""
        await self._stack.aclose()


def create_app(settings: Settings, several: Several | None = None) -> App:
    return App(settings, several)


async def build(
    settings: Settings, telemetry: Telemetry, database: Database, stack: AsyncExitStack, *, processes: int
) -> tuple[Deps, Events, RedisConnection]:
    """Everything the pipeline works with; the stack closes it again. So many `processes` share this machine."""
    providers = settings.provider_settings()
    catalog = read_catalog(providers, settings.routes())
    routing = Routing(settings.models, places_of(providers))
    adapters = Adapters(providers, routing, OwnKeys(database, seal_of(settings)))
    stack.push_async_callback(adapters.close)
    foreign = Guard(max_connections=SOURCE_CONNECTIONS)
    stack.push_async_callback(foreign.close)
    finisher = Finisher(beside=processes)
    stack.callback(finisher.close)
    redis = await connect(settings.redis.url, settings.server.data_dir)
    stack.push_async_callback(redis.close)
    await listen_to_workers(adapters, redis, stack)
    limits = Admission(Limiter(SharedLimits(redis), telemetry), settings.models, settings.providers)
    stack.push_async_callback(limits.close)
    run_lease = lease_ms(settings.jobs.lease)
    runs = Runs(redis, run_lease)
    stack.push_async_callback(runs.close)
    events = Events(database, redis)
    stack.push_async_callback(events.close)
    deps = Deps(
        settings=settings,
        catalog=catalog,
        adapters=adapters,
        titles={name: provider.title for name, provider in providers.items()},
        missing={name: provider.remedy for name, provider in providers.items()},
        foreign=foreign,
        finisher=finisher,
        pictures=Pictures.open(settings.storage.url, settings.server.data_dir),
        claims=Claims(redis, run_lease),
        records=Records(redis),
        runs=runs,
        shared=SharedRuns(),
        others=OtherJobs(database, events),
        gate=Gate(settings.server.max_in_flight),
        limits=limits,
        room=Room(settings.server.max_held_mb * 1024 * 1024),
        routing=routing,
        telemetry=telemetry,
        signing_keys=signing_keys(settings),
    )
    return deps, events, redis


async def listen_to_workers(adapters: Adapters, redis: RedisConnection, stack: AsyncExitStack) -> None:
    """Before any job is taken up: what it draws with is known."""
    for access in adapters.ours.values():
        if isinstance(access.adapter, Listens):
            listening = Listening(AnnouncedWorkers(redis), access.adapter)
            stack.push_async_callback(listening.close)
            await listening.start()


def signing_keys(settings: Settings) -> tuple[bytes, ...]:
    configured = tuple(key.get_secret_value().encode() for key in settings.storage.signing_keys)
    return configured or load_or_create(settings.server.data_dir).signing_keys


def keys_of(settings: Settings, kept: Secrets, database: Database, stack: AsyncExitStack) -> Keys:
    """The configured admin key, or the one that was made at the first start; and all that the database knows."""
    configured = settings.auth.admin_key
    admin_hash = hash_key(configured.get_secret_value()) if configured else kept.admin_key_hash
    ring = KeyRing(database, admin_hash)
    ring.start()
    stack.push_async_callback(ring.close)
    return Keys(ring, required=settings.auth.required)


def routes(at: Deps, side: JobSide, redis: RedisConnection, keys: Keys) -> list[BaseRoute]:
    """Every route, each under both prefixes where it is part of the API."""
    orders = Orders(at, keys)
    waiting = Waiting(at, side.jobs, side.events, side.database, side.shown)
    table: list[tuple[str, Any, list[str]]] = [
        ("/images/generations", Draw(at, waiting, "generations", orders.to_generate), ["POST"]),
        ("/images/edits", Draw(at, waiting, "edits", orders.to_edit), ["POST"]),
        ("/images/variations", Draw(at, waiting, "variations", orders.to_vary), ["POST"]),
        ("/images/plan", PlanRoute(at, orders), ["POST"]),
        ("/images/files/{name}", Files(at), ["GET", "HEAD"]),
        ("/models", Models(at, keys), ["GET"]),
        ("/models/{id:path}", Model(at, keys), ["GET"]),
        *job_routes(
            at,
            keys,
            side.database,
            cancel=side.jobs.cancel,
            events=side.events,
            retention=side.retention,
            deliveries=side.deliveries,
        ),
        ("/hooks/{provider}/{token}", ProviderHook(at, side.hooks), ["POST"]),
        ("/admin/teams", Teams(side.database, keys), ["GET", "POST"]),
        *spending_routes(side.database, keys),
        ("/admin/workers", Workers(side.database, keys, at.adapters), ["GET"]),
        ("/admin/teams/{id}", Team(side.database, keys), ["GET", "PATCH"]),
        ("/admin/keys", KeyList(side.database, keys), ["GET", "POST"]),
        ("/admin/keys/{id}", OneKey(side.database, keys), ["GET", "PATCH", "DELETE"]),
        ("/admin/keys/{id}/rotate", RotateKey(side.database, keys), ["POST"]),
        (
            "/admin/teams/{id}/webhook-secrets",
            WebhookSecrets(keys, side.database, side.seal),
            ["GET", "POST"],
        ),
        ("/admin/teams/{id}/provider-keys", ProviderKeys(side.database, keys), ["GET"]),
        (
            "/admin/teams/{id}/provider-keys/{provider}",
            OneProviderKey(side.database, keys, at.adapters, side.seal),
            ["GET", "PUT", "DELETE"],
        ),
        ("/admin/teams/{id}/webhook-secrets/{secret}", OneWebhookSecret(keys, side.database, side.seal), ["DELETE"]),
    ]
    under_prefixes: list[BaseRoute] = [
        Route(f"{prefix}{path}", endpoint, methods=methods) for prefix in PREFIXES for path, endpoint, methods in table
    ]
    return [
        *under_prefixes,
        Route("/healthz", Health(), methods=["GET"]),
        Route("/readyz", Ready(at, redis, side.database), methods=["GET"]),
        Route("/metrics", Metrics(at, redis, side.jobs), methods=["GET"]),
        *docs.routes(),
    ]
