"""A stand-in for an SGLang-Diffusion server, under `/sglang/v1`: no key, FastAPI's errors, n clamped to 1–10.

Source: sglang multimodal_gen entrypoints/openai, image_api.py and protocol.py at commits 0230ddc and 020befb, read
2026-11-21. It keeps no files (no output path), so `url` is refused; a seed that is not sent is 1024.
"""

import time
import uuid
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import as_format
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, always, anyone, json_answer
from simulators.images_api.asked import HOSTED, Asked, Unreadable, from_data_uri, picture_size, pixels, read
from simulators.images_api.pictures import base64_of, make
from simulators.stage import Stage

MODEL = "Qwen/Qwen-Image-Edit-2511"
DEFAULT_SIZE = (1024, 1024)
DEFAULT_SEED = 1024


class Body(BaseModel):
    """The fields that a generation's JSON and an edit's form share; others are ignored."""

    prompt: str
    model: str | None = None
    n: int | None = 1
    size: str | None = None
    response_format: str | None = None
    output_format: str | None = None
    output_compression: int | None = None
    background: str | None = "auto"
    user: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    true_cfg_scale: float | None = None
    enable_teacache: bool | None = False

    @property
    def count(self) -> int:
        return max(1, min(self.n or 1, 10))


class Refused(ValueError):
    """A request that ends in FastAPI's `{"detail": …}`."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status)
        self.answer = json_answer({"detail": detail}, status)


class SGLang:
    """SGLang-Diffusion."""

    slug = "sglang"
    ability = Ability(frozenset({"generate"}), never=frozenset({"nsfw", "moderated"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/sglang/v1", "key": "none"}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, anyone, _error)
        drawn = partial(self._answer, stage)
        models = always({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "sglang"}]})
        return [
            front.route("/sglang/v1/images/generations", ["POST"], "generate", partial(drawn, edit=False)),
            front.route("/sglang/v1/images/edits", ["POST"], "generate", partial(drawn, edit=True)),
            front.route("/sglang/v1/models", ["GET"], None, models),
        ]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, *, edit: bool) -> Response:
        try:
            asked = await read(request)
            given = _body(asked, edit=edit)
            inputs = _inputs(asked) if edit else []
            size = _size(given.size, inputs)
        except Unreadable:
            return Refused(422, [{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]).answer
        except Refused as refused:
            return refused.answer
        if effect == "failed":
            return _error(500, "generate")
        pictures = await make(
            stage,
            self.slug,
            effect,
            prompt=given.prompt,
            count=given.count,
            size=size,
            output_format=as_format(given.output_format) or "png",
            quality=given.output_compression or 90,
            seed=DEFAULT_SEED if given.seed is None else given.seed,
            inputs=inputs,
        )
        data = [
            {"b64_json": await base64_of(picture), "url": None, "revised_prompt": given.prompt, "file_path": None}
            for picture in pictures
        ]
        told = {"id": uuid.uuid4().hex, "created": int(time.time()), "data": data, "inference_time_s": 0.1}
        return json_answer({**told, "peak_memory_mb": 1024.0})


def _body(asked: Asked, *, edit: bool) -> Body:
    """Raises `Refused`: a generation is JSON, an edit a form, and either has nothing of the other's."""
    try:
        given = Body.model_validate(asked.fields if asked.form == edit else {})
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False)
        raise Refused(422, [{**each, "loc": ["body", *each["loc"]]} for each in errors]) from None
    wanted = (given.response_format or "b64_json").lower()
    if wanted == "url":
        raise Refused(400, "response_format='url' requires cloud storage to be configured.")
    if wanted != "b64_json":
        raise Refused(400, f"response_format={wanted} is not supported")
    return given


def _inputs(asked: Asked) -> list[bytes]:
    """`image` wins over `image[]`, and either stands before the URLs; a mask is taken and not looked at."""
    files = asked.sent("image") or asked.sent("image[]")
    urls = asked.texts.get("url") or asked.texts.get("url[]") or []
    if not files and not urls:
        raise Refused(422, "Field 'image' or 'url' is required")
    inputs = files + [from_data_uri(url) or HOSTED for url in urls]
    if any(content != HOSTED and picture_size(content) is None for content in inputs):
        raise Refused(400, "Failed to process image source: cannot identify image file")
    return inputs


def _size(asked: str | None, inputs: list[bytes]) -> tuple[int, int]:
    """Free pixels; an edit without them keeps its first picture's."""
    if asked is None:
        return (picture_size(inputs[0]) if inputs else None) or DEFAULT_SIZE
    wanted = pixels(asked)
    if wanted is None or 0 in wanted:
        raise Refused(400, f"Invalid size: {asked}")
    return wanted


def _error(status: int, step: Step) -> Response:
    del step
    return json_answer({"detail": "Model generation returned no output."}, status)
