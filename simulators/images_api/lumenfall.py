"""A stand-in for Lumenfall's OpenAI-compatible API, under `/lumenfall/openai/v1`.

Source: Lumenfall's page "Qwen Image API", its docs on errors, routing, cost estimation and edits, and its agent skill
1.2.2, read 2026-11-21. Fields it does not know go to the provider, so they are taken here without a look.
"""

import difflib
import time
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import Format, Picture, as_format
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, json_answer, origin
from simulators.images_api.asked import Asked, Unreadable, picture_size, read
from simulators.images_api.lumenfall_models import MODELS, Model, find, sized
from simulators.images_api.pictures import base64_of, contents, make
from simulators.stage import Stage

KEY = "lmnfl_simulated.lumenfall"
MAX_AVIF_SIDE = 1600

_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("INVALID_REQUEST", "invalid_request_error", "Invalid request"),
    401: ("AUTHENTICATION_FAILED", "authentication_error", "Invalid API key"),
    402: ("INSUFFICIENT_BALANCE", "insufficient_quota", "Insufficient balance"),
    404: ("MODEL_NOT_FOUND", "invalid_request_error", "Model not found"),
    429: ("RATE_LIMITED", "rate_limit_error", "Rate limit exceeded"),
    502: ("ALL_PROVIDERS_EXHAUSTED", "upstream_error", "All providers failed"),
}


class Refused(Exception):
    """A request that ends in an error of Lumenfall's form."""

    def __init__(self, status: int, message: str | None = None, code: str | None = None) -> None:
        super().__init__(status)
        usual, kind, text = _ERRORS.get(status, ("UPSTREAM_ERROR", "upstream_error", "The provider failed"))
        told = {"message": message or text, "type": kind, "code": code or usual}
        self.answer = json_answer({"error": told}, status, {"X-Lumenfall-Request-Id": _request_id()})


@dataclass(frozen=True)
class Order:
    """What was asked, checked."""

    model: Model
    provider: str
    prompt: str
    count: int
    size: tuple[int, int]
    output_format: Format
    compression: int
    as_url: bool
    seed: int | None
    inputs: list[bytes]


