"""A stand-in for Oxen's image inference under `/oxen/api`; pictures lie under `/oxen-media/…`.

Source: Oxen docs, Image generation, Image editing, Async queue, Models and the models' pages, read 2026-11-21. The
synchronous routes check a model's parameters at once, the queue only when a generation runs.
"""

import asyncio
import time
from typing import Any

import pybase64
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from simulators.drawing import Picture
from simulators.drawing import draw as painted
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, json_answer, origin
from simulators.oxen.asked import MOST_GENERATIONS, SLUG, Asked, draw, read_asked
from simulators.oxen.errors import BAD_COUNT, MODERATED, UNREADABLE, of_model, of_status, refused
from simulators.oxen.events import Events, stream
from simulators.oxen.generations import Generation, Generations
from simulators.oxen.models import MODELS, Model
from simulators.oxen.schema import complaint, request_schema
from simulators.stage import Stage

KEY = "simulated-oxen-key"
ROOT = "/oxen/api"


class Oxen:
    """hub.oxen.ai. It flags no picture: what its safety checker stops has failed."""

    slug = SLUG
    ability = Ability(frozenset({"submit", "generate", "status", "cancel", "download"}), never=frozenset({"nsfw"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}{ROOT}", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        desk = Desk(stage)
        front = Front(SLUG, stage, _refuse, _error)
        one = f"{ROOT}/ai/queue/{{generation_id}}"
        return [
            front.route(f"{ROOT}/ai/images/generate", ["POST"], "generate", desk.generate),
            front.route(f"{ROOT}/ai/images/edit", ["POST"], "generate", desk.edit),
            front.route(f"{ROOT}/ai/queue", ["POST"], "submit", desk.enqueue),
            front.route(f"{ROOT}/ai/queue", ["GET"], None, desk.listed),
            front.route(one, ["GET"], "status", desk.get),
            front.route(one, ["DELETE"], "cancel", desk.cancel),
            front.route(f"{ROOT}/ai/models", ["GET"], None, desk.models),
            front.route(f"{ROOT}/ai/models/search", ["GET"], None, desk.search),
            front.route(f"{ROOT}/ai/models/{{model_id}}", ["GET"], None, desk.model),
            front.route(f"{ROOT}/events", ["GET"], None, desk.events),
            front.route(f"{ROOT}/{{anything:path}}", ["GET", "POST", "DELETE"], None, desk.nothing),
            front.media(),
        ]


class Desk:
    """What the routes do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._events = Events()
        self._generations = Generations(stage, self._events.publish)

    async def generate(self, request: Request, effect: PictureEffect | None) -> Response:
        return await self._at_once(request, await read_asked(request), effect)

    async def edit(self, request: Request, effect: PictureEffect | None) -> Response:
        asked = await read_asked(request)
        if isinstance(asked, Asked) and not asked.model.edits:
            return refused("invalid_params", f"{asked.model.id} does not take images")
        return await self._at_once(request, asked, effect)

    async def _at_once(self, request: Request, asked: Asked | Response, effect: PictureEffect | None) -> Response:
        """The synchronous routes: parameters are checked before anything is made."""
        if isinstance(asked, Response):
            return asked
        if wrong := complaint(asked.model.fields, asked.parameters):
            return refused("invalid_params", wrong)
        drawn = await draw(asked, effect)
        if isinstance(drawn, str):
            return of_model(drawn, 422 if drawn in (MODERATED, UNREADABLE) else 500)
        pace = self._stage.pace(SLUG)
        await asyncio.sleep(pace.queue_seconds + pace.seconds_per_image)
        images: list[dict[str, Any]] = []
        if effect != "empty":
            self._stage.paid[SLUG] += 1
            images = [await self._image(request, drawn, as_base64=asked.as_base64)]
        return json_answer({"model": asked.model.id, "created": int(time.time()), "images": images})

    async def _image(self, request: Request, picture: Picture, *, as_base64: bool) -> dict[str, Any]:
        if as_base64:
            return {"b64_json": pybase64.b64encode(await asyncio.to_thread(painted, picture)).decode()}
        return {"url": self._url(request, picture)}

    async def enqueue(self, request: Request, effect: PictureEffect | None) -> Response:
        """Only the model and the count are checked here; wrong parameters fail when their generation runs."""
        asked = await read_asked(request, "num_generations")
        if isinstance(asked, Response):
            return asked
        count = asked.body.get("num_generations", 1)
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_GENERATIONS:
            return refused("invalid_params", BAD_COUNT)
        wrong = complaint(asked.model.fields, asked.parameters)
        made: list[Generation] = []
        for _place in range(count):
            drawn = wrong or await draw(asked, effect)
            made.append(self._generations.add(asked, None if effect == "empty" else drawn))
        return json_answer({"generations": [{"generation_id": each.id, "status": each.status} for each in made]})

    async def get(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect  # nothing about a picture can go wrong here
        generation = self._generations.find(request.path_params["generation_id"])
        if generation is None:
            return refused("resource_not_found")
        self._generations.look(generation)
        return json_answer(self._told(request, generation))

    async def cancel(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        generation = self._generations.find(request.path_params["generation_id"])
        if generation is None:
            return refused("resource_not_found")
        self._generations.cancel(generation)
        return json_answer({"status": "success", "generation_id": generation.id})

    async def listed(self, request: Request, effect: PictureEffect | None) -> Response:
        """By default those that are not over."""
        del effect
        query = request.query_params
        found = [
            generation
            for generation in self._generations.newest()
            if (generation.status == query["status"] if "status" in query else not generation.over)
            and query.get("model", generation.asked.model.id) == generation.asked.model.id
            and query.get("media_type", "image") == "image"
        ]
        return json_answer({"count": len(found), "generations": [self._told(request, each) for each in found]})

    async def events(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect

        def url_of(generation: Generation) -> str | None:
            return self._url(request, generation.picture)

        listener = self._events.listen()
        return StreamingResponse(
            stream(listener, url_of, self._generations.tick),
            media_type="text/event-stream",
            headers={"cache-control": "no-cache"},
        )

    async def models(self, request: Request, effect: PictureEffect | None) -> Response:
        del request, effect
        return json_answer({"object": "list", "data": [_described(model) for model in MODELS.values()]})

    async def search(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        words = request.query_params.get("search")
        if not words:
            return refused("invalid_params", "search is required")
        found = [_described(model) for model in MODELS.values() if words.lower() in model.id]
        return json_answer({"object": "list", "data": found})

    async def model(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        model = MODELS.get(request.path_params["model_id"])
        if model is None:
            return refused("resource_not_found", f"Model not found: {request.path_params['model_id']}")
        return json_answer(_described(model))

    async def nothing(self, request: Request, effect: PictureEffect | None) -> Response:
        del request, effect
        return refused("resource_not_found")

    def _told(self, request: Request, generation: Generation) -> dict[str, Any]:
        return generation.told(self._url(request, generation.picture))

    def _url(self, request: Request, picture: Picture | None) -> str | None:
        return picture and f"{origin(request)}/{SLUG}-media/{self._stage.keep(SLUG, picture)}"


def _described(model: Model) -> dict[str, Any]:
    """The schema stands under its name of today and the older one, which the models' pages still use."""
    schema = request_schema(model.fields)
    return {
        "id": model.id,
        "object": "model",
        "created": 1_754_265_600,
        "display_name": model.id,
        "model_type": "base",
        "endpoint": "/images/generate",
        "capabilities": {"input": ["text", *(["image"] if model.edits else [])], "output": ["image"]},
        "pricing": {"method": "per_image", "cost_per_image": model.price},
        "deployments": [],
        "request_schema": schema,
        "json_request_schema": schema,
    }


def _refuse(request: Request) -> Response | None:
    good = request.headers.get("authorization") == f"Bearer {KEY}"
    return None if good else refused("unauthenticated")


def _error(status: int, step: Step) -> Response:
    del step
    return of_status(status)
