"""A request waits for its job: until it is over, until the client is tired of it, or until it has gone."""

import asyncio
import time
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.answer import as_headers, images_answer
from gateway.api.asgi import send_json
from gateway.api.ended import REPLAYED, no_longer_kept, not_over_yet, note, outcome_of, read_ended
from gateway.api.job_route import no_such_job
from gateway.api.leaving import arrives, still_there
from gateway.api.orders import address
from gateway.api.picture_events import Asked
from gateway.api.pieces import send_pieces
from gateway.api.streaming import Streaming
from gateway.errors import Overloaded
from gateway.flow.deps import Deps
from gateway.flow.pipeline import delivered
from gateway.jobs.answers import Json, Kept
from gateway.jobs.events import Events
from gateway.jobs.jobs import DATABASE_AWAY, Jobs, Joined
from gateway.jobs.manner import Manner
from gateway.jobs.running import Ended, Running, TakenAway
from gateway.jobs.shown import ShownJobs
from gateway.store.database import Database, DatabaseError
from gateway.telemetry import Outcome

UNWATCHED_SECONDS = 0.25  # most answers are there by then; a client that has left is noticed afterwards


class ClientGone(Exception):
    """There is nobody to answer."""


class Waiting:
    """`answer` is all that a route does once it has a job."""

    def __init__(self, at: Deps, jobs: Jobs, events: Events, database: Database, shown: ShownJobs) -> None:
        self.at = at
        self.jobs = jobs
        self.events = events
        self.database = database
        self.shown = shown
        self.streaming = Streaming(at, jobs, events, database)

    async def answer(
        self,
        job: Running | Joined,
        manner: Manner,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        shown: Asked | None = None,
    ) -> None:
        """As a stream where there is something to be `shown`.

        Raises the GatewayError that the job ended in, or DeadlinePassed while it goes on.
        """
        outcome: Outcome = scope["easel"]
        outcome.job = job.id
        if shown is not None:
            await self.streaming.answer(job, manner, shown, scope=scope, receive=receive, send=send)
            return
        patience = manner.wait if manner.respond_async else self.at.settings.server.deadline
        try:
            ended = await self.ended(job, manner, outcome.started + patience, receive)
        except ClientGone:
            outcome.code = "client_gone"
            return
        headers = [(b"preference-applied", b"respond-async")] if manner.respond_async else []
        if ended is None:
            await self.not_over(job.id, manner, headers, scope, send)
            return
        if is_replay(job):
            headers += as_headers(REPLAYED)
        elif isinstance(ended, Ended):
            note(outcome, ended)
        if isinstance(ended, Ended):
            sending = self.send_drawn(ended, headers, send)
        else:
            body = await self.rendered(job, ended, scope)
            sending = send_json(200, body, send, [*as_headers(ended.headers), *headers])
        del ended  # a picture is held no longer than it takes to send it
        if not manner.sdk:
            await sending
        elif not await arrives(receive, sending):
            outcome.code = "client_gone"
            await self.jobs.left_elsewhere(job.id)

    async def ended(self, job: Running | Joined, manner: Manner, until: float, receive: Receive) -> Ended | Kept | None:
        """None when it is not over by then. Raises the GatewayError that it ended in, ClientGone."""
        running = self.jobs.running.get(job.id) if isinstance(job, Joined) else job
        if running is not None:
            try:
                over = await self.over(running, manner, until, receive)
                return outcome_of(running, replayed=is_replay(job)) if over else None
            except TakenAway:
                pass  # it goes on elsewhere, and is waited for there
        return await self.ended_elsewhere(job, manner, until, receive)

    async def over(self, running: Running, manner: Manner, until: float, receive: Receive) -> bool:
        if manner.respond_async and not manner.wait:
            return running.task.done()
        if not manner.respond_async:
            running.hurry()
        running.present += 1
        try:
            if await running.wait(min(until, time.monotonic() + UNWATCHED_SECONDS)):
                return True
            here = await still_there(receive, waited(running, until))
        finally:
            running.present -= 1
        over = running.task.done()
        if not here or not (over or manner.respond_async):
            await self.jobs.left(running, cancel=manner.cancel_on_disconnect and not here)
        if not here:
            raise ClientGone
        return over

    async def ended_elsewhere(
        self, job: Running | Joined, manner: Manner, until: float, receive: Receive
    ) -> Kept | None:
        try:
            here = await still_there(receive, self.events.wait_for_end(job.id, until))
            ended = await read_ended(job.id, self.database, replayed=is_replay(job)) if here else None
        except DatabaseError as away:
            raise Overloaded(DATABASE_AWAY) from away
        if not here or not (ended or manner.respond_async):
            await self.jobs.left_elsewhere(job.id)
        if not here:
            raise ClientGone
        return ended

    async def rendered(self, job: Running | Joined, kept: Kept, scope: Scope) -> Json:
        """Raises NotFound where a picture is gone, or was never kept."""
        base_url = self.at.settings.server.public_url or address(scope)
        body = await kept.images_response(self.at, base_url, base64=True)
        needed = "url" if kept.format == "url" else "b64_json"
        if body is None or any(needed not in image for image in body["data"]):
            raise no_longer_kept(job.id, replayed=is_replay(job))
        return body

    async def send_drawn(self, ended: Ended, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        pieces = images_answer(ended.told, await delivered(ended.served, self.at))
        headers = [*as_headers(ended.told.headers), *headers]
        del ended  # the pieces hold what is still needed of the pictures
        await send_pieces(pieces, headers, send)

    async def not_over(
        self, id: str, manner: Manner, headers: list[tuple[bytes, bytes]], scope: Scope, send: Send
    ) -> None:
        if not manner.respond_async:
            raise not_over_yet(id, manner)
        job = await self.job(id, scope)
        await send_json(202, job, send, [(b"location", f"/v1/jobs/{id}".encode()), *headers])

    async def job(self, id: str, scope: Scope) -> dict[str, Any]:
        try:
            job = await self.shown.one(None, id, self.at.settings.server.public_url or address(scope))
        except DatabaseError as away:
            raise Overloaded(DATABASE_AWAY) from away
        if job is None:
            raise no_such_job(id)
        return job


def is_replay(job: Running | Joined) -> bool:
    """Whether its answer belongs to somebody else's request under the same Idempotency-Key."""
    return isinstance(job, Joined) and job.replayed


async def waited(running: Running, until: float) -> None:
    await asyncio.wait({running.task}, timeout=max(0.0, until - time.monotonic()))
