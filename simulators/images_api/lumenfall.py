"""A stand-in for Lumenfall's OpenAI-compatible API, under `/lumenfall/openai/v1`.

Source: Lumenfall's page "Qwen Image API", its docs on errors, routing, cost estimation, edits and upscaling, and its
agent skill 1.2.2, read 2026-11-21. Fields it does not know go to the provider, so they are taken here without a look.
"""

import time
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.drawing import Picture
from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, always, json_answer, origin
from simulators.images_api.asked import Unreadable, read
from simulators.images_api.lumenfall_models import MODELS, Model
from simulators.images_api.lumenfall_order import Order, Refused, new_id, order_of
from simulators.images_api.pictures import base64_of, make
from simulators.stage import Stage

KEY = "lmnfl_simulated.lumenfall"


class Lumenfall:
    """api.lumenfall.ai."""

    slug = "lumenfall"
    ability = Ability(frozenset({"generate", "download"}), never=frozenset({"nsfw"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/lumenfall/openai/v1", "key": KEY}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, _refuse, _error)

        async def model(request: Request, _effect: PictureEffect | None) -> Response:
            found = MODELS.get(request.path_params["model"])
            return json_answer(_listed(found)) if found else Refused(404).answer

        base = "/lumenfall/openai/v1"
        drawn = partial(self._answer, stage)
        models = always({"object": "list", "data": [_listed(model) for model in MODELS.values()]})
        return [
            front.route(f"{base}/images/generations", ["POST"], "generate", partial(drawn, mode="text-to-image")),
            front.route(f"{base}/images/edits", ["POST"], "generate", partial(drawn, mode="image-edit")),
            front.route(f"{base}/models", ["GET"], None, models),
            front.route(f"{base}/models/{{model:path}}", ["GET"], None, model),
            front.media(),
        ]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, mode: str) -> Response:
        try:
            asked = await read(request)
            order = order_of(asked, mode)
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
    id, executed = new_id(), f"{order.provider}/{order.model.id}"
    body: dict[str, Any] = {
        "created": int(time.time()),
        "size": f"{order.size[0]}x{order.size[1]}",
        "output_format": order.output_format,
        "data": data,
        "metadata": {
            "id": id,
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
    return json_answer(body, headers={**named, "X-Lumenfall-Request-Id": id})


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


def _refuse(request: Request) -> Response | None:
    return None if request.headers.get("authorization") == f"Bearer {KEY}" else Refused(401).answer


def _error(status: int, step: Step) -> Response:
    del step
    return Refused(status).answer
