"""A stand-in for OpenAI's images API and its GPT image models, under `/openai/v1`.

Source: openai-python 3.52.0 and the OpenAPI file 2.3.0, read 2026-11-21. DALL·E is gone, so `response_format` is an
unknown parameter, and every model streams; unknown fields are refused; pictures come as base64 only.
"""

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import as_format
from simulators.faults import Ability, Fault, PictureEffect, Step
from simulators.front import Front, json_answer, stream_fault
from simulators.images_api import openai_answer as answer
from simulators.images_api.asked import Unreadable, pixels, read
from simulators.images_api.openai_inputs import inputs_of
from simulators.images_api.openai_rules import (
    EDIT_FORM,
    EDIT_JSON,
    GENERATE,
    MODELS,
    Refusal,
    given,
    refusal,
)
from simulators.images_api.openai_stream import Drawing, Kind, stream
from simulators.images_api.pictures import make
from simulators.stage import Stage

KEY = "sk-simulated-openai"


class Order(NamedTuple):
    """A request that is right, and what is to go wrong within its stream."""

    kind: Kind
    fields: dict[str, Any]
    inputs: list[bytes]
    fault: Fault | None


class OpenAI:
    """api.openai.com."""

    slug = "openai"
    ability = Ability(frozenset({"generate"}), never=frozenset({"nsfw"}), streams=True)

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/openai/v1", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, _refuse, _error)

        async def generate(request: Request, effect: PictureEffect | None) -> Response:
            try:
                asked = await read(request)
            except Unreadable:
                return _unparsable()
            fields = given(asked)
            wrong = refusal(fields, GENERATE)
            order = Order("image_generation", fields, [], stream_fault(request))
            return _wrong(fields, wrong) or await self._draw(stage, order, effect)

        async def edit(request: Request, effect: PictureEffect | None) -> Response:
            try:
                asked = await read(request)
            except Unreadable:
                return _unparsable()
            fields = given(asked)
            found, checks = inputs_of(asked, fields), EDIT_FORM if asked.form else EDIT_JSON
            wrong, inputs = (found, []) if isinstance(found, Refusal) else (refusal(fields, checks), found.every)
            order = Order("image_edit", fields, inputs, stream_fault(request))
            return _wrong(fields, wrong) or await self._draw(stage, order, effect)

        async def models(_request: Request, _effect: PictureEffect | None) -> Response:
            return answer.answered(json_answer({"object": "list", "data": [_model(name) for name in MODELS]}))

        async def model(request: Request, _effect: PictureEffect | None) -> Response:
            name = request.path_params["model"]
            return answer.answered(json_answer(_model(name))) if name in MODELS else answer.no_such_model(name)

        return [
            front.route("/openai/v1/images/generations", ["POST"], "generate", generate),
            front.route("/openai/v1/images/edits", ["POST"], "generate", edit),
            front.route("/openai/v1/models", ["GET"], None, models),
            front.route("/openai/v1/models/{model:path}", ["GET"], None, model),
        ]

    async def _draw(self, stage: Stage, order: Order, effect: PictureEffect | None) -> Response:
        if effect == "moderated":
            return answer.moderated()
        if effect == "failed":
            return answer.usual_error(500)
        fields, streamed = order.fields, bool(order.fields.get("stream"))
        fault = order.fault if streamed else None
        size = pixels(fields.get("size", "auto")) or (1024, 1024)
        described = answer.describe(fields, size)
        pictures = await make(
            stage,
            self.slug,
            effect,
            prompt=fields["prompt"],
            count=fields.get("n", 1),
            size=size,
            output_format=as_format(described["output_format"]) or "png",
            quality=fields.get("output_compression", 100),
            inputs=order.inputs,
            paced=not streamed,
            billed=fault is None or fault.effect != "stream_error",
        )
        partials = fields.get("partial_images", 0) if streamed else 0
        used = answer.usage(fields["prompt"], described, len(pictures), len(order.inputs), partials)
        if not streamed:
            return await answer.body(pictures, described, used)
        drawing = Drawing(order.kind, pictures, partials, described, used, stage.pace(self.slug))
        return answer.answered(stream(drawing, fault))


def _wrong(fields: dict[str, Any], wrong: Refusal | None) -> Response | None:
    """A model that does not exist is told before any other mistake but its absence."""
    model = fields.get("model")
    if model and model not in MODELS:
        return answer.no_such_model(model)
    return answer.refused(wrong) if wrong else None


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_776_729_600, "owned_by": "system"}


def _unparsable() -> Response:
    text = "We could not parse the body of your request. The service expects a valid JSON payload."
    return answer.error(400, "invalid_request_error", None, text)


def _refuse(request: Request) -> Response | None:
    return None if request.headers.get("authorization") == f"Bearer {KEY}" else answer.usual_error(401)


def _error(status: int, step: Step) -> Response:
    del step
    return answer.usual_error(status)
