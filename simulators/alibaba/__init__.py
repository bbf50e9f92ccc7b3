"""A stand-in for Alibaba's DashScope under `/alibaba/api/v1`, with pictures under `/alibaba-media/…`.

Source: Model Studio docs, "Qwen text-to-image API reference", "Qwen image editing API reference", "Qwen image
generation and editing 3.0 API reference", "Asynchronous task management API" and "Error codes", read 2026-11-21. Served
are Qwen-Image's models: messages, which are answered with the pictures or, from 3.0 on, taken as tasks, and the older
text2image form, which hands out tasks. Not served: uploads, the list of tasks, events, and the OpenAI-like form.
"""

import asyncio

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.alibaba.errors import (
    BAD_KEY,
    FAILED,
    MODERATED,
    NO_KEY,
    ONLY_ASYNC,
    ONLY_SYNC,
    TOO_LATE,
    Failure,
    answered,
    invalid,
    usual_error,
)
from simulators.alibaba.run import SLUG, Form, read
from simulators.alibaba.tasks import Task, Tasks, choices, usage
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, origin
from simulators.stage import Stage

KEY = "sk-simulated-dashscope"
BASE = f"/{SLUG}/api/v1"


class Alibaba:
    """DashScope."""

    slug = SLUG
    ability = Ability(
        frozenset({"submit", "status", "cancel", "generate", "download"}),
        never=frozenset({"nsfw"}),  # it blocks what it does not want to show
    )

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}{BASE}", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        desk = Desk(stage)
        front = Front(SLUG, stage, _refuse, _error)
        services = f"{BASE}/services/aigc"
        task = f"{BASE}/tasks/{{task_id}}"
        return [
            front.route(f"{services}/multimodal-generation/generation", ["POST"], "generate", desk.generate),
            front.route(f"{services}/text2image/image-synthesis", ["POST"], "submit", desk.submit),
            front.route(f"{services}/image-generation/generation", ["POST"], "submit", desk.submit_messages),
            front.route(task, ["GET"], "status", desk.status),
            front.route(f"{task}/", ["GET"], "status", desk.status),  # so asks the SDK's asyncio half
            front.route(f"{task}/cancel", ["POST"], "cancel", desk.cancel),
            front.media(),
        ]


class Desk:
    """What the routes do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tasks = Tasks(stage)

    async def generate(self, request: Request, effect: PictureEffect | None) -> Response:
        if _wants_task(request):
            return ONLY_SYNC.answer()
        body = await _body(request)
        if isinstance(body, Failure):
            return body.answer()
        run = await read(body, "messages")
        if isinstance(run, Failure):
            return run.answer()
        if effect in ("moderated", "failed"):
            return (MODERATED if effect == "moderated" else FAILED).answer()
        pace = self._stage.pace(SLUG)
        await asyncio.sleep(pace.queue_seconds + pace.seconds_per_image * len(run.pictures))
        self._stage.paid[SLUG] += len(run.pictures)
        urls = run.urls(self._stage, origin(request), effect)
        return answered({"output": {"choices": choices(urls)}, "usage": usage(run)})

    async def submit(self, request: Request, effect: PictureEffect | None) -> Response:
        return await self._submit(request, effect, "text")

    async def submit_messages(self, request: Request, effect: PictureEffect | None) -> Response:
        return await self._submit(request, effect, "messages")

    async def _submit(self, request: Request, effect: PictureEffect | None, form: Form) -> Response:
        if not _wants_task(request):
            return ONLY_ASYNC.answer()
        body = await _body(request)
        run = body if isinstance(body, Failure) else await read(body, form)
        if isinstance(run, Failure):
            return run.answer()
        if run.model.tasks != form:
            return ONLY_SYNC.answer()
        task = Task(run, effect)
        self._tasks.add(task)
        return answered({"output": {"task_status": task.state, "task_id": task.id}})

    async def status(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect  # nothing about a picture can go wrong here
        task_id = request.path_params["task_id"]
        task = self._tasks.find(task_id)
        if task is None:
            return answered({"output": {"task_id": task_id, "task_status": "UNKNOWN"}})
        self._tasks.look(task)
        return answered(self._tasks.told(task, origin(request)))

    async def cancel(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        task = self._tasks.find(request.path_params["task_id"])
        if task is None or not self._tasks.cancel(task):
            return TOO_LATE.answer()
        return answered({})


async def _body(request: Request) -> object | Failure:
    if not request.headers.get("content-type", "").startswith("application/json"):
        return invalid("Content-Type must be application/json.")
    try:
        body: object = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return invalid("Required body invalid, please check the request body format.")
    return body


def _wants_task(request: Request) -> bool:
    return request.headers.get("x-dashscope-async") == "enable"


def _refuse(request: Request) -> Response | None:
    given = request.headers.get("authorization")
    if given == f"Bearer {KEY}":
        return None
    return (BAD_KEY if given else NO_KEY).answer()


def _error(status: int, step: Step) -> Response:
    del step
    return usual_error(status).answer()
