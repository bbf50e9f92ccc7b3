"""A job's events over HTTP, and noticing that the one who asked has gone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from workers.desk import Desk
from workers.errors import Refusal, late
from workers.job import Event, Job
from workers.meters import Meters

Made = TypeVar("Made")

_DEADLINE = "x-easel-deadline-ms"
_LONGEST_DEADLINE = 31_536_000_000  # milliseconds: a year
_KEEP_ALIVE = 15.0  # seconds without an event before a comment is sent; many proxies cut at 60


class Gone(Exception):
    """The client closed its connection; there is nobody to answer."""


async def unless_gone(receive: Receive, work: Awaitable[Made]) -> Made:
    """What `work` brings; raises `Gone` if the client leaves first. The request's body has been read."""
    async with _leaving(receive) as gone:
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Gone
            return task.result()
        finally:
            if task.cancel():
                with suppress(asyncio.CancelledError):
                    await task


class EventStream:
    """The answer to `stream: true`: server-sent events, each named like its `type`."""

    def __init__(self, desk: Desk, job: Job, until: float | None, meters: Meters) -> None:
        self._desk = desk
        self._job = job
        self._until = until
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._desk.following(self._job):
            with suppress(Gone):
                await unless_gone(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-request-id", self._job.id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async for chunk in _with_comments(self._chunks()):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            async for event in self._job.follow(self._until):
                yield _chunk(event["type"], event)
        except Refusal as refusal:
            self._meters.refusals.labels(refusal.code or "").inc()
            yield _chunk("error", refusal.body())


def _chunk(name: str, data: Event | dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))


async def _with_comments(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks, with a comment whenever nothing came for a while."""
    following: asyncio.Future[bytes] | None = None
    try:
        while True:
            following = following or asyncio.ensure_future(anext(chunks))
            done, _ = await asyncio.wait({following}, timeout=_KEEP_ALIVE)
            if not done:
                yield b": still here\n\n"
                continue
            try:
                chunk = following.result()
            except StopAsyncIteration:
                return
            following = None
            yield chunk
    finally:
        if following is not None:
            following.cancel()


@asynccontextmanager
async def _leaving(receive: Receive) -> AsyncGenerator["asyncio.Task[None]"]:
    """A task that ends when the client closes its connection."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue

    task = asyncio.create_task(gone())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def body(request: Request, *, most: int, within: float) -> bytes:
    """The request's body. Raises `Refusal`: 413 beyond `most` bytes, 408 if it takes longer than `within` seconds."""
    too_large = Refusal(f"The body may have {most} bytes.", status=413, code="request_too_large")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > most:
        raise too_large
    read = bytearray()
    try:
        async with asyncio.timeout(within):
            async for chunk in request.stream():
                read += chunk
                if len(read) > most:
                    raise too_large
    except TimeoutError:
        raise Refusal("The body did not arrive in time.", status=408, code="timeout") from None
    return bytes(read)


async def in_time(until: float | None, work: Awaitable[Made]) -> Made:
    """What `work` brings; raises `Refusal` (504) if that takes longer than the caller waits."""
    try:
        async with asyncio.timeout_at(until):
            return await work
    except TimeoutError:
        raise late() from None


def deadline(request: Request) -> float | None:
    """Until when the caller waits, by the event loop's clock; from a header that says how long that is."""
    told = request.headers.get(_DEADLINE)
    if told is None:
        return None
    if not (told.isascii() and told.isdecimal() and len(told) < 12 and 0 < int(told) <= _LONGEST_DEADLINE):
        raise Refusal(f"'{_DEADLINE}' must be 1 to {_LONGEST_DEADLINE} milliseconds.", param=_DEADLINE)
    return asyncio.get_running_loop().time() + int(told) / 1000
