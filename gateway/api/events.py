"""GET /v1/events and /v1/jobs/{id}/events: what happens, as it happens, and from where a client left off."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.api.asgi import header, send_answer
from gateway.api.auth import Keys
from gateway.api.event_text import HEARTBEAT, RETRY, event_text
from gateway.api.job_route import JobRoute, base_url, job_id
from gateway.api.leaving import watched
from gateway.api.query import Query
from gateway.errors import InvalidValue, Overloaded
from gateway.flow.deps import Deps
from gateway.jobs.event_ids import BEGINNING, seq_of
from gateway.jobs.events import Events
from gateway.jobs.listener import Listener
from gateway.jobs.ring import Event
from gateway.jobs.shown import ShownJobs
from gateway.store.database import Database, DatabaseError
from gateway.store.events import last_given
from gateway.store.pictures import PictureStoreError
from gateway.tenancy.caller import Caller

HEARTBEAT_SECONDS = 15.0  # proxies cut a connection on which nothing comes for 60
FAREWELL_SECONDS = 1.0
MOST_STREAMS = 5_000  # of one process; whoever opened more would leave no room for requests
SHOWN_SECONDS = 1.0  # for which a job that ended is not read again
HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStreams:
    """Streams of events; a client that takes nothing is waited for, and no event for it is kept meanwhile."""

    def __init__(self, at: Deps, events: Events, shown: ShownJobs) -> None:
        self._at = at
        self._events = events
        self._shown = shown
        self._open = 0
        self._ended: dict[tuple[str, str], asyncio.Task[dict[str, Any] | None]] = {}

    async def serve(
        self, listener: Listener, scope: Scope, receive: Receive, send: Send, *, over: bool = False
    ) -> None:
        """Until the client leaves, the gateway ends or, of a job's own stream, the job is over (`over`: it is already).

        One that has seen all of a job that is over gets a 204, which keeps it from coming back. Raises Overloaded.
        """
        self._open += 1
        try:
            if self._open > MOST_STREAMS:
                raise Overloaded(f"{MOST_STREAMS:,} event streams are open here already; close some", retry_after=10)
            batch = await listener.next(0)
            if over and not batch:
                await send_answer(204, [], b"", send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            with watched(receive, listener.close):
                goes_on = await self._tell(RETRY, batch, listener, scope, send)
                del batch  # nothing of what was told is kept while the next event is waited for
                while goes_on:
                    goes_on = await self._tell_next(listener, scope, send, over=over)
            await end_answer(send)
        finally:
            self._open -= 1
            self._events.leave(listener)

    async def _tell_next(self, listener: Listener, scope: Scope, send: Send, *, over: bool) -> bool:
        """Whether the stream goes on."""
        try:
            batch = await listener.next(HEARTBEAT_SECONDS)
        except DatabaseError:
            return False
        if listener.closed or (over and not batch):
            return False
        return await self._tell(b"" if batch else HEARTBEAT, batch, listener, scope, send)

    async def _tell(self, before: bytes, batch: Sequence[Event], listener: Listener, scope: Scope, send: Send) -> bool:
        """Whether the stream goes on. A client that loses it with a store that is away comes back to where it was."""
        try:
            content = before + await self._text(batch, scope)
        except (DatabaseError, PictureStoreError):
            return False
        ended = listener.job is not None and any(event.type == "finished" for event in batch)
        return await sent(content, listener, send) and not ended

    async def _text(self, batch: Sequence[Event], scope: Scope) -> bytes:
        begin = base_url(scope, self._shown)
        jobs = {event.job: await self._job(event.team, event.job, begin) for event in batch if event.type == "finished"}
        return b"".join(event_text(event, self._at, begin, jobs.get(event.job)) for event in batch)

    async def _job(self, team: str, id: str, begin: str) -> dict[str, Any] | None:
        """Read once for all streams that tell of its end in the same second."""
        key = (id, begin)
        reading = self._ended.get(key)
        if reading is None:
            reading = self._ended[key] = asyncio.create_task(self._shown.one(team, id, begin))
            asyncio.get_running_loop().call_later(SHOWN_SECONDS, self._ended.pop, key, None)
        return reading.result() if reading.done() else await asyncio.shield(reading)


class EventRoute(JobRoute):
    """Any of `signing_keys` may have made an event's id."""

    def __init__(
        self, keys: Keys, database: Database, events: Events, streams: EventStreams, signing_keys: Sequence[bytes]
    ) -> None:
        super().__init__(keys, database)
        self.events = events
        self.streams = streams
        self.signing_keys = signing_keys

    async def last_event_id(self, caller: Caller, scope: Scope) -> int | None:
        """Raises InvalidValue for what cannot be the id of an event that the caller's team has seen."""
        value = header(scope, b"last-event-id").strip()
        if not value:
            return None
        seq = seq_of(value.decode("latin-1"), caller.team, self.signing_keys)
        if seq is None or seq > await self.database.read(last_given):
            told = f"must be the id of an event of your team's, or {BEGINNING} for all that are still told"
            raise InvalidValue(f"Last-Event-ID: {told}", param="Last-Event-ID")
        return seq


class TeamEvents(EventRoute):
    """Everything that happens to the team's jobs, from now on or behind `Last-Event-ID`."""

    name = "events"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        Query(scope)
        after = await self.last_event_id(caller, scope)
        if scope["method"] == "HEAD":
            await send_answer(200, HEADERS, b"", send)
            return
        await self.streams.serve(await self.events.join(caller.team, after=after), scope, receive, send)


class JobEvents(EventRoute):
    """What happened to a job from its beginning, or behind `Last-Event-ID`, and what happens until it is over."""

    name = "job_events"

    async def answer(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        Query(scope)
        row = await self.job(caller, job_id(scope))
        after = await self.last_event_id(caller, scope) or 0
        if scope["method"] == "HEAD":
            await send_answer(200, HEADERS, b"", send)
            return
        listener = await self.events.join(row.team, row.id, after)
        await self.streams.serve(listener, scope, receive, send, over=row.finished is not None)


async def sent(content: bytes, listener: Listener, send: Send) -> bool:
    """At the client's pace; False when the stream is closed, whether or not the client took it."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:
            listener.on_close = lambda: limit.reschedule(loop.time())
            await send({"type": "http.response.body", "body": content, "more_body": True})
    except TimeoutError:
        return False
    finally:
        listener.on_close = None
    return not listener.closed


async def end_answer(send: Send) -> None:
    """A client that takes nothing any more is cut off instead: the gateway may be ending."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            await send({"type": "http.response.body", "body": b""})
