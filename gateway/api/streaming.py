"""The answer to `stream: true`: what a job shows as OpenAI's events, and how it ends.

Until the first event, or for a second, nothing is sent: what goes wrong by then is an ordinary HTTP error, after which
SDKs may try again. Later it is an event, and the body ends.
"""

import asyncio
import time
from dataclasses import replace

import pybase64
from starlette.types import Receive, Scope, Send

from gateway.api.answer import Buffer, as_headers
from gateway.api.ended import REPLAYED, no_longer_kept, not_over_yet, note, outcome_of, read_ended
from gateway.api.event_text import HEARTBEAT
from gateway.api.events import HEADERS
from gateway.api.front import as_gateway_error
from gateway.api.leaving import still_there
from gateway.api.picture_events import Asked, Finished, completed_event, error_event, partial_event, progress_event
from gateway.api.pieces import send_chunks
from gateway.api.unseen import Sight, looking_on
from gateway.errors import GatewayError, Overloaded
from gateway.flow.deliver import base64_of, signed_url, url_of
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.picture_header import sniff_base64
from gateway.jobs.answers import Json, Kept, kept_picture
from gateway.jobs.events import Events
from gateway.jobs.jobs import DATABASE_AWAY, Jobs, Joined
from gateway.jobs.manner import Manner
from gateway.jobs.running import Ended, Running, TakenAway
from gateway.store.database import Database, DatabaseError
from gateway.telemetry import Outcome
from providers.base import Partial

FIRST_SECONDS = 1.0
COMMENT_SECONDS = 10.0  # proxies cut a connection on which nothing comes for 60


class EventAnswer:
    """An open answer; `due` is the instant of `time.monotonic()` at which something has to be sent."""

    def __init__(self, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        self.headers = headers
        self.started = False
        self.due = time.monotonic() + FIRST_SECONDS
        self._send = send

    async def tell(self, pieces: list[Buffer]) -> None:
        """At the client's pace."""
        if not self.started:
            self.started = True
            await self._send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *self.headers]})
        await send_chunks(pieces, self._send)
        self.due = time.monotonic() + COMMENT_SECONDS

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})