class Lumenfall:
    """api.lumenfall.ai."""

    slug = "lumenfall"
    ability = Ability(frozenset({"generate", "download"}), never=frozenset({"nsfw"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/lumenfall/openai/v1", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, _refuse, _error)

        async def generate(request: Request, effect: PictureEffect | None) -> Response:
            return await self._answer(stage, request, effect, "text-to-image")

        async def edit(request: Request, effect: PictureEffect | None) -> Response:
            return await self._answer(stage, request, effect, "image-edit")

        async def models(_request: Request, _effect: PictureEffect | None) -> Response:
            return json_answer({"object": "list", "data": [_listed(model) for model in MODELS.values()]})

        async def model(request: Request, _effect: PictureEffect | None) -> Response:
            found = MODELS.get(request.path_params["model"])
            return json_answer(_listed(found)) if found else Refused(404).answer

        base = "/lumenfall/openai/v1"
        return [
            front.route(f"{base}/images/generations", ["POST"], "generate", generate),
            front.route(f"{base}/images/edits", ["POST"], "generate", edit),
            front.route(f"{base}/models", ["GET"], None, models),
            front.route(f"{base}/models/{{model:path}}", ["GET"], None, model),
            front.media(),
        ]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, mode: str) -> Response:
        try:
            asked = await read(request)
            order = _order(asked, mode)
            if request.query_params.get("dryRun") == "true":
                return json_answer(_estimate(order))
            if effect == "moderated":
                raise Refused(400, "Content policy violation", "CONTENT_POLICY_VIOLATION")
            if effect == "failed":
                raise Refused(502)
        except Unreadable:
            return Refused(400, "The body could not be read").answer
        except Refused as refused:
            return refused.answer
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
        data = [await _datum(stage, request, picture, order) for picture in pictures]
        return _told(order, data)


async def _datum(stage: Stage, request: Request, picture: Picture, order: Order) -> dict[str, str]:
    if order.as_url:
        return {"url": f"{origin(request)}/lumenfall-media/{stage.keep('lumenfall', picture)}"}
    return {"b64_json": await base64_of(picture)}


def _told(order: Order, data: list[dict[str, str]]) -> Response:
    request_id, executed = _request_id(), f"{order.provider}/{order.model.id}"
    body: dict[str, Any] = {
        "created": int(time.time()),
        "size": f"{order.size[0]}x{order.size[1]}",
        "output_format": order.output_format,
        "data": data,
        "metadata": {
            "id": request_id,
            "model": order.model.id,
            "executed_model": executed,
            "provider": order.provider,
            "provider_name": order.provider.title(),
            "cost": order.model.price * order.count / 1_000_000,
            "cost_currency": "USD",
            "attempts": [],
        },
    }
    named = {"X-Lumenfall-Provider": order.provider, "X-Lumenfall-Model": executed}
    return json_answer(body, headers={**named, "X-Lumenfall-Request-Id": request_id})


def _order(asked: Asked, mode: str) -> Order:
    """Raises `Refused`."""
    fields = asked.fields
    if mode == "image-edit" and not asked.form:
        raise Refused(400, "Edits are sent as multipart/form-data")
    name, prompt = fields.get("model"), fields.get("prompt")
    if not isinstance(name, str) or not name:
        raise Refused(400, "model is required")
    found = find(name)
    if found is None:
        near = difflib.get_close_matches(name, MODELS, n=1)
        raise Refused(404, f"Model '{name}' not found." + (f" Did you mean '{near[0]}'?" if near else ""))
    model, provider = found
    if mode not in model.modes:
        supported = ", ".join(model.modes)
        raise Refused(400, f"Model '{name}' does not support {mode}. Supported modes: {supported}")
    if not isinstance(prompt, str) or not prompt:
        raise Refused(400, "prompt is required")
    return Order(
        model=model,
        provider=provider,
        prompt=prompt,
        count=_whole(asked, "n", 1, 10) or 1,
        size=_size(fields),
        output_format=_format(fields),
        compression=_whole(asked, "output_compression", 0, 100) or 90,
        as_url=_word(fields, "response_format", ("url", "b64_json")) != "b64_json",
        seed=_whole(asked, "seed", 0, 2**63),
        inputs=_inputs(asked) if mode == "image-edit" else [],
    )


def _size(fields: dict[str, Any]) -> tuple[int, int]:
    found = sized(fields.get("size"), fields.get("aspect_ratio"))
    if found is None:
        raise Refused(400, "size is WxH or W:H, with sides of 1 to 14142")
    return found


def _format(fields: dict[str, Any]) -> Format:
    asked = as_format(_word(fields, "output_format", ("png", "jpeg", "gif", "webp", "avif")) or "png") or "png"
    if asked == "avif" and max(_size(fields)) > MAX_AVIF_SIDE:
        raise Refused(400, f"AVIF conversion takes at most {MAX_AVIF_SIDE} pixels a side")
    return asked


def _inputs(asked: Asked) -> list[bytes]:
    inputs = contents([*asked.files.get("image", []), *asked.files.get("mask", [])])
    if not asked.files.get("image"):
        raise Refused(400, "image is required")
    if any(picture_size(content) is None for content in inputs):
        raise Refused(400, "image could not be read")
    return inputs


def _whole(asked: Asked, name: str, low: int, high: int) -> int | None:
    value = asked.fields.get(name)
    if asked.form and isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(400, f"{name} is a whole number from {low} to {high}")
    return value


def _word(fields: dict[str, Any], name: str, words: tuple[str, ...]) -> str | None:
    value = fields.get(name)
    if value is not None and value not in words:
        raise Refused(400, f"{name} is one of {', '.join(words)}")
    return value


def _estimate(order: Order) -> dict[str, Any]:
    total = order.model.price * order.count
    component = {
        "type": "output",
        "metric": "image",
        "quantity": order.count,
        "billable_quantity": order.count,
        "unit_price": order.model.price,
        "total_cost": total,
    }
    named = {"estimated": True, "model": order.model.id, "provider": order.provider}
    return {**named, "total_cost_micros": total, "currency": "USD", "components": [component]}


def _listed(model: Model) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 1_754_000_000, "owned_by": "lumenfall"}


def _request_id() -> str:
    return f"req_{uuid.uuid4().hex}"


def _refuse(request: Request) -> Response | None:
    return None if request.headers.get("authorization") == f"Bearer {KEY}" else Refused(401).answer


def _error(status: int, step: Step) -> Response:
    del step
    return Refused(status).answer
