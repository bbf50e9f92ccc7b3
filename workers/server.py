"""A worker over HTTP: OpenAI's images API with extra fields, cancelling, and saying how it is.

Nothing here knows how pictures are made: an `Engine` does (`workers/engine.py`).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, ParamSpec

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from workers.desk import Desk
from workers.device import Device
from workers.engine import CannotLoad, Engine, Model
from workers.errors import Refusal, busy, draining, not_routed, refused, unforeseen
from workers.form import form
from workers.job import Job
from workers.key import Locked
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed
from workers.meters import Meters
from workers.options import STUCK_SECONDS
from workers.status import listed, status
from workers.stream import EventStream, Gone, body, deadline, in_time, unless_gone
from workers.wire import Commission, commission, edit

P = ParamSpec("P")
log = logging.getLogger("easel.worker")

LARGEST_BODY = 2**20  # bytes; there are no pictures in it, unless ControlNets look at some
LARGEST_FORM = 96 * 2**20  # bytes; the gateway takes 64 MB, and a picture in another format may be larger
_BODY_WITHIN = 30.0  # seconds
_DECODED_AT_ONCE = 4  # requests; a small file may be a picture of many pixels
_LOOK_EVERY = 5.0  # seconds between two looks at how long the device is at the same thing


class Worker:
    """An engine, its desk, and the app that serves both. `together` is how many jobs may take steps at once, None: as
    the engine likes it; `waiting` more may stand in line. With a `key`, callers have to show it. A device that has been
    at the same thing for `stuck_seconds` is given up."""

    def __init__(
        self,
        engine: Engine,
        *,
        waiting: int = 16,
        together: int | None = None,
        loras: Loras | None = None,
        key: str | None = None,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self.engine = engine
        self.loras = loras or Loras(Allowed())
        self.meters = Meters()
        device = Device(engine, self.meters)
        self.desk = desk = Desk(device, self.meters, together=together or engine.together, waiting=waiting)
        self.meters.watch(
            jobs=lambda state: len(desk.running) if state == "running" else desk.waiting,
            queue_seconds=lambda: desk.queue_seconds,
            seconds_at_it=lambda: device.seconds_at_it,
            memory=lambda: desk.resources.memory,
        )
        self._decoding = asyncio.Semaphore(_DECODED_AT_ONCE)
        self.stuck = asyncio.Event()  # set if the device is at something that does not end
        self._stuck_seconds = stuck_seconds
        self.broken = asyncio.Event()  # set if the engine cannot draw, or not any more: there is no use in going on
        self.cannot_load = False  # nor in starting it again
        self.app = Starlette(
            routes=[
                Route("/v1/images/generations", self.generate, methods=["POST"]),
                Route("/v1/images/edits", self.edit, methods=["POST"]),
                Route("/v1/jobs/{id}", self.cancel, methods=["DELETE"]),
                Route("/v1/models", self.models),
                Route("/v1/models/{id:path}", self.model),
                Route("/v1/status", self.status),
                Route("/metrics", self.metrics),
                Route("/livez", self.alive),
                Route("/readyz", self.ready),
            ],
            middleware=[Middleware(Locked, key=key)] if key else [],
            exception_handlers={Refusal: self._refused, HTTPException: not_routed, Exception: unforeseen},
            lifespan=self._lifespan,
        )

    async def generate(self, request: Request) -> Response | EventStream:
        if _media_type(request) != "application/json":
            message = "Send JSON: content-type application/json."
            raise Refusal(message, status=415, code="unsupported_media_type")
        try:
            most = LARGEST_FORM if self._looks_at_pictures else LARGEST_BODY
            sent = await body(request, most=most, within=_BODY_WITHIN)
        except ClientDisconnect:
            return Response(status_code=499)
        asked = (sent, self._known_models(), request.headers.get("x-request-id"))
        read = await self._beside(commission, *asked) if self._looks_at_pictures else commission(*asked)
        return await self._answer(request, read)

    async def edit(self, request: Request) -> Response | EventStream:
        if _media_type(request) != "multipart/form-data":
            message = "Send a form: content-type multipart/form-data."
            raise Refusal(message, status=415, code="unsupported_media_type")
        try:
            sent = await body(request, most=LARGEST_FORM, within=_BODY_WITHIN)
        except ClientDisconnect:
            return Response(status_code=499)
        given = form(request.headers["content-type"], sent)
        asked = await self._beside(edit, given, self._known_models(), request.headers.get("x-request-id"))
        return await self._answer(request, asked)

    async def _beside(self, read: Callable[P, Commission], *asked: P.args, **more: P.kwargs) -> Commission:
        """On a thread: pictures take long to decode, and so much memory that only a few are at once."""
        async with self._decoding:
            return await asyncio.to_thread(read, *asked, **more)

    def _known_models(self) -> Sequence[Model]:
        """Some engines know them when they are loaded."""
        if not self.engine.models:
            raise busy("The engine is being loaded.", retry_after=1)
        return self.engine.models

    @property
    def _looks_at_pictures(self) -> bool:
        """Some of its generations do: they may have ControlNets."""
        return any(model.control_models for model in self.engine.models)

    async def _answer(self, request: Request, asked: Commission) -> Response | EventStream:
        until = deadline(request)
        try:
            if asked.loras:
                self.desk.check_place(asked.job_id)  # nothing is fetched for one who is turned away
                found = await unless_gone(request.receive, in_time(until, self.loras.resolve(asked.loras)))
                asked = asked.with_loras(found)
            job = self.desk.take(asked)
            if asked.stream:
                return EventStream(self.desk, job, until, self.meters)
            async with self.desk.following(job):
                await unless_gone(request.receive, job.done(until))
                return _json(job.answer(), {"x-request-id": job.id})
        except Gone:
            return Response(status_code=499)

    async def cancel(self, request: Request) -> Response:
        job = self.desk.cancel(request.path_params["id"])
        if job is None:
            raise Refusal("There is no such job here.", status=404, param="id", code="not_found")
        return _json(_told(job))

    async def models(self, _request: Request) -> Response:
        each = [listed(model, placeholder=self.engine.placeholder) for model in self.engine.models]
        return _json({"object": "list", "data": each})

    async def model(self, request: Request) -> Response:
        for model in self.engine.models:
            if model.id == request.path_params["id"]:
                return _json(listed(model, placeholder=self.engine.placeholder))
        raise Refusal("There is no such model here.", status=404, param="model", code="model_not_found")

    async def status(self, _request: Request) -> Response:
        return _json(status(self.engine, self.desk))

    async def metrics(self, _request: Request) -> Response:
        return Response(self.meters.text(), media_type="text/plain; version=0.0.4")

    async def alive(self, _request: Request) -> Response:
        if self.stuck.is_set():
            raise draining()
        return _json({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        if self.desk.draining:
            raise busy("This worker is about to end.", retry_after=1)
        if not self.desk.ready:
            raise busy("The engine is being loaded.", retry_after=1)
        return _json({"status": "ready"})

    async def _refused(self, request: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            self.meters.refusals.labels(error.code or "").inc()
        return await refused(request, error)

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        opening = asyncio.create_task(self._open())
        try:
            yield
        finally:
            self.desk.hand_back()
            opening.cancel()
            await asyncio.wait({opening})
            await asyncio.to_thread(self.desk.device.close)

    async def _open(self) -> None:
        try:
            await self.desk.open()
        except CannotLoad as error:
            self.cannot_load = True
            log.error("%s", error)
        except Exception:
            log.exception("the engine %s could not be loaded", self.engine.name)
        else:
            await self._until_useless()
        self.desk.hand_back()
        self.broken.set()

    async def _until_useless(self) -> None:
        """Returns when the device can draw no more."""
        device = self.desk.device
        while not device.lost.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_EVERY, self._stuck_seconds / 4)):
                    await device.lost.wait()
            if device.seconds_at_it > self._stuck_seconds:
                log.critical("the device is at the same thing for %d seconds; this worker ends", device.seconds_at_it)
                self.stuck.set()
                device.abandoned = True
                return


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _told(job: Job) -> dict[str, Any]:
    return {"id": job.id, "object": "image.job", "status": job.status, "created": job.created}


def _json(content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=headers)
