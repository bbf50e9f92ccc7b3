"""A stand-in for Replicate's HTTP API under `/replicate/v1`; pictures lie under `/replicate-media/…`.

Source: Replicate's OpenAPI 1.0.0-a1 and docs (Create a prediction, Prediction lifecycle), read 2026-11-21. Official
models run by their name, community models by a version. Webhooks are in `webhooks.py`.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import draw
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, json_answer, origin
from simulators.replicate.errors import Invalid, bad_version, problem, refused
from simulators.replicate.files import Files
from simulators.replicate.headers import BadHeader, cancel_after, seconds_to_wait
from simulators.replicate.models import MODELS, Model, of_version
from simulators.replicate.predictions import SLUG, Prediction, Predictions, begin, stamp
from simulators.replicate.schema import check
from simulators.replicate.webhooks import EVENTS, Notices, is_address
from simulators.stage import Stage

KEY = "r8_simulated0replicate0token"
TOP_LEVEL = ("input", "webhook", "webhook_events_filter", "stream")
LOOK_SECONDS = 0.01  # between two looks of a request that is held open


class Replicate:
    """replicate.com."""

    slug = SLUG
    ability = Ability(frozenset({"submit", "generate", "status", "cancel", "download", "upload", "webhook"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/replicate/v1", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        files = Files()
        predictions = Predictions(stage)
        notices = Notices(stage, predictions)
        desk = Desk(stage, files, predictions, notices)
        front = Front(SLUG, stage, _refuse, _error)
        one = "/replicate/v1/predictions/{prediction_id}"
        return [
            front.route("/replicate/v1/models/{owner}/{name}/predictions", ["POST"], "submit", desk.create_by_model),
            front.route("/replicate/v1/predictions", ["POST"], "submit", desk.create_by_version),
            front.route("/replicate/v1/predictions", ["GET"], None, desk.listed),
            front.route(f"{one}/cancel", ["POST"], "cancel", desk.cancel),
            front.route(one, ["GET"], "status", desk.get),
            *files.routes(front),
            *notices.routes(front),
            front.route("/replicate/v1/{anything:path}", ["GET", "POST"], None, desk.nothing),
            front.media(),
        ]


class Desk:
    """What the routes do."""

    def __init__(self, stage: Stage, files: Files, predictions: Predictions, notices: Notices) -> None:
        self._stage = stage
        self._files = files
        self._predictions = predictions
        self._notices = notices

    async def create_by_model(self, request: Request, effect: PictureEffect | None) -> Response:
        model = MODELS.get(f"{request.path_params['owner']}/{request.path_params['name']}")
        if model is None or model.version is not None:
            return problem(404)
        return await self._create(request, effect, lambda _body: model, TOP_LEVEL)

    async def create_by_version(self, request: Request, effect: PictureEffect | None) -> Response:
        return await self._create(
            request, effect, lambda body: of_version(body.get("version")), ("version", *TOP_LEVEL)
        )

    async def _create(
        self,
        request: Request,
        effect: PictureEffect | None,
        find: Callable[[dict[str, Any]], Model | None],
        keys: tuple[str, ...],
    ) -> Response:
        body = _object(await request.body())
        wrong = [Invalid("invalid_type", "", "Invalid type. Expected: object")] if body is None else _top(body, keys)
        if body is None or wrong:
            return refused(wrong)
        model = find(body)
        if model is None:
            return bad_version()
        if wrong := check(model.input, body["input"]):
            return refused(wrong)
        try:
            wait, limit = seconds_to_wait(request.headers), cancel_after(request.headers)
        except BadHeader as bad:
            return bad.answer
        born = self._predictions.now()
        prediction = await begin(model, body["input"], effect, born=born, kept=self._kept)
        prediction.cancel_after = limit
        self._predictions.add(prediction)
        if "webhook" in body:
            told = partial(self._told, origin(request))
            self._notices.promise(body["webhook"], body.get("webhook_events_filter", EVENTS), prediction, told)
        applied = {} if wait is None else {"Preference-Applied": f"wait={wait}"}
        await self._hold(prediction, wait or 0)
        return self._answer(request, prediction, 201 if prediction.drawn or prediction.over else 202, applied)

    def _kept(self, url: str) -> bytes | None:
        """A file that was uploaded, or a picture that was drawn here."""
        _before, media, name = url.partition(f"/{SLUG}-media/")
        picture = self._stage.kept(SLUG, name) if media else None
        return draw(picture) if picture else self._files.content_at(url)

    async def _hold(self, prediction: Prediction, seconds: float) -> None:
        """Keeps a request with `Prefer: wait` open until the prediction is over, or its time is."""
        until = self._predictions.now() + seconds
        while seconds:
            if not self._predictions.paced():
                return self._predictions.draw_at_once(prediction)
            self._predictions.let_time_pass(prediction)
            if prediction.over or self._predictions.now() >= until:
                return None
            await asyncio.sleep(LOOK_SECONDS)
        return None

    async def get(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect  # nothing about a picture can go wrong here
        prediction = self._predictions.find(request.path_params["prediction_id"])
        if prediction is None:
            return problem(404)
        self._predictions.look(prediction)
        return self._answer(request, prediction)

    async def cancel(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        prediction = self._predictions.find(request.path_params["prediction_id"])
        if prediction is None:
            return problem(404)
        self._predictions.cancel(prediction)
        return self._answer(request, prediction)

    async def listed(self, request: Request, effect: PictureEffect | None) -> Response:
        del effect
        results = [self._told(origin(request), prediction) for prediction in self._predictions.newest()]
        return json_answer({"previous": None, "next": None, "results": results})

    async def nothing(self, request: Request, effect: PictureEffect | None) -> Response:
        del request, effect
        return problem(404)

    def _answer(
        self, request: Request, prediction: Prediction, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        limits = {"ratelimit-remaining": "599" if request.method == "POST" else "2999", "ratelimit-reset": "1"}
        return json_answer(self._told(origin(request), prediction), status, {**limits, **(headers or {})})

    def _told(self, at: str, prediction: Prediction) -> dict[str, Any]:
        """The prediction object; its URLs are on `at`, the address that the caller reached."""
        address = f"{at}/replicate/v1/predictions/{prediction.id}"
        removed = self._predictions.removed(prediction)
        told: dict[str, Any] = {
            "id": prediction.id,
            "model": prediction.model.name,
            "version": prediction.model.version or "hidden",
            "input": {} if removed else prediction.input,
            "logs": "",
            "output": None if removed else self._output(at, prediction),
            "data_removed": removed,
            "error": prediction.error if prediction.status == "failed" else None,
            "status": prediction.status,
            "created_at": stamp(prediction, 0),
            "urls": {
                "get": address,
                "cancel": f"{address}/cancel",
                "web": f"https://replicate.com/p/{prediction.id}",
            },
        }
        if prediction.cancel_after is not None:
            told["deadline"] = stamp(prediction, prediction.cancel_after)
        if prediction.over:
            took = max(0.0, prediction.ended - prediction.born)
            told |= {"started_at": stamp(prediction, 0), "completed_at": stamp(prediction, took)}
            told["metrics"] = {"predict_time": round(took, 3), "total_time": round(took, 3)}
        return told

    def _output(self, at: str, prediction: Prediction) -> Any:
        if not prediction.drawn:
            return None
        urls = [f"{at}/{SLUG}-media/{self._stage.keep(SLUG, picture)}" for picture in prediction.pictures]
        return urls if prediction.model.several else next(iter(urls), None)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        body: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None


def _top(body: dict[str, Any], keys: tuple[str, ...]) -> list[Invalid]:
    """The envelope: unknown keys are refused here, as they are not inside `input`."""
    wrong = [
        Invalid("additional_property_not_allowed", "", f"Additional property {key} is not allowed")
        for key in body
        if key not in keys
    ]
    wrong += [
        Invalid("required", "", f"{key} is required") for key in ("version", "input") if key in keys and key not in body
    ]
    if "input" in body and not isinstance(body["input"], dict):
        wrong.append(Invalid("invalid_type", "input", "Invalid type. Expected: object"))
    if "webhook" in body and not is_address(body["webhook"]):
        wrong.append(Invalid("format", "webhook", "Does not match format 'uri'"))
    events: Any = body.get("webhook_events_filter", [])
    if not isinstance(events, list) or any(event not in EVENTS for event in cast("list[object]", events)):
        wrong.append(Invalid("enum", "webhook_events_filter", f"must be some of {', '.join(EVENTS)}"))
    return wrong


def _refuse(request: Request) -> Response | None:
    """The old form `Token …` is still taken."""
    good = request.headers.get("authorization") in (f"Bearer {KEY}", f"Token {KEY}")
    return None if good else problem(401)


def _error(status: int, step: Step) -> Response:
    del step
    return problem(status)
