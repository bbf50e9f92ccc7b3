"""A worker over HTTP: OpenAI's images API with extra fields, cancelling, and saying how it is.

Nothing here knows how pictures are made: an `Engine` does (`workers/engine.py`).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from workers.desk import Desk
from workers.device import Device
from workers.engine import SEEDS, Engine, Model
from workers.errors import Refusal, busy, not_routed, refused, unforeseen
from workers.form import form
from workers.job import Job
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed
from workers.stream import EventStream, Gone, body, unless_gone
from workers.wire import Commission, commission, edit

log = logging.getLogger("easel.worker")

LARGEST_BODY = 2**20  # bytes; there are no pictures in it, unless ControlNets look at some
LARGEST_FORM = 96 * 2**20  # bytes; the gateway takes 64 MB, and a picture in another format may be larger
_BODY_WITHIN = 30.0  # seconds


class Worker:
    """An engine, its desk, and the app that serves both. `waiting` is how many jobs may stand in line."""

    def __init__(self, engine: Engine, *, waiting: int = 16, loras: Loras | None = None) -> None:
        self.engine = engine
        self.loras = loras or Loras(Allowed())
        self.desk = Desk(Device(engine), waiting=waiting)
        self.broken = asyncio.Event()  # set if the engine cannot be loaded: there is no use in going on
        self.app = Starlette(
            routes=[
                Route("/v1/images/generations", self.generate, methods=["POST"]),
                Route("/v1/images/edits", self.edit, methods=["POST"]),
                Route("/v1/jobs/{id}", self.cancel, methods=["DELETE"]),
                Route("/v1/models", self.models),
                Route("/v1/models/{id:path}", self.model),
                Route("/v1/status", self.status),
                Route("/livez", self.alive),
                Route("/readyz", self.ready),
            ],
            exception_handlers={Refusal: refused, HTTPException: not_routed, Exception: unforeseen},
            lifespan=self._lifespan,
        )

    async def generate(self, request: Request) -> Response | EventStream:
        if _media_type(request) != "application/json":
            message = "Send JSON: content-type application/json."
            raise Refusal(message, status=415, code="unsupported_media_type")
        try:
            sent = await body(request, most=self._largest_body(), within=_BODY_WITHIN)
        except ClientDisconnect:
            return Response(status_code=499)
        asked = (sent, self.engine.models, request.headers.get("x-request-id"))
        # With pictures in it, reading it takes long.
        read = commission(*asked) if len(sent) <= LARGEST_BODY else await asyncio.to_thread(commission, *asked)
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
        asked = await asyncio.to_thread(edit, given, self.engine.models, request.headers.get("x-request-id"))
        return await self._answer(request, asked)

    def _largest_body(self) -> int:
        return LARGEST_FORM if any(model.control_models for model in self.engine.models) else LARGEST_BODY

    async def _answer(self, request: Request, asked: Commission) -> Response | EventStream:
        if asked.loras:
            asked = asked.with_loras(await self.loras.resolve(asked.loras))
        job = self.desk.take(asked)
        if asked.stream:
            return EventStream(self.desk, job)
        async with self.desk.following(job):
            try:
                await unless_gone(request.receive, job.done())
            except Gone:
                return Response(status_code=499)
            return _json(job.answer(), {"x-request-id": job.id})

    async def cancel(self, request: Request) -> Response:
        job = self.desk.cancel(request.path_params["id"])
        if job is None:
            raise Refusal("There is no such job here.", status=404, param="id", code="not_found")
        return _json(_told(job))

    async def models(self, _request: Request) -> Response:
        return _json({"object": "list", "data": [self._listed(model) for model in self.engine.models]})

    async def model(self, request: Request) -> Response:
        for model in self.engine.models:
            if model.id == request.path_params["id"]:
                return _json(self._listed(model))
        raise Refusal("There is no such model here.", status=404, param="model", code="model_not_found")

    async def status(self, _request: Request) -> Response:
        """`capacity` is how many jobs may be here at once, the one that is drawn included."""
        return _json(
            {
                "engine": self.engine.name,
                "placeholder": self.engine.placeholder,
                "models": [_described(model) for model in self.engine.models],
                "ready": self.desk.ready,
                "draining": self.desk.draining,
                "running": len(self.desk.running),
                "waiting": self.desk.waiting,
                "capacity": self.desk.most_waiting + 1,
                "drawn": self.desk.drawn,
            }
        )

    async def alive(self, _request: Request) -> Response:
        return _json({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        if self.desk.draining:
            raise busy("This worker is about to end.", retry_after=1)
        if not self.desk.ready:
            raise busy("The engine is being loaded.", retry_after=1)
        return _json({"status": "ready"})

    def _listed(self, model: Model) -> dict[str, Any]:
        listed = {"object": "model", "created": 0, "owned_by": "easel", "placeholder": self.engine.placeholder}
        return {**listed, **_described(model)}

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        drawing = asyncio.create_task(self.desk.run())
        drawing.add_done_callback(self._drawing_ended)
        try:
            yield
        finally:
            self.desk.cancel_all()
            drawing.cancel()
            await asyncio.wait({drawing})
            self.desk.device.close()

    def _drawing_ended(self, drawing: "asyncio.Task[None]") -> None:
        if not drawing.cancelled():
            log.error("the engine %s could not be loaded", self.engine.name, exc_info=drawing.exception())
            self.broken.set()


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _described(model: Model) -> dict[str, Any]:
    width, height = model.default_size
    pictures = {"image"} if model.most_images else set[str]()
    masks = {"mask", "outpaint"} if model.masks else set[str]()
    return {
        "id": model.id,
        "title": model.title,
        "parameters": sorted({"prompt", "n", "size", "width", "height", *pictures, *masks, *model.parameters}),
        "images": model.most_images,
        "loras": model.most_loras,
        "schedulers": model.schedulers,
        "accelerations": model.accelerations,
        "control_nets": model.control_models,
        "sizes": {
            "default": f"{width}x{height}",
            "shortest_side": model.shortest_side,
            "longest_side": model.longest_side,
            "multiple_of": model.multiple_of,
            "most_pixels": model.most_pixels,
        },
        "steps": {"default": model.default_steps, "most": model.most_steps},
        "seeds": {"first": 0, "last": SEEDS - 1},
    }


def _told(job: Job) -> dict[str, Any]:
    return {"id": job.id, "object": "image.job", "status": job.status, "created": job.created}


def _json(content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=headers)
