"""A stand-in for stable-diffusion.cpp's `sd-server`, under `/sd-server/v1`: no key, base64 only, one model.

Source: stable-diffusion.cpp examples/server, api.md and routes_openai.cpp at commits 97d2990 and 0137f16, read
2026-11-21. Parameters beyond OpenAI's few hide in the prompt: `text <sd_cpp_extra_args>{json}</sd_cpp_extra_args>`.
"""

import re
import time
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import Format, as_format
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, always, anyone, json_answer
from simulators.images_api.asked import Asked, Unreadable, picture_size, pixels, read
from simulators.images_api.pictures import base64_of, make
from simulators.stage import Stage

MODEL = "sd-cpp-local"
DEFAULT_SIZE = (512, 512)
SIDES = range(64, 4097)
MAX_BATCH = 8
EXTRA = re.compile(r"<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>", re.DOTALL)


class Refused(ValueError):
    """A request that is answered with 400; the text is the whole error."""


@dataclass(frozen=True)
class Order:
    """What was asked, checked."""

    prompt: str
    count: int
    size: tuple[int, int]
    output_format: Format
    compression: int
    seed: int | None
    inputs: list[bytes]


class SdServer:
    """sd-server."""

    slug = "sd-server"
    ability = Ability(frozenset({"generate"}), never=frozenset({"nsfw", "moderated"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/sd-server/v1", "key": "none"}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, anyone, _error)
        drawn = partial(self._answer, stage)
        models = always({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "local"}]})
        return [
            front.route("/sd-server/v1/images/generations", ["POST"], "generate", partial(drawn, edit=False)),
            front.route("/sd-server/v1/images/edits", ["POST"], "generate", partial(drawn, edit=True)),
            front.route("/sd-server/v1/models", ["GET"], None, models),
        ]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, *, edit: bool) -> Response:
        try:
            order = _order(await read(request), edit=edit)
        except Unreadable:
            return json_answer({"error": "invalid json"}, 400)
        except Refused as refused:
            return json_answer({"error": str(refused)}, 400)
        if effect == "failed":
            return _error(500, "generate")
        pictures = await make(
            stage,
            self.slug,
            effect,
            prompt=order.prompt,
            count=order.count,
            size=order.size,
            output_format=order.output_format,
            quality=order.compression,
            seed=order.seed,
            inputs=order.inputs,
        )
        data = [{"b64_json": await base64_of(picture)} for picture in pictures]
        return json_answer({"created": int(time.time()), "output_format": order.output_format, "data": data})


def _order(asked: Asked, *, edit: bool) -> Order:
    """Raises `Refused`."""
    if edit and not asked.form:
        raise Refused("Content-Type must be multipart/form-data")
    prompt, extra = _split(asked.fields.get("prompt"))
    images = _images(asked) if edit else []
    mask = asked.sent("mask")[:1] if edit else []
    output_format = as_format(asked.fields.get("output_format", "png"))
    if output_format is None or output_format not in (("png", "jpeg") if edit else ("png", "jpeg", "webp")):
        raise Refused("invalid output_format")
    count = _whole(asked.fields.get("n", 1))
    if count is None or not 1 <= count <= MAX_BATCH:
        raise Refused("invalid n")
    strength = extra.get("strength", 0.75)
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 <= strength <= 1:
        raise Refused("invalid params")
    seed = _whole(extra.get("seed", -1))
    return Order(
        prompt=prompt,
        count=count,
        size=_size(asked.fields.get("size"), extra, _first_size([*images, *mask])),
        output_format=output_format,
        compression=min(100, max(0, _whole(asked.fields.get("output_compression", 100)) or 0)),
        seed=seed if seed is not None and seed >= 0 else None,
        inputs=[*images, *mask],
    )


def _images(asked: Asked) -> list[bytes]:
    """`image[]` wins over `image`, of which only the first is read; what cannot be decoded is passed over."""
    sent = asked.sent("image[]") or asked.sent("image")[:1]
    if not sent:
        raise Refused("at least one image[] required")
    return [content for content in sent if picture_size(content)]


def _first_size(inputs: list[bytes]) -> tuple[int, int]:
    """Without a size an edit keeps that of its first picture."""
    return (picture_size(inputs[0]) if inputs else None) or DEFAULT_SIZE


def _split(prompt: object) -> tuple[str, dict[str, Any]]:
    """The prompt without its block, and what the block says. Raises `Refused`."""
    if not isinstance(prompt, str) or not EXTRA.sub("", prompt).strip():
        raise Refused("prompt required")
    block = EXTRA.search(prompt)
    if block is None:
        return prompt.strip(), {}
    try:
        extra: object = orjson.loads(block[1])
    except orjson.JSONDecodeError:
        extra = None
    if not isinstance(extra, dict):
        raise Refused("invalid sd_cpp_extra_args")
    return EXTRA.sub("", prompt).strip(), cast("dict[str, Any]", extra)


def _size(asked: object, extra: dict[str, Any], usual: tuple[int, int]) -> tuple[int, int]:
    width, height = pixels(asked) or usual if isinstance(asked, str) else usual
    size = _whole(extra.get("width", width)), _whole(extra.get("height", height))
    if size[0] is None or size[1] is None or size[0] not in SIDES or size[1] not in SIDES:
        raise Refused("invalid size")
    return size[0], size[1]


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _error(status: int, step: Step) -> Response:
    del step
    words = {429: "job queue is full", 500: "server_error", 503: "server_error"}
    return json_answer({"error": words.get(status, "error"), "message": "generation failed"}, status)
