"""A stand-in for Runware's REST API: one URL under `/runware/v1`, pictures under `/runware-media/…`.

Source: Runware docs, "How to connect", "Errors", "Task Polling", "Task Details", its page of Qwen-Image and
runware-sdk 1.8.0, read 2026-11-21. A body is an array of tasks, each of which succeeds or fails for itself. What the
documents leave open is decided so: a reply is 200 as soon as one of its tasks went well, an id stays used for good,
given seeds count up within a batch, and a result that failed is not billed. The key comes in the header only, and
`uploadEndpoint` and every task type but those of `Desk` are not played. Webhooks are in `webhooks.py`.
"""

import asyncio
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, origin
from simulators.runware.errors import (
    BAD_KEY,
    FAILED,
    MODERATED,
    NOT_AN_ARRAY,
    UNKNOWN_TASK,
    Complaint,
    envelope,
    failure,
    platform_complaint,
)
from simulators.runware.pictures import Gallery
from simulators.runware.tasks import SLUG, Task, Tasks, accept, unfit_id
from simulators.runware.webhooks import Notices
from simulators.stage import Stage

KEY = "simulated-runware-key"
LATE = 1  # the look that comes after the one that is asked about
LAST = 3  # the look at which everything is there

Body = dict[str, Any]
Told = tuple[list[Body], list[Body], int]  # data, errors, and the status if there is no data


