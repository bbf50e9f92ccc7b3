"""A stand-in for Xinference, under `/xinference/v1`: sizes with a star, diffusion parameters as JSON in a string.

Source: xinference/api/restful_api.py and routers/images.py at commit 114ac52, and the docs page "Images", read
2026-11-21. Image-to-image is `variations` (with `kwargs`), an edit is `edits` (without), and the two name their files
differently: `variations` reads repeated `image` parts only, `edits` also `image[]` and `images`.
"""

import time
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, always, anyone, json_answer, origin
from simulators.images_api.asked import Asked, Unreadable, picture_size, pixels, read
from simulators.images_api.pictures import base64_of, make
from simulators.stage import Stage

MODEL = "qwen-image-edit"
DEFAULT_SIZE = (1024, 1024)
OPERATIONS = ("generations", "variations", "inpainting", "edits")


class Refused(ValueError):
    """A request that ends in FastAPI's `{"detail": …}`."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status)
        self.answer = json_answer({"detail": detail}, status)


@dataclass(frozen=True)
class Order:
    """What was asked, checked."""

    prompt: str
    count: int
    size: tuple[int, int]
    as_url: bool
    inputs: list[bytes]
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])


class Xinference:
    """Xinference."""

    slug = "xinference"
    ability = Ability(frozenset({"generate", "download"}), never=frozenset({"nsfw", "moderated"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/xinference/v1", "key": "none"}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, anyone, _error)

        async def draw(request: Request, effect: PictureEffect | None) -> Response:
            return await self._answer(stage, request, effect, request.url.path.rpartition("/")[2])

        models = always({"object": "list", "data": [{"id": MODEL, "object": "model", "model_type": "image"}]})
        drawing = [
            front.route(f"/xinference/v1/images/{operation}", ["POST"], "generate", draw) for operation in OPERATIONS
        ]
        return [*drawing, front.route("/xinference/v1/models", ["GET"], None, models), front.media()]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, operation: str) -> Response:
        try:
            order = _order(await read(request), operation)
        except Unreadable:
            return Refused(500, "Expecting property name enclosed in double quotes").answer
        except Refused as refused:
            return refused.answer
        if effect == "failed":
            return _error(500, "generate")
        seed = order.kwargs.get("seed")
        pictures = await make(
            stage,
            self.slug,
            effect,
            prompt=order.prompt,
            count=order.count,
            size=order.size,
            output_format="png",
            seed=seed if isinstance(seed, int) else None,
            inputs=order.inputs,
        )
        data: list[dict[str, Any]] = []
        for picture in pictures:
            if order.as_url:
                url = f"{origin(request)}/xinference-media/{stage.keep(self.slug, picture)}"
                data.append({"url": url, "b64_json": None})
            else:
                data.append({"url": None, "b64_json": await base64_of(picture)})
        return json_answer({"created": int(time.time()), "data": data})


def _order(asked: Asked, operation: str) -> Order:
    """Raises `Refused`."""
    fields = asked.fields if asked.form != (operation == "generations") else {}
    if operation != "edits":
        _needed(fields, "model")
    if operation in ("generations", "edits"):
        _needed(fields, "prompt")
    inputs = [] if operation == "generations" else _inputs(asked, operation)
    wanted = fields.get("response_format", "url")
    if wanted not in ("url", "b64_json"):
        raise Refused(400, "response_format must be 'url' or 'b64_json'")
    return Order(
        prompt=str(fields.get("prompt") or ""),
        count=_count(fields.get("n", 1), form=asked.form),
        size=_size(fields.get("size"), inputs, operation),
        as_url=wanted == "url",
        inputs=inputs,
        kwargs={} if operation == "edits" else _kwargs(fields.get("kwargs")),
    )


def _needed(fields: dict[str, Any], name: str) -> None:
    if not isinstance(fields.get(name), str):
        raise Refused(422, [{"type": "missing", "loc": ["body", name], "msg": "Field required"}])


def _inputs(asked: Asked, operation: str) -> list[bytes]:
    """The pictures, and behind them the mask, whose white is painted over."""
    if operation == "edits":
        images = asked.sent("image") or asked.sent("image[]") or asked.sent("images")
        if not images:
            raise Refused(400, "At least one image file is required")
        inputs = [*images, *asked.sent("mask")]
    else:
        parts = ("image", "mask_image") if operation == "inpainting" else ("image",)
        for name in parts:
            if not asked.sent(name):
                raise Refused(422, [{"type": "missing", "loc": ["body", name], "msg": "Field required"}])
        inputs = asked.sent(*parts)
    if any(picture_size(content) is None for content in inputs):
        raise Refused(500, "cannot identify image file")
    return inputs


def _count(value: object, *, form: bool) -> int:
    count = int(value) if form and isinstance(value, str) and value.isdecimal() else value
    if isinstance(count, bool) or not isinstance(count, int):
        raise Refused(422, [{"type": "int_parsing", "loc": ["body", "n"], "msg": "Input should be a valid integer"}])
    return max(1, count)


def _size(asked: object, inputs: list[bytes], operation: str) -> tuple[int, int]:
    """`W*H`; `edits` also reads `WxH` and `original`. Without one a picture keeps its size."""
    text = asked if isinstance(asked, str) else ""
    if text in ("", "original"):
        return (picture_size(inputs[0]) if inputs else None) or DEFAULT_SIZE
    size = pixels((text if operation == "edits" or "x" not in text else "").replace("*", "x"))
    if size is None or 0 in size:
        raise Refused(500, f"invalid literal for int() with base 10: {text!r}")
    return size


def _kwargs(text: object) -> dict[str, Any]:
    try:
        kwargs: object = orjson.loads(text) if isinstance(text, str) else {}
    except orjson.JSONDecodeError:
        kwargs = None
    if not isinstance(kwargs, dict):
        raise Refused(500, "Expecting value: line 1 column 1 (char 0)")
    return cast("dict[str, Any]", kwargs)


def _error(status: int, step: Step) -> Response:
    del step
    return json_answer({"detail": "[address=127.0.0.1:9997, pid=1] image generation failed"}, status)
