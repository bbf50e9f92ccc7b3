"""A stand-in for OpenAI's images API and its GPT image models, under `/openai/v1`.

Source: openai-python 3.52.0 and the OpenAPI file 2.3.0, read 2026-11-21. DALL·E is gone, so `response_format` is an
unknown parameter; unknown fields are refused; pictures come as base64 only.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from simulators.drawing import as_format
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, json_answer
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
from simulators.images_api.pictures import make
from simulators.stage import Stage

KEY = "sk-simulated-openai"


class OpenAI:
    """api.openai.com."""

    slug = "openai"
    ability = Ability(frozenset({"generate"}), never=frozenset({"nsfw"}))

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
            return _wrong(fields, wrong) or await self._draw(stage, "image_generation", fields, [], effect)

        async def edit(request: Request, effect: PictureEffect | None) -> Response:
            try:
                asked = await read(request)
            except Unreadable:
                return _unparsable()
            fields = given(asked)
            found, checks = inputs_of(asked, fields), EDIT_FORM if asked.form else EDIT_JSON
            wrong, inputs = (found, []) if isinstance(found, Refusal) else (refusal(fields, checks), found.every)
            return _wrong(fields, wrong) or await self._draw(stage, "image_edit", fields, inputs, effect)

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

    async def _draw(
        self,
        stage: Stage,
        kind: answer.Kind,
        fields: dict[str, Any],
        inputs: list[bytes],
        effect: PictureEffect | None,
    ) -> Response:
        if effect == "moderated":
            return answer.moderated()
        if effect == "failed":
            return answer.usual_error(500)
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
            inputs=inputs,
        )
        used = answer.usage(fields["prompt"], described, len(pictures), len(inputs))
        if not fields.get("stream"):
            return await answer.body(pictures, described, used)
        stream = answer.events(kind, pictures, fields.get("partial_images", 0), described, used)
        return answer.answered(StreamingResponse(stream, media_type="text/event-stream"))


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