class Streaming:
    """`answer` is all that a route does for a stream once it has a job."""

    def __init__(self, at: Deps, jobs: Jobs, events: Events, database: Database) -> None:
        self.at = at
        self.jobs = jobs
        self.events = events
        self.database = database

    async def answer(
        self, job: Running | Joined, manner: Manner, asked: Asked, *, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Raises the GatewayError that the job ended in as long as nothing was sent."""
        outcome: Outcome = scope["easel"]
        running = self.jobs.running.get(job.id) if isinstance(job, Joined) else job
        told = ToldStream(self, job, manner, asked, outcome=outcome, send=send)
        here = True
        try:
            here = await still_there(receive, told.whole(running))
        except Exception as wrong:
            await told.failed(as_gateway_error(wrong, job.id, scope))
        finally:
            if running is None and not here:
                await self.jobs.left_elsewhere(job.id)
            elif running is not None and (not here or not running.task.done()):
                await self.jobs.left(running, cancel=manner.cancel_on_disconnect and not here)
        if not here:
            outcome.code = "client_gone"
            return
        await told.out.end()


class ToldStream:
    """One answer; `delivered` are the places of the pictures that the client has."""

    def __init__(
        self, streaming: Streaming, job: Running | Joined, manner: Manner, asked: Asked, *, outcome: Outcome, send: Send
    ) -> None:
        self.at = streaming.at
        self.events = streaming.events
        self.database = streaming.database
        self.id = job.id
        self.replayed = isinstance(job, Joined) and job.replayed
        self.asked = asked
        self.manner = manner
        self.outcome = outcome
        self.out = EventAnswer(as_headers(REPLAYED) if self.replayed else [], send)
        self.until = outcome.started + self.at.settings.server.deadline
        self.delivered: set[int] = set()

    async def whole(self, running: Running | None) -> None:
        """Raises the GatewayError that the job ended in, or DeadlinePassed while it goes on."""
        if running is not None:
            try:
                await self.follow(running)
                return
            except TakenAway:
                pass  # it goes on elsewhere, and is waited for there
        await self.tell_kept(await self.ended_elsewhere())

    async def failed(self, error: GatewayError) -> None:
        if not self.out.started:
            raise error
        self.outcome.code = error.code
        await self.out.tell(error_event(error, self.delivered))

    async def follow(self, running: Running) -> None:
        with looking_on(running) as unseen:
            while True:
                sight = await unseen.next(min(self.until, self.out.due))
                if sight is not None:
                    unseen.busy = True
                    await self.show(*sight, running)
                    unseen.busy = False
                elif running.task.done():
                    break
                if not running.task.done():
                    await self.go_on()
        await self.finish(outcome_of(running, replayed=self.replayed))

    async def go_on(self) -> None:
        """Raises DeadlinePassed."""
        now = time.monotonic()
        if now >= self.until:
            raise not_over_yet(self.id, self.manner)
        if now >= self.out.due:
            await self.out.tell([HEARTBEAT])

    async def show(self, index: int, sight: Sight, running: Running) -> None:
        """The last picture waits for the end of the job: with it comes what only then is known of all."""
        if index in self.delivered:
            return
        if isinstance(sight, Picture):
            withheld = self.asked.strict and sight.differences
            if not withheld and len(self.delivered) + 1 < self.asked.n:
                await self.complete(index, sight, running.order)
        elif isinstance(sight, Partial):
            header = sniff_base64(sight.base64)
            if header is not None:
                await self.out.tell(partial_event(self.asked, index, sight, header, int(time.time())))
        elif sight.step is not None and sight.steps is not None:
            await self.out.tell(progress_event(self.asked, index, sight, self.id))

    async def complete(
        self, index: int, picture: Picture, order: Order, created: int | None = None, last: Json | None = None
    ) -> None:
        base64 = await base64_of(picture, order, self.at)
        url = url_of(picture, order, self.at) if self.asked.urls else None
        finished = Finished(index, kept_picture(picture).fields, base64, url)
        await self.tell_finished(finished, created or int(time.time()), last)

    async def tell_finished(self, finished: Finished, created: int, last: Json | None) -> None:
        await self.out.tell(completed_event(self.asked, finished, created, last))
        self.delivered.add(finished.index)

    async def finish(self, ended: Ended) -> None:
        """What is left, and with the last picture the rest of the answer."""
        if not self.replayed:
            note(self.outcome, ended)
        self.out.headers += as_headers(ended.told.headers)
        head, served = ended.told.head, ended.served
        left = [index for index in range(served.plan.n) if index not in self.delivered]
        for index in left:
            last = head if index == left[-1] else None
            await self.complete(index, served.drawn.pictures[index], served.order, head["created"], last)

    async def ended_elsewhere(self) -> Kept:
        """Raises the GatewayError that it ended in, DeadlinePassed while it goes on."""
        try:
            while True:
                patience = min(self.until, self.out.due)
                await self.events.wait_for_end(self.id, patience)
                over_or_let_go = time.monotonic() < patience - 0.01
                kept = await read_ended(self.id, self.database, replayed=self.replayed)
                if kept is not None:
                    return kept
                if over_or_let_go:
                    raise not_over_yet(self.id, self.manner)
                await self.go_on()
        except DatabaseError as away:
            raise Overloaded(DATABASE_AWAY) from away

    async def tell_kept(self, kept: Kept) -> None:
        """Raises NotFound where a picture is gone."""
        names = [image.name for image in kept.images]
        there = await asyncio.gather(*(self.at.pictures.head(kept.team, name) for name in names if name is not None))
        if kept.head is None or None in names or None in there:
            raise no_longer_kept(self.id, replayed=self.replayed)
        self.out.headers += as_headers(kept.headers)
        self.asked = replace(self.asked, n=len(names))
        left = [index for index in range(len(names)) if index not in self.delivered]
        for index in left:
            await self.tell_stored(index, kept, kept.head if index == left[-1] else None)

    async def tell_stored(self, index: int, kept: Kept, last: Json | None) -> None:
        image, head = kept.images[index], kept.head or {}
        content = await self.at.pictures.get(kept.team, image.name or "")
        if content is None:
            raise no_longer_kept(self.id, replayed=self.replayed)
        url = signed_url(image.name or "", kept.team, self.asked.base_url, self.at) if self.asked.urls else None
        finished = Finished(index, image.fields, pybase64.b64encode(content), url)
        await self.tell_finished(finished, head["created"], last)
