"""What a request asks of a model, and the picture that comes of it."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from simulators import inputs
from simulators.drawing import Picture, as_format, spoilt
from simulators.faults import PictureEffect, flaw_of
from simulators.oxen.errors import FAILED, MODERATED, UNREADABLE, refused
from simulators.oxen.models import MODELS, Model
from simulators.oxen.schema import filled

SLUG = "oxen"
MOST_GENERATIONS = 4
OUTSIDE = ("model", "response_format", "target_namespace")  # of the hub, and no parameters of a model


@dataclass(frozen=True)
class Asked:
    """`parameters` are the model's own."""

    model: Model
    parameters: Mapping[str, Any]
    body: Mapping[str, Any]

    @property
    def as_base64(self) -> bool:
        return self.body.get("response_format") == "b64_json"


async def read_asked(request: Request, *more: str) -> Asked | Response:
    """The body of a request, or why it is none; `more` are further fields that belong to the route."""
    try:
        body: object = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return refused("invalid_params", "the body is not JSON")
    if not isinstance(body, dict):
        return refused("invalid_params", "the body must be an object")
    given = cast("dict[str, Any]", body)
    model = MODELS.get(str(given.get("model")))
    if "model" not in given:
        return refused("invalid_params", "model is required")
    if model is None:
        return refused("resource_not_found", f"Model not found: {given['model']}")
    if given.get("response_format", "url") not in ("url", "b64_json"):
        return refused("invalid_params", "response_format must be url or b64_json")
    outside = (*OUTSIDE, *more)
    return Asked(model, {name: value for name, value in given.items() if name not in outside}, given)


async def draw(asked: Asked, effect: PictureEffect | None) -> Picture | str:
    """The picture of parameters that fit their model, or the words in which its making fails."""
    if effect == "moderated":
        return MODERATED
    if effect == "failed":
        return FAILED
    given = filled(asked.model.fields, asked.parameters)
    try:
        sources = [await inputs.load(url, _not_ours) for url in _pictures(given, asked.model)]
    except inputs.NotLoaded:
        return "Getting model response error: 422 - 403 Client Error: Forbidden for url"
    except inputs.NoPicture:
        return UNREADABLE
    width, height = asked.model.size(given, sources[0].size if sources else None)
    seed = given.get("seed")
    picture = Picture(
        prompt=str(given.get("prompt", "")),
        seed=secrets.randbelow(2**31) if seed is None else seed,
        index=0,
        width=width,
        height=height,
        format=as_format(str(given.get("output_format") or "png").replace("jpg", "jpeg")) or "png",
        quality=given["output_quality"] if isinstance(given.get("output_quality"), int) else 80,
        source=hashlib.sha256("".join(each.digest for each in sources).encode()).hexdigest() if sources else "",
    )
    flaw = flaw_of(effect)
    return spoilt(picture, flaw) if flaw else picture


def _pictures(given: Mapping[str, Any], model: Model) -> list[str]:
    found: list[str] = []
    for name, field in model.fields.items():
        value = given.get(name) if field.picture else None
        found += value if isinstance(value, list) else [value] if value else []
    return found


def _not_ours(url: str) -> bytes | None:
    """Oxen takes no uploads for its models: no URL is a file of its own."""
    del url
