"""A stand-in for LocalAI, under `/localai/v1`: pictures travel inside the JSON, and the prompt is cut at its bar.

Source: LocalAI core/http/endpoints/openai, image.go at commit 032a33d and inpainting.go at 00a3881, and its page "Image
generation", read 2026-11-21. `file` is the picture that drawing starts from, `ref_images` those that an editing model
looks at; each is a URL or bare base64.
"""

import time
import uuid
from functools import partial
from typing import Any, cast

import pybase64
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.faults import Ability, PictureEffect, Step
from simulators.front import Front, always, anyone, json_answer, origin
from simulators.images_api.asked import HOSTED, Asked, Unreadable, picture_size, pixels, read
from simulators.images_api.pictures import base64_of, make
from simulators.stage import Stage

MODEL = "flux.1-kontext-dev"
DEFAULT_SIZE = (512, 512)
INPAINTED_SIZE = (512, 512)  # whatever the source's


class Refused(ValueError):
    """A request that ends in LocalAI's error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status)
        self.answer = json_answer({"error": {"code": status, "message": message, "type": ""}}, status)


class LocalAI:
    """LocalAI."""

    slug = "localai"
    ability = Ability(frozenset({"generate", "download"}), never=frozenset({"nsfw", "moderated"}))

    def address(self, origin: str) -> dict[str, str]:
        return {"base_url": f"{origin}/localai/v1", "key": "none"}

    def routes(self, stage: Stage) -> list[Route]:
        front = Front(self.slug, stage, anyone, _error)
        drawn = partial(self._answer, stage)
        models = always({"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        return [
            front.route("/localai/v1/images/generations", ["POST"], "generate", partial(drawn, inpaint=False)),
            front.route("/localai/v1/images/inpainting", ["POST"], "generate", partial(drawn, inpaint=True)),
            front.route("/localai/v1/models", ["GET"], None, models),
            front.media(),
        ]

    async def _answer(self, stage: Stage, request: Request, effect: PictureEffect | None, *, inpaint: bool) -> Response:
        try:
            asked = await read(request)
            prompt, inputs, size, count = _painted_over(asked) if inpaint else _drawn(asked)
        except Unreadable:
            return Refused(400, "failed reading parameters from request").answer
        except Refused as refused:
            return refused.answer
        if effect == "failed":
            return _error(500, "generate")
        pictures = await make(
            stage,
            self.slug,
            effect,
            prompt=prompt,
            count=count,
            size=size,
            output_format="png",
            seed=_whole(asked.fields.get("seed")),
            inputs=inputs,
        )
        data: list[dict[str, Any]] = []
        for picture in pictures:
            if asked.fields.get("response_format") == "b64_json" and not inpaint:
                data.append({"b64_json": await base64_of(picture)})
            else:
                data.append({"url": f"{origin(request)}/localai-media/{stage.keep(self.slug, picture)}"})
        return json_answer({"id": str(uuid.uuid4()), "created": int(time.time()), "data": data})


def _drawn(asked: Asked) -> tuple[str, list[bytes], tuple[int, int], int]:
    """The prompt (without what follows its bar), the pictures, the size and the count of a JSON request."""
    fields = asked.fields
    if asked.form:
        raise Refused(400, "failed reading parameters from request")
    if not fields.get("model"):
        raise Refused(400, "no model specified")
    prompt = fields.get("prompt")
    if not isinstance(prompt, str):
        raise Refused(400, "failed reading parameters from request")
    references: object = fields.get("ref_images") or []
    if not isinstance(references, list):
        raise Refused(400, "failed reading parameters from request")
    named = [*([fields["file"]] if fields.get("file") else []), *cast("list[object]", references)]
    return prompt, [_picture(each) for each in named], _size(fields.get("size")), _whole(fields.get("n")) or 1


def _painted_over(asked: Asked) -> tuple[str, list[bytes], tuple[int, int], int]:
    """The same of an inpainting form: one picture, and a mask whose white is painted over."""
    if not asked.form or not asked.fields.get("model") or not asked.fields.get("prompt"):
        raise Refused(400, "Bad Request")
    for name in ("image", "mask"):
        if not asked.sent(name):
            raise Refused(400, f"missing {name} file")
    inputs = [*asked.sent("image")[:1], *asked.sent("mask")[:1]]
    if any(picture_size(content) is None for content in inputs):
        raise Refused(500, "failed to generate image")
    return asked.fields["prompt"], inputs, INPAINTED_SIZE, 1


def _picture(named: object) -> bytes:
    if isinstance(named, str) and named.startswith(("http://", "https://")):
        return HOSTED
    try:
        content = pybase64.b64decode(named if isinstance(named, str) else "", validate=True)
    except ValueError:
        raise Refused(500, "illegal base64 data at input byte 4") from None
    if picture_size(content) is None:
        raise Refused(500, "failed to generate image")
    return content


def _size(asked: object) -> tuple[int, int]:
    if not isinstance(asked, str) or "x" not in asked:
        return DEFAULT_SIZE
    size = pixels(asked)
    if size is None or 0 in size:
        raise Refused(500, "invalid value for 'size'")
    return size


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _error(status: int, step: Step) -> Response:
    del step
    return Refused(status, "failed to generate image").answer
