"""Builds what keeps jobs: the database, the journal, events, deliveries and retention, and ends them in order."""

import secrets
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.flow.deps import Deps
from gateway.jobs.addresses import delivery_guard
from gateway.jobs.deliveries import Deliveries
from gateway.jobs.events import Events
from gateway.jobs.hooks import HookDesk, hook_desk
from gateway.jobs.jobs import Jobs
from gateway.jobs.keeper import Keeper
from gateway.jobs.links import Links
from gateway.jobs.retention import Retention
from gateway.jobs.shown import ShownJobs
from gateway.jobs.uploads import Uploads
from gateway.jobs.webhooks import Webhooks
from gateway.settings import Settings
from gateway.store.database import Database, open_database
from gateway.store.journal import Journal
from gateway.store.migrate import migrate
from gateway.store.policies import Policy
from gateway.store.redis import RedisConnection
from gateway.store.sealing import Seal
from gateway.store.teams import ensure_team


@dataclass(frozen=True, slots=True)
class JobSide:
    """What the routes need of it."""

    database: Database
    events: Events
    jobs: Jobs
    keeper: Keeper
    shown: ShownJobs
    deliveries: Deliveries
    retention: Retention
    hooks: HookDesk
    seal: Seal


async def open_jobs_database(settings: Settings, stack: AsyncExitStack) -> Database:
    """With its tables as this version has them. Raises DatabaseError."""
    database = open_database(settings.database.url, settings.server.data_dir)
    stack.push_async_callback(database.close)
    await migrate(database)
    await database.write(ensure_team, "default", time.time())
    return database


def seal_of(settings: Settings) -> Seal:
    """What teams' secrets are sealed with. Raises SecretsError."""
    configured = settings.secrets.key
    return Seal.of(configured.get_secret_value() if configured else None, settings.server.data_dir)


async def build_job_side(
    at: Deps, database: Database, events: Events, redis: RedisConnection, stack: AsyncExitStack
) -> JobSide:
    """Everything runs when this returns; the stack ends it: jobs first, then what they tell."""
    settings = at.settings
    seal = seal_of(settings)
    guard = delivery_guard(settings.delivery.own_origins)
    stack.push_async_callback(guard.close)
    shown = ShownJobs(at, database, events)
    webhooks = Webhooks(guard, database, seal, partial(job_for_webhook, shown))
    uploads = Uploads(guard, database, at.pictures)
    deliveries = Deliveries(database, {"webhook": webhooks, "upload": uploads}, at.telemetry)
    policy = Policy(settings.jobs.job_ttl, settings.jobs.image_ttl)
    retention = Retention(database, at.pictures, at.records, at.telemetry, policy)
    retention.start()
    stack.push_async_callback(retention.close)
    deliveries.start()
    stack.push_async_callback(deliveries.close)
    journal = Journal(database, events.committed)
    hooks = hook_desk(at, database, redis)
    hooks.start()
    stack.push_async_callback(hooks.close)
    links = Links(at, journal, events, hooks, deliveries.wake)
    jobs = Jobs(at, links, database, guard, f"gw_{secrets.token_hex(8)}")
    keeper = Keeper(jobs, events, database, settings.jobs.lease)
    stack.push_async_callback(keeper.close)
    stack.push_async_callback(jobs.close)  # first: what it waits for must stay this process' until then
    await keeper.start()
    return JobSide(database, events, jobs, keeper, shown, deliveries, retention, hooks, seal)


async def job_for_webhook(shown: ShownJobs, team: str, id: str) -> dict[str, Any] | None:
    """The base of its URLs is the one that the job's own caller used, where none is configured."""
    return await shown.one(team, id, shown.public_url or "")
