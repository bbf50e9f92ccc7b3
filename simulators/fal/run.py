"""One run of a fal model: its input checked, its pictures made, its output as JSON."""

import asyncio
import hashlib
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pybase64
from pydantic import ValidationError

from simulators.drawing import Picture, as_format, draw, spoilt
from simulators.fal.endpoint import Endpoint
from simulators.fal.errors import FAILED, MODERATED, Failure, model_failure, refused
from simulators.fal.fields import MAX_SIDE
from simulators.fal.pictures import read_pictures
from simulators.fal.sizing import MEGAPIXEL
from simulators.faults import PictureEffect, flagged, flaw_of
from simulators.inputs import InputPicture, Kept
from simulators.stage import Stage

SLUG = "fal"


@dataclass(frozen=True)
class Run:
    """A run that the model has accepted. `units` is what is billed: megapixels, begun ones counted."""

    endpoint: Endpoint
    pictures: tuple[Picture, ...]
    seed: int
    prompt: str
    sync_mode: bool
    units: int

    async def output(self, stage: Stage, origin: str, effect: PictureEffect | None) -> dict[str, Any]:
        """The result's JSON; its pictures can be fetched at `origin` from now on, unless they are data URIs."""
        pictures = [
            spoilt(picture, flaw) if (flaw := flaw_of(effect, place)) else picture
            for place, picture in enumerate(self.pictures)
        ]
        if effect == "empty":
            pictures = []
        images = [await self._image(stage, origin, picture) for picture in pictures]
        match self.endpoint.answer:
            case "single":
                return {"image": images[0]} if images else {}
            case "file":
                return {"images": images, "seed": self.seed}
            case "described":
                return {"images": images, "description": "A picture."}
            case "image":
                return {
                    "images": images,
                    "timings": {"inference": 0.5},
                    "seed": self.seed,
                    "has_nsfw_concepts": [flagged(effect, place) for place in range(len(images))],
                    "prompt": self.prompt,
                }

    async def _image(self, stage: Stage, origin: str, picture: Picture) -> dict[str, Any]:
        if self.sync_mode:
            content = await asyncio.to_thread(draw, picture)
            url = f"data:{picture.content_type};base64,{pybase64.b64encode(content).decode()}"
        else:
            url = f"{origin}/{SLUG}-media/{stage.keep(SLUG, picture)}"
        if self.endpoint.answer in ("file", "described"):
            return {"url": url, "content_type": picture.content_type, "file_name": picture.name}
        return {"url": url, "width": picture.width, "height": picture.height, "content_type": picture.content_type}


async def start(endpoint: Endpoint, body: object, effect: PictureEffect | None, kept: Kept) -> Run | Failure:
    """Check the input against the endpoint's row, as the runner does; nothing is made or paid yet."""
    try:
        given = endpoint.input.model_validate(body).model_dump()
    except ValidationError as wrong:
        return refused(wrong)
    inputs = await read_pictures(endpoint, given, kept)
    if isinstance(inputs, Failure):
        return inputs
    size = endpoint.sizing(given, [each.size for each in inputs])
    ends = {"moderated": MODERATED, "failed": FAILED}
    wrong = _undrawable(endpoint, size) or (_unsided(endpoint, size) if given.get("image_size") else None)
    return wrong or ends.get(effect or "") or _run(endpoint, given, inputs, size)


def _undrawable(endpoint: Endpoint, size: tuple[int, int]) -> Failure | None:
    least, most = endpoint.pixels or (1, MAX_SIDE**2)
    if least <= size[0] * size[1] <= most and max(size) <= MAX_SIDE:
        return None
    message = f"Value error, total pixels must be between {least} and {most}"
    return model_failure(422, "value_error", message, ["body", "image_size"], input=list(size))


def _unsided(endpoint: Endpoint, size: tuple[int, int]) -> Failure | None:
    """Limits of the sides that a description tells, which are those of a size that is asked for."""
    low, high = endpoint.sides or (1, MAX_SIDE)
    if low <= min(size) and max(size) <= high:
        return None
    message = f"Value error, width and height must be between {low} and {high}"
    return model_failure(422, "value_error", message, ["body", "image_size"], input=list(size))


def _run(endpoint: Endpoint, given: dict[str, Any], inputs: Sequence[InputPicture], size: tuple[int, int]) -> Run:
    width, height = size
    seed = cast("int | None", given.get("seed"))
    if seed is None:
        seed = secrets.randbelow(2**31)
    prompt = given.get("prompt") or ""
    source = hashlib.sha256("".join(each.digest for each in inputs).encode()).hexdigest() if inputs else ""
    pictures = tuple(
        Picture(
            prompt=prompt,
            seed=seed,
            index=index,
            width=width,
            height=height,
            format=as_format(given.get(endpoint.format_field)) or "png",
            source=source,
        )
        for index in range(math.prod(given[name] for name in endpoint.count_fields))
    )
    units = len(pictures) * math.ceil(width * height / MEGAPIXEL)
    return Run(endpoint, pictures, seed, prompt, given.get("sync_mode", False), units)
