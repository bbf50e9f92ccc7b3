"""A stand-in for fal.ai: direct runs under `/fal/…`, the queue under `/fal-queue/…`, pictures under `/fal-media/…`.

Its storage is in `storage.py`, its webhooks in `webhooks.py`.

Source: fal docs, "Inference API", "Queue", "Cancel a request", "Request errors", and the per-model API pages, read
2026-11-21. As there, the queue takes any JSON object: what the model refuses shows in the result. A request's URLs
have owner and alias only, whatever sub-path it was sent to.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from simulators.fal.endpoint import Endpoint
from simulators.fal.endpoints import ENDPOINTS
from simulators.fal.errors import FAILED, MODERATED, Failure, bad_key, model_failure, not_found, platform_failure
from simulators.fal.queue import Job, Queue
from simulators.fal.run import SLUG, Run, start
from simulators.fal.storage import Storage
from simulators.fal.webhooks import Notices
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, anyone, json_answer, origin
from simulators.stage import Stage

KEY = "simulated-id:simulated-fal-secret"
REQUEST_ID = "x-fal-request-id"
STREAM_INTERVAL = 0.02  # seconds between two looks of a status stream, with a pace


class Fal:
    """fal.ai."""

    slug = SLUG
    ability = Ability(frozenset({"submit", "status", "result", "cancel", "generate", "download", "upload", "webhook"}))

    def address(self, origin: str) -> dict[str, str]:
        urls = {"base_url": "fal", "queue_url": "fal-queue", "rest_url": "fal-rest"}
        return {name: f"{origin}/{path}" for name, path in urls.items()} | {"key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        storage = Storage(stage)
        queue = Queue(stage)
        notices = Notices(stage, queue)
        desk = Desk(stage, storage, queue, notices)
        front = Front(SLUG, stage, _refuse, _error)
        job = "/fal-queue/{owner}/{alias}/requests/{request_id}"
        return [
            front.route("/fal/{endpoint:path}", ["POST"], "generate", desk.direct),
            front.route(f"{job}/status/stream", ["GET"], "status", desk.status_stream),
            front.route(f"{job}/status", ["GET"], "status", desk.status),
            front.route(f"{job}/response", ["GET"], "result", desk.result),
            front.route(f"{job}/cancel", ["PUT"], "cancel", desk.cancel),
            front.route(job, ["GET"], "result", desk.result),
            front.route("/fal-queue/{endpoint:path}", ["POST"], "submit", desk.submit),
            front.route("/fal-queue/{anything:path}", ["GET", "PUT"], None, desk.nothing),
            *storage.routes(front, replace(front, refuse=anyone)),
            *notices.routes(front),
            front.media(),
        ]


class Desk:
    """What the routes do."""

    def __init__(self, stage: Stage, storage: Storage, queue: Queue, notices: Notices) -> None:
        self._stage = stage
        self._storage = storage
        self._queue = queue
        self._notices = notices

    async def direct(self, request: Request, effect: PictureEffect | None) -> Response:
        asked = await _asked(request)
        if isinstance(asked, Failure):
            return _named(asked.answer(), str(uuid.uuid4()))
        endpoint, body = asked
        run = await start(endpoint, body, effect, self._storage.content_at)
        if isinstance(run, Failure):
            return _named(run.answer(), str(uuid.uuid4()))
        pace = self._stage.pace(SLUG)
        await asyncio.sleep(pace.queue_seconds + pace.seconds_per_image * len(run.pictures))
        self._stage.paid[SLUG] += len(run.pictures)
        return _named(await self._billed(request, run, effect), str(uuid.uuid4()))

    async def submit(self, request: Request, effect: PictureEffect | None) -> Response:
        asked = await _asked(request)
        if isinstance(asked, Failure):
            return _named(asked.answer(), str(uuid.uuid4()))
        endpoint, body = asked
        most = request.query_params.get("fal_max_queue_length", "")
        if most.isdigit() and self._queue.waiting() > int(most):
            return _named(json_answer({"detail": "Queue length limit exceeded"}, 429), str(uuid.uuid4()))
        within = _seconds(request.headers.get("x-fal-request-timeout"))
        app = "/".join(endpoint.id.split("/")[:2])
        job = Job(app, await start(endpoint, body, effect, self._storage.content_at), effect, within)
        self._queue.add(job)
        if webhook := request.query_params.get("fal_webhook"):
            self._notices.promise(webhook, job, origin(request))
        return _named(json_answer(self._told(job, request)), job.id)

    async def status(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect  # nothing about a picture can go wrong here
        job = self._job(request)
        if job is None:
            return _named(not_found(), str(uuid.uuid4()))
        self._queue.look(job)
        return _named(json_answer(self._told(job, request), 200 if job.state == "COMPLETED" else 202), job.id)

    async def status_stream(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        job = self._job(request)
        if job is None:
            return _named(not_found(), str(uuid.uuid4()))
        return _named(StreamingResponse(self._events(job, request), media_type="text/event-stream"), job.id)

    async def _events(self, job: Job, request: Request) -> AsyncIterator[bytes]:
        last = b""
        while True:
            self._queue.find(job.app, job.id)
            self._queue.look(job)
            event = orjson.dumps(self._told(job, request))
            if event != last:
                yield b"data: " + event + b"\n\n"
            if job.state == "COMPLETED":
                return
            last = event
            await asyncio.sleep(STREAM_INTERVAL if self._queue.paced() else 0)

    async def result(self, request: Request, effect: PictureEffect | None) -> Response:
        job = self._job(request)
        if job is None:
            return _named(not_found(), str(uuid.uuid4()))
        if job.state != "COMPLETED":
            return _named(json_answer({"detail": "Request is still in progress"}, 400), job.id)
        run = _run_of(job, effect)
        if isinstance(run, Failure):
            return _named(run.answer(), job.id)
        return _named(await self._billed(request, run, effect or job.effect), job.id)

    async def cancel(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        job = self._job(request)
        if job is None:
            return _named(not_found(), str(uuid.uuid4()))
        if not self._queue.cancel(job):
            return _named(json_answer({"status": "ALREADY_COMPLETED"}, 400), job.id)
        return _named(json_answer({"status": "CANCELLATION_REQUESTED"}, 202), job.id)

    async def nothing(self, request: Request, effect: PictureEffect | None) -> Response:
        del request, effect
        return _named(not_found(), str(uuid.uuid4()))

    async def _billed(self, request: Request, run: Run, effect: PictureEffect | None) -> Response:
        output = await run.output(self._stage, origin(request), effect)
        return json_answer(output, headers={"X-Fal-Billable-Units": str(run.units)})

    def _job(self, request: Request) -> Job | None:
        path = request.path_params
        return self._queue.find(f"{path['owner']}/{path['alias']}", path["request_id"])

    def _told(self, job: Job, request: Request) -> dict[str, Any]:
        """The status as JSON; the URLs are on the address that the caller reached."""
        address = f"{origin(request)}/fal-queue/{job.app}/requests/{job.id}"
        told: dict[str, Any] = {
            "status": job.state,
            "request_id": job.id,
            "response_url": address,
            "status_url": f"{address}/status",
            "cancel_url": f"{address}/cancel",
        }
        if job.state == "IN_QUEUE":
            return told | {"queue_position": self._queue.position(job)}
        told["logs"] = _logs(job) if request.query_params.get("logs", "").lower() in ("1", "true") else None
        if job.state == "COMPLETED":
            told["metrics"] = {"inference_time": 0.5}
            if isinstance(job.run, Failure):
                told |= {"error": f"Invalid status code: {job.run.status}", "error_type": job.run.error_type}
        return told


def _run_of(job: Job, effect: PictureEffect | None) -> Run | Failure:
    """The run of a job as its result shows it, which a fault may spoil even then."""
    if isinstance(job.run, Failure) or effect not in ("moderated", "failed"):
        return job.run
    return MODERATED if effect == "moderated" else FAILED


async def _asked(request: Request) -> tuple[Endpoint, object] | Failure:
    endpoint = ENDPOINTS.get(request.path_params["endpoint"])
    if endpoint is None:
        name = request.path_params["endpoint"]
        return Failure(404, {"detail": f"Application {name!r} not found"}, "not_found")
    try:
        body: object = orjson.loads(await request.body())
    except orjson.JSONDecodeError as wrong:
        return model_failure(422, "json_invalid", "JSON decode error", ["body", wrong.pos])
    return endpoint, body


def _seconds(header: str | None) -> float | None:
    try:
        return float(header) if header else None
    except ValueError:
        return None


def _logs(job: Job) -> list[dict[str, str]]:
    stamp = "2026-11-21T00:00:00.000000Z"
    return [{"message": f"{job.state.lower()}", "level": "INFO", "source": "USER", "timestamp": stamp}]


def _refuse(request: Request) -> Response | None:
    good = request.headers.get("authorization") == f"Key {KEY}"
    return None if good else _named(bad_key(), str(uuid.uuid4()))


def _error(status: int, step: Step) -> Response:
    del step
    return _named(platform_failure(status).answer(), str(uuid.uuid4()))


def _named(answer: Response, request_id: str) -> Response:
    answer.headers[REQUEST_ID] = request_id
    return answer
