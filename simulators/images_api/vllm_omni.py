"""A stand-in for a vLLM-Omni server, under `/vllm-omni/v1`: FastAPI's errors, base64 only, unknown fields ignored.

Source: vllm-omni entrypoints/openai at commit be81443 and its pages "Image Generation API" and "Image Edit API", read
2026-11-21. It runs as if started with `--api-key`; the model's name is not looked at.
"""

import time
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import Picture, draw
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, json_answer
from simulators.images_api.asked import HOSTED, Asked, Unreadable, from_data_uri, picture_size, pixels, read
from simulators.images_api.pictures import base64_of, make
from simulators.stage import Stage

KEY = "simulated-vllm-omni"
MODEL = "Qwen/Qwen-Image"
DEFAULT_SIZE = (1024, 1024)


def _jpg(word: object) -> object:
    """An edit takes `jpg` as well."""
    return "jpeg" if word == "jpg" else word


class Lora(BaseModel):
    """One adapter, already on the server or at a path there."""

    name: str | None = None
    path: str | None = None
    scale: float = 1.0
    int_id: int | None = None


class ImageRequest(BaseModel):
    """The body of a generation; an edit's form has the same fields and more."""

    prompt: str
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=10)] = 1
    size: str | None = None
    response_format: Literal["b64_json", "file"] = "b64_json"
    user: str | None = None
    negative_prompt: str | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=200)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=20)] | None = None
    true_cfg_scale: Annotated[float, Field(ge=0, le=20)] | None = None
    seed: int | None = None
    vae_use_slicing: bool | None = None
    vae_use_tiling: bool | None = None
    lora: Lora | None = None
    flow_shift: float | None = None
    layers: Annotated[int, Field(ge=2, le=10)] | None = None
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] = 100


class EditForm(ImageRequest):
    """The fields of an edit's form beside its pictures."""

    output_format: Annotated[Literal["png", "jpeg", "webp"], BeforeValidator(_jpg)] = "png"
    background: str | None = "auto"
    stream: bool = False


class Refused(ValueError):
    """A request that ends in this answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


class VllmOmni:
    """vLLM-Omni."""

    slug = "vllm-omni"
    ability = Ability(frozenset({"generate"}), never=frozenset({"nsfw", "moderated"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/vllm-omni/v1", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, _refuse, _error)

        async def generate(request: Request, effect: PictureEffect | None) -> Response:
            if not request.headers.get("content-type", "").startswith("application/json"):
                return _detail(415, "Unsupported Media Type: Only 'application/json' is allowed")
            return await self._answer(stage, request, effect, edit=False)

        async def models(_request: Request, _effect: PictureEffect | None) -> Response:
            model = {"id": MODEL, "object": "model", "created": int(time.time()), "owned_by": "vllm"}
            return json_answer({"object": "list", "data": [model]})

        return [
            front.route("/vllm-omni/v1/images/generations", ["POST"], "generate", generate),
            front.route("/vllm-omni/v1/images/edits", ["POST"], "generate", partial(self._answer, stage, edit=True)),
            front.route("/vllm-omni/v1/models", ["GET"], None, models),
        ]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, *, edit: bool) -> Response:
        try:
            asked = await read(request)
            form = EditForm if edit else ImageRequest
            given = form.model_validate(asked.fields if asked.form or not edit else {})
            inputs = _inputs(asked, given) if isinstance(given, EditForm) else []
            size = _size(given.size, inputs)
        except Unreadable:
            return _invalid([{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}])
        except ValidationError as wrong:
            errors = wrong.errors(include_url=False)
            return _invalid([{**each, "loc": ["body", *each["loc"]]} for each in errors])
        except Refused as refused:
            return refused.answer
        if effect == "failed":
            return _error(500, "generate")
        pictures = await make(
            stage,
            self.slug,
            effect,
            prompt=given.prompt,
            count=given.n,
            size=size,
            output_format=given.output_format,
            quality=given.output_compression,
            seed=given.seed,
            inputs=inputs,
        )
        return await _told(pictures, given, size)


async def _told(pictures: list[Picture], given: ImageRequest, size: tuple[int, int]) -> Response:
    if given.response_format == "file" and len(pictures) == 1:
        return Response(draw(pictures[0]), media_type=pictures[0].content_type)
    data: list[dict[str, Any]] = [
        {"b64_json": await base64_of(picture), "url": None, "revised_prompt": None} for picture in pictures
    ]
    told = {"created": int(time.time()), "data": data, "output_format": given.output_format}
    return json_answer({**told, "size": f"{size[0]}x{size[1]}"})


def _size(asked: str | None, inputs: list[bytes]) -> tuple[int, int]:
    """Free pixels; when none are asked, the first input's size or the model's own. Raises `Refused`."""
    if asked in (None, "auto"):
        return (picture_size(inputs[0]) if inputs else None) or DEFAULT_SIZE
    wanted = pixels(asked)
    if wanted is None or 0 in wanted:
        raise Refused(_detail(400, f"Invalid size format: {asked!r}. Expected 'WIDTHxHEIGHT'."))
    return wanted


def _inputs(asked: Asked, given: EditForm) -> list[bytes]:
    """The pictures to edit, then the mask (white is painted over) and the reference. Raises `Refused`."""
    if given.stream:
        raise Refused(_detail(400, "stream=true needs a multi-stage model"))
    urls = [url for name in ("url", "url[]") for url in asked.texts.get(name, [])]
    sent = asked.sent("image", "image[]") + [from_data_uri(url) or HOSTED for url in urls]
    if not sent:
        raise Refused(_detail(422, "Field 'image' or 'url' is required"))
    inputs = [*sent, *asked.sent("mask_image"), *asked.sent("reference_image")]
    if any(content != HOSTED and picture_size(content) is None for content in inputs):
        raise Refused(_detail(400, "Failed to load image"))
    return inputs


def _refuse(request: Request) -> Response | None:
    good = request.headers.get("authorization") == f"Bearer {KEY}"
    return None if good else json_answer({"error": "Unauthorized"}, 401)


def _invalid(errors: list[Any]) -> Response:
    return json_answer({"detail": errors}, 422)


def _detail(status: int, text: str) -> Response:
    return json_answer({"detail": text}, status)


def _error(status: int, step: Step) -> Response:
    del step
    words = {
        500: "Image generation failed: out of memory",
        503: "Multi-stage engine not initialized. Start the server with an image model.",
    }
    return _detail(status, words.get(status, "Error"))
