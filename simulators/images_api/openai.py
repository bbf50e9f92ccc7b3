"""A stand-in for OpenAI's images API and its GPT image models, under `/openai/v1`.

Source: openai-python 3.52.0 and the OpenAPI file 2.3.0, read 2026-11-21. DALL·E is gone, so `response_format` is an
unknown parameter; unknown fields are refused; pictures come as base64 only.
"""

from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from simulators.drawing import as_format
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, json_answer
from simulators.images_api import openai_answer as answer
from simulators.images_api.asked import Asked, Unreadable, from_data_uri, picture_size, pixels, read
from simulators.images_api.openai_rules import (
    EDIT_FORM,
    EDIT_JSON,
    GENERATE,
    MODELS,
    USER_ERROR,
    Refusal,
    given,
    refusal,
)
from simulators.images_api.pictures import contents, make
from simulators.stage import Stage

KEY = "sk-simulated-openai"
MAX_INPUTS = 16
HOSTED = b""  # an input named by URL: the simulators call nobody


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
            inputs = _inputs(asked, fields)
            if isinstance(inputs, Refusal):
                return answer.refused(inputs)
            wrong = refusal(fields, EDIT_FORM if asked.form else EDIT_JSON)
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


def _inputs(asked: Asked, fields: dict[str, Any]) -> list[bytes] | Refusal:
    """The input pictures, taken out of the fields."""
    if asked.form:
        images, masks = contents(asked.files.get("image", [])), contents(asked.files.get("mask", []))
    else:
        mask = fields.pop("mask", None)
        images, masks = _named(fields.pop("images", None), "images"), _named([mask] if mask else [], "mask")
    if isinstance(images, Refusal):
        return images
    if isinstance(masks, Refusal):
        return masks
    return _unfit(asked, images, masks) or [*images, *masks]


def _unfit(asked: Asked, images: list[bytes], masks: list[bytes]) -> Refusal | None:
    """What is wrong with the input pictures; the mask must fit the first one."""
    stray = sorted(set(asked.files) - {"image", "mask"})
    if stray:
        return Refusal(f"Unknown parameter: '{stray[0]}'.", stray[0], "unknown_parameter")
    if not images:
        needed = "image" if asked.form else "images"
        return Refusal(f"Missing required parameter: '{needed}'.", needed, "missing_required_parameter")
    if len(images) > MAX_INPUTS:
        return Refusal(f"At most {MAX_INPUTS} images.", "image", "array_above_max_length")
    sizes = [picture_size(content) for content in (*images, *masks) if content != HOSTED]
    if None in sizes:
        return Refusal("Invalid image file or mode for image.", None, "invalid_image_file", USER_ERROR)
    if masks and HOSTED not in (images[0], masks[0]) and picture_size(masks[0]) != picture_size(images[0]):
        return Refusal("The mask must have the size of the image.", "mask", "invalid_value", USER_ERROR)
    return None


def _named(references: object, field: str) -> list[bytes] | Refusal:
    """Each is an object with exactly one of `image_url` and `file_id`; there are no files here."""
    if not isinstance(references, list):
        return []
    read_in: list[bytes] = []
    for each in cast("list[object]", references):
        reference = cast("dict[str, object]", each) if isinstance(each, dict) else {}
        url = reference.get("image_url")
        if set(reference) != {"image_url"} or not isinstance(url, str):
            return Refusal(f"Invalid '{field}': expected objects with an image_url.", field, "invalid_value")
        content = HOSTED if url.startswith(("http://", "https://")) else from_data_uri(url)
        if content is None:
            return Refusal("Invalid image file or mode for image.", None, "invalid_image_file", USER_ERROR)
        read_in.append(content)
    return read_in


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