class Runware:
    """Runware. Its ids are the caller's: a submission whose answer was lost can be asked about."""

    slug = SLUG
    ability = Ability(frozenset({"submit", "generate", "status", "result", "download", "upload", "webhook"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/{SLUG}/v1", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(SLUG, stage, _refuse, _error)
        desk = Desk(stage)

        async def endpoint(request: Request) -> Response:
            return await front.enter(request, await desk.step(request), desk.answer)

        return [Route(f"/{SLUG}/v1", endpoint, methods=["POST"]), front.media()]


class Desk:
    """What the tasks do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._gallery = Gallery()
        self._tasks = Tasks(stage, self._gallery)
        self._notices = Notices(stage, self._tasks)

    async def step(self, request: Request) -> Step:
        """What a body is about: the first of its tasks decides."""
        tasks = await _tasks(request)
        first = tasks[0] if isinstance(tasks, list) else {}
        if first.get("taskType") == "getResponse":
            task = self._tasks.find(first.get("taskUUID"))
            over = task is not None and self._tasks.finished(task, looks=task.looks + LATE) == len(task.pictures)
            return "result" if over else "status"
        if first.get("taskType") == "imageUpload":
            return "upload"
        return "submit" if first.get("deliveryMethod") == "async" else "generate"

    async def answer(self, request: Request, effect: PictureEffect | None) -> Response:
        tasks = await _tasks(request)
        if isinstance(tasks, Complaint):
            return failure(tasks)
        data: list[Body] = []
        errors: list[Body] = []
        statuses: list[int] = []
        for body in tasks:
            told, wrong, status = await self._one(body, origin(request), effect)
            data += told
            errors += wrong
            statuses.append(status)
            effect = None  # a scripted effect is for the first task
        return envelope(data, errors, 200 if data or not errors else statuses[0])

    async def _one(self, body: Body, at: str, effect: PictureEffect | None) -> Told:
        match body.get("taskType"):
            case "imageInference":
                return await self._inference(body, at, effect)
            case "imageUpload":
                return await self._upload(body)
            case "getResponse":
                return await self._response(body, at, effect)
            case None:
                return _complained(Complaint("missingTaskType", "taskType is required.", parameter="taskType"), body)
            case _:
                unknown = Complaint("unsupportedTaskType", "This taskType is not supported.", parameter="taskType")
                return _complained(unknown, body)

    async def _inference(self, body: Body, at: str, effect: PictureEffect | None) -> Told:
        task = await accept(body, effect, self._gallery)
        if isinstance(task, Complaint):
            return _complained(task, body)
        if self._tasks.knows(task.uuid):
            used = Complaint("conflictTaskUUID", "This taskUUID was used before.", parameter="taskUUID")
            return _complained(used, body)
        self._tasks.add(task)
        if webhook := task.given["webhookURL"]:
            self._notices.promise(str(webhook), task, at)
        if task.given["deliveryMethod"] == "async":
            return [{"taskType": "imageInference", "taskUUID": task.uuid}], [], 200
        pace = self._stage.pace(SLUG)
        await asyncio.sleep(pace.queue_seconds + pace.seconds_per_image * len(task.pictures))
        task.looks = LAST
        return await self._results(task, len(task.pictures), at, None, polled=False)

    async def _response(self, body: Body, at: str, effect: PictureEffect | None) -> Told:
        if complaint := _extra(body, {"taskType", "taskUUID"}):
            return _complained(complaint, body)
        task = self._tasks.find(body.get("taskUUID"))
        if task is None:
            return _complained(UNKNOWN_TASK, body)
        task.looks += 1
        if effect in ("moderated", "failed"):
            self._tasks.fail_last(task, MODERATED if effect == "moderated" else FAILED)
        return await self._results(task, self._tasks.finished(task), at, effect, polled=True)

    async def _upload(self, body: Body) -> Told:
        """It costs nothing. An id is not used up by it: the same upload may be sent again."""
        complaint = unfit_id(body) or _extra(body, {"taskType", "taskUUID", "image"})
        if complaint:
            return _complained(complaint, body)
        text: object = body.get("image")
        if not isinstance(text, str) or not text:
            return _complained(Complaint("missingImage", "image is required.", parameter="image"), body)
        picture = await self._gallery.read(text, "image")
        if isinstance(picture, Complaint):
            return _complained(picture, body)
        told = {"taskType": "imageUpload", "taskUUID": body["taskUUID"]}
        return [{**told, "imageUUID": self._gallery.upload(picture)}], [], 200

    async def _results(self, task: Task, finished: int, at: str, effect: PictureEffect | None, *, polled: bool) -> Told:
        """What is there of a task. Only an answer to `getResponse` says how far each result is."""
        data: list[Body] = []
        errors: list[Body] = []
        for place in range(len(task.pictures)):
            word = {"status": "success"} if polled else {}
            if place >= finished:
                data.append({"taskType": "imageInference", "taskUUID": task.uuid, "status": "processing"})
            elif complaint := task.failures.get(place):
                state = {"status": "error"} if polled else {}
                errors.append(complaint.item("imageInference", task.uuid, **state))
            else:
                data.append(await task.result(place, self._stage, at, effect) | word)
        status = 200 if polled or not errors else task.failures[len(task.pictures) - 1].status
        return data, errors, status


def _extra(body: Body, known: set[str]) -> Complaint | None:
    extra = set(body) - known
    if not extra:
        return None
    return Complaint("unsupportedParameter", f"{min(extra)} is not supported.", parameter=min(extra))


def _complained(complaint: Complaint, body: Body) -> Told:
    task_type, task_uuid = (
        value if isinstance(value, str) else None for value in map(body.get, ("taskType", "taskUUID"))
    )
    return [], [complaint.item(task_type, task_uuid)], complaint.status


async def _tasks(request: Request) -> list[Body] | Complaint:
    try:
        body: object = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return NOT_AN_ARRAY
    if not isinstance(body, list):
        return NOT_AN_ARRAY
    listed = cast("list[object]", body)
    if not listed or not all(isinstance(each, dict) for each in listed):
        return NOT_AN_ARRAY
    return cast("list[Body]", listed)


def _refuse(request: Request) -> Response | None:
    good = request.headers.get("authorization") == f"Bearer {KEY}"
    return None if good else failure(BAD_KEY, "authentication")


def _error(status: int, step: Step) -> Response:
    about = {"status": "getResponse", "result": "getResponse", "upload": "imageUpload"}.get(step, "imageInference")
    return failure(platform_complaint(status), about)
