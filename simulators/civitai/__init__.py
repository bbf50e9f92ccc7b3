"""A stand-in for Civitai's orchestration API under `/civitai/v2/consumer`: workflows and blobs.

Source: Civitai developer docs (guide and recipes) and the orchestrator's OpenAPI document, read 2026-11-21; where they
differ, the page "Qwen image generation" is followed. Recipes, tags, single steps, archives, callbacks and the catalogue
of resources are not played.
"""

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from simulators.civitai.blobs import BASE, MAX_UPLOAD, SLUG, Blobs, Unreadable, Upload
from simulators.civitai.problems import Mistake, problem, refused
from simulators.civitai.template import BadBody, read
from simulators.civitai.told import told
from simulators.civitai.workflows import Workflow, Workflows, begin
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, anyone, json_answer, origin
from simulators.stage import Stage

KEY = "simulated-civitai-token"
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
_FLAGS = {"": False, "false": False, "true": True}


class Civitai:
    """Civitai's orchestrator. `externalId` makes a repeated submission the same one."""

    slug = SLUG
    ability = Ability(frozenset({"submit", "generate", "status", "result", "cancel", "download"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}{BASE}", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        desk = Desk(stage)
        front = Front(SLUG, stage, _refuse, _error)
        public = Front(SLUG, stage, anyone, _error)

        async def look(request: Request) -> Response:
            return await front.enter(request, desk.step(request), desk.get)

        workflow = f"{BASE}/workflows/{{id}}"
        return [
            front.route(f"{BASE}/workflows", ["POST"], "submit", desk.submit),
            front.route(f"{BASE}/workflows", ["GET"], None, desk.listed),
            Route(workflow, look, methods=["GET"]),
            front.route(workflow, ["PUT"], "cancel", desk.update),
            front.route(workflow, ["DELETE"], None, desk.delete),
            front.route(f"{BASE}/blobs/upload", ["GET"], None, desk.upload_address),
            public.route(f"{BASE}/blobs", ["POST"], None, desk.upload),
            public.route(f"{BASE}/blobs/{{id}}", ["GET"], None, desk.blob),
            front.media(),
            public.route(f"/{SLUG}-uploads/{{id}}", ["GET"], None, desk.uploaded),
        ]


class Desk:
    """What the routes do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._blobs = Blobs(stage)
        self._workflows = Workflows(stage)

    def step(self, request: Request) -> Step:
        """A look that will see the end is a result."""
        workflow = self._workflows.find(request.path_params["id"])
        wait = _wait(request)
        return "result" if workflow and wait is not None and self._workflows.will_end(workflow, wait) else "status"

    async def submit(self, request: Request, effect: PictureEffect | None) -> Response:
        wait, whatif = _wait(request), _FLAGS.get(request.query_params.get("whatif", "").lower())
        if wait is None or whatif is None:
            return _bad_query("wait" if wait is None else "whatif")
        try:
            asked = read(await request.body(), self._blobs)
        except BadBody as bad:
            return refused(bad.mistakes)
        workflow = self._workflows.again(asked.template.externalId)
        if workflow is None:
            workflow = begin(asked, effect, self._blobs)
            self._workflows.add(workflow, preview=whatif)
        if whatif:
            return self._answer(workflow, request, 200)
        await self._workflows.hold(workflow, wait)
        if wait:
            self._workflows.schedule(workflow)
        return self._answer(workflow, request)

    async def get(self, request: Request, effect: PictureEffect | None) -> Response:
        workflow, wait = self._workflows.find(request.path_params["id"]), _wait(request)
        if workflow is None:
            return problem(404)
        if wait is None:
            return _bad_query("wait")
        await self._workflows.hold(workflow, wait)
        self._workflows.look(workflow)
        if effect is not None and workflow.over:
            self._spoil(workflow, effect)
        return self._answer(workflow, request)

    async def listed(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        take = request.query_params.get("take", "100")
        if not take.isdigit() or not 1 <= int(take) <= 1000:
            return _bad_query("take")
        found = [told(each, self._blobs, origin(request)) for each in self._workflows.newest()]
        return json_answer({"next": None, "items": found[: int(take)]})

    async def update(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        workflow = self._workflows.find(request.path_params["id"])
        if workflow is None:
            return problem(404)
        try:
            body: object = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        if body != {"status": "canceled"}:
            return refused([Mistake("status", "status must be one of 'canceled'.")])
        return Response(status_code=204) if self._workflows.cancel(workflow) else problem(409)

    async def delete(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        workflow = self._workflows.find(request.path_params["id"])
        if workflow is None:
            return problem(404)
        self._workflows.cancel(workflow)
        self._workflows.forget(workflow)
        return Response(status_code=204)

    async def upload_address(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        address, until = self._blobs.address("upload", origin(request))
        return json_answer({"uploadUrl": address.replace("/blobs/upload?", "/blobs?"), "expiresAt": until})

    async def upload(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        if not _has_key(request) and not self._has_signature(request, "upload"):
            return problem(401)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in IMAGE_TYPES:
            return problem(415)
        content = await request.body()
        if len(content) > MAX_UPLOAD:
            return problem(413)
        try:
            blob_id = self._blobs.upload(content, content_type)
        except Unreadable:
            return problem(422, "The image cannot be read.")
        url, until = self._blobs.address(blob_id, origin(request))
        return json_answer({"type": "image", "id": blob_id, "available": True, "url": url, "urlExpiresAt": until}, 201)

    async def blob(self, request: Request, effect: PictureEffect | None) -> Response:
        """Leads on to the bytes by a relative Location."""
        del effect
        blob_id = request.path_params["id"]
        signed = self._has_signature(request, blob_id)
        if not signed and not _has_key(request):
            return problem(403 if "sig" in request.query_params else 401, "The signature is not valid any more.")
        blob = self._blobs.find(blob_id)
        if blob is None:
            return problem(404)
        at = (
            f"/{SLUG}-uploads/{blob_id}"
            if isinstance(blob, Upload)
            else f"/{SLUG}-media/{self._stage.keep(SLUG, blob)}"
        )
        return RedirectResponse(at, 301 if signed else 308)

    async def uploaded(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        blob = self._blobs.find(request.path_params["id"])
        return Response(blob.content, media_type=blob.content_type) if isinstance(blob, Upload) else problem(404)

    def _has_signature(self, request: Request, name: str) -> bool:
        query = request.query_params
        return "sig" in query and self._blobs.signed(name, query["sig"], query.get("exp", ""))

    def _spoil(self, workflow: Workflow, effect: PictureEffect) -> None:
        """A fault that strikes at the result."""
        if effect in ("moderated", "failed"):
            self._workflows.fail(workflow, effect)
        elif workflow.effect is None and effect in ("nsfw", "nsfw_one", "empty"):
            workflow.effect = effect

    def _answer(self, workflow: Workflow, request: Request, status: int = 0) -> Response:
        content = told(workflow, self._blobs, origin(request))
        return json_answer(content, status or (200 if workflow.over else 202))


def _wait(request: Request) -> float | None:
    """The seconds of `wait`; None for what is no whole number."""
    text = request.query_params.get("wait", "0")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _bad_query(name: str) -> Response:
    return refused([Mistake(name, f"The value of {name} is not valid.")])


def _has_key(request: Request) -> bool:
    return request.headers.get("authorization") == f"Bearer {KEY}"


def _refuse(request: Request) -> Response | None:
    return None if _has_key(request) else problem(401)


def _error(status: int, step: Step) -> Response:
    del step
    return refused([Mistake("$", "The request is not valid.")]) if status == 400 else problem(status)
