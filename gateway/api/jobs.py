"""/v1/jobs: what became of requests, for those who asked; listed, waited for, cancelled, deleted."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import send_answer, send_json
from gateway.api.auth import Keys
from gateway.api.events import EventStreams, JobEvents, TeamEvents
from gateway.api.job_route import ID, JobRoute, base_url, job_id, no_such_job
from gateway.api.leaving import still_there
from gateway.api.query import Query
from gateway.errors import InvalidValue, JobFinished, JobRunning, NotFound
from gateway.flow.deps import Deps
from gateway.jobs.deliveries import Deliveries
from gateway.jobs.events import Events
from gateway.jobs.retention import Deletion, Retention
from gateway.jobs.shown import ShownJobs
from gateway.store.database import Database
from gateway.store.deliveries import redeliver
from gateway.store.job_details import NoSuchPlace
from gateway.store.jobs import JobRow, ask_to_cancel
from gateway.tenancy.caller import Caller

STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
LONGEST_WAIT = 600  # seconds
LONGEST_PAGE = 100
USUAL_PAGE = 20
CANCEL_SECONDS = 5.0  # that a cancel waits for the end


class JobList(JobRoute):
    """The caller's team's jobs, newest first."""

    name = "jobs"

    def __init__(self, keys: Keys, database: Database, shown: ShownJobs) -> None:
        super().__init__(keys, database)
        self.shown = shown

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        query = Query(scope, "status", "model", "created_from", "created_to", "after", "limit")
        limit = query.whole("limit", 1, LONGEST_PAGE, otherwise=USUAL_PAGE)
        after = query.word("after")
        if after is not None and not ID.fullmatch(after):
            raise InvalidValue("after: must be a job's id, such as the last_id of the page before", param="after")
        try:
            found = await self.shown.listed(
                caller.team,
                base_url(scope, self.shown),
                after=after,
                limit=limit + 1,
                statuses=query.words("status", STATUSES),
                model=query.word("model"),
                created_from=query.moment("created_from"),
                created_to=query.moment("created_to"),
            )
        except NoSuchPlace:
            told = "is no job any more, so the list cannot go on behind it; begin again without it"
            raise InvalidValue(f"after: {after} {told}", param="after") from None
        await send_json(200, page(found, limit), send)


class OneJob(JobRoute):
    """GET shows it, with `?wait=N` once it is over or N seconds have passed; DELETE deletes it with its pictures."""

    name = "job"

    def __init__(self, keys: Keys, database: Database, shown: ShownJobs, events: Events, retention: Retention) -> None:
        super().__init__(keys, database)
        self.shown = shown
        self.events = events
        self.retention = retention

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "DELETE":
            await self.delete(caller, job_id(scope), send)
        else:
            await self.show(caller, scope, receive, send)

    async def show(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        wait = Query(scope, "wait").whole("wait", 0, LONGEST_WAIT, otherwise=0)
        id = job_id(scope)
        if wait and (await self.job(caller, id)).finished is None:
            end = self.events.wait_for_end(id, time.monotonic() + wait)
            if not await still_there(receive, end):
                return
        job = await self.shown.one(caller.team, id, base_url(scope, self.shown), base64=True)
        if job is None:
            raise no_such_job(id)
        await send_json(200, job, send)

    async def delete(self, caller: Caller, id: str, send: Send) -> None:
        row = await self.job(caller, id)
        if row.finished is None:
            raise JobRunning(f"job {id} is {row.status}; cancel it first: POST /v1/jobs/{id}/cancel")
        if await self.retention.delete_job(caller.team, id) is Deletion.NOT_THERE:
            raise no_such_job(id)
        await send_answer(204, [], b"", send)


class CancelJob(JobRoute):
    """Here or in whichever process runs it; at the provider too, where that can cancel."""

    name = "job_cancel"

    def __init__(
        self, keys: Keys, database: Database, shown: ShownJobs, events: Events, cancel: Callable[[str], Awaitable[None]]
    ) -> None:
        super().__init__(keys, database)
        self.shown = shown
        self.events = events
        self.cancel = cancel

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        id = job_id(scope)
        if await self.database.write(ask_to_cancel, caller.team, id) is None:
            raise over(await self.job(caller, id))
        await self.cancel(id)
        await self.events.wait_for_end(id, time.monotonic() + CANCEL_SECONDS)
        job = await self.shown.one(caller.team, id, base_url(scope, self.shown), base64=True)
        if job is None:
            raise no_such_job(id)
        await send_json(200, job, send)


class Redeliver(JobRoute):
    """A job's webhook is sent once more, at once, under its old id."""

    name = "job_redeliver"

    def __init__(self, keys: Keys, database: Database, shown: ShownJobs, deliveries: Deliveries) -> None:
        super().__init__(keys, database)
        self.shown = shown
        self.deliveries = deliveries

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        id = job_id(scope)
        row = await self.job(caller, id)
        if row.finished is None:
            raise JobRunning(f"job {id} is {row.status}; its webhook is sent when it is over")
        if await self.database.write(redeliver, caller.team, id, time.time()) is None:
            raise NotFound(f"job {id} has no webhook; send webhook_url with the request that is to have one")
        self.deliveries.wake()
        job = await self.shown.one(caller.team, id, base_url(scope, self.shown))
        if job is None:
            raise no_such_job(id)
        await send_json(202, job, send)


def job_routes(
    at: Deps,
    keys: Keys,
    database: Database,
    *,
    cancel: Callable[[str], Awaitable[None]],
    events: Events,
    retention: Retention,
    deliveries: Deliveries,
) -> list[tuple[str, Any, list[str]]]:
    """Path, endpoint and methods of each, for every prefix. `cancel` stops a job if this process runs it."""
    shown = ShownJobs(at, database, events)
    streams = EventStreams(at, events, shown)
    return [
        ("/jobs", JobList(keys, database, shown), ["GET"]),
        ("/jobs/{id}", OneJob(keys, database, shown, events, retention), ["GET", "DELETE"]),
        ("/jobs/{id}/cancel", CancelJob(keys, database, shown, events, cancel), ["POST"]),
        ("/jobs/{id}/events", JobEvents(keys, database, events, streams, at.signing_keys), ["GET"]),
        ("/jobs/{id}/webhooks/redeliver", Redeliver(keys, database, shown, deliveries), ["POST"]),
        ("/events", TeamEvents(keys, database, events, streams, at.signing_keys), ["GET"]),
    ]


def page(jobs: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """Of one more than were asked for, which tells whether there are more."""
    data = jobs[:limit]
    return {
        "object": "list",
        "data": data,
        "has_more": len(jobs) > limit,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def over(row: JobRow) -> JobFinished:
    became = "was cancelled" if row.status == "cancelled" else f"has {row.status}"
    return JobFinished(f"job {row.id} {became} already; it stays as it is")
