"""One run of a fal model: its input checked, its pictures made, its output as JSON."""

import asyncio
import hashlib
import io
import math
import secrets
from dataclasses import dataclass
from typing import Any, cast

import pybase64
from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from simulators.drawing import Picture, as_format, draw, spoilt
from simulators.fal.endpoints import Endpoint
from simulators.fal.errors import FAILED, MODERATED, Failure, model_failure, refused
from simulators.fal.fields import MAX_SIDE, PRESETS, ImageSize
from simulators.faults import PictureEffect, flaw_of
from simulators.stage import Stage

SLUG = "fal"
MAX_INPUT_PIXELS = 100_000_000
MEGAPIXEL = 1024 * 1024  # an assumption: what was read of fal says neither how large it is nor how it rounds
UNKNOWN_INPUT = (1024, 1024)  # a hosted input is not fetched: the simulators call nobody


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
        flaw = flaw_of(effect)
        pictures = [spoilt(picture, flaw) if flaw else picture for picture in self.pictures]
        if effect == "empty":
            pictures = []
        images = [await self._image(stage, origin, picture) for picture in pictures]
        if self.endpoint.answer == "file":
            return {"images": images, "seed": self.seed}
        return {
            "images": images,
            "timings": {"inference": 0.5},
            "seed": self.seed,
            "has_nsfw_concepts": [effect == "nsfw"] * len(images),
            "prompt": self.prompt,
        }

    async def _image(self, stage: Stage, origin: str, picture: Picture) -> dict[str, Any]:
        if self.sync_mode:
            content = await asyncio.to_thread(draw, picture)
            url = f"data:{picture.content_type};base64,{pybase64.b64encode(content).decode()}"
        else:
            url = f"{origin}/{SLUG}-media/{stage.keep(SLUG, picture)}"
        if self.endpoint.answer == "file":
            return {"url": url, "content_type": picture.content_type, "file_name": picture.name}
        return {"url": url, "width": picture.width, "height": picture.height, "content_type": picture.content_type}


def start(endpoint: Endpoint, body: object, effect: PictureEffect | None) -> Run | Failure:
    """Check the input against the endpoint's row, as the runner does; nothing is made or paid yet."""
    try:
        given = endpoint.input.model_validate(body).model_dump()
    except ValidationError as wrong:
        return refused(wrong)
    inputs = _inputs(given)
    if isinstance(inputs, Failure):
        return inputs
    size = _size(endpoint, given.get("image_size"), inputs)
    least, most = endpoint.pixels or (1, MAX_SIDE**2)
    if not least <= size[0] * size[1] <= most:
        message = f"Value error, total pixels must be between {least} and {most}"
        return model_failure(422, "value_error", message, ["body", "image_size"], input=given.get("image_size"))
    match effect:
        case "moderated":
            return MODERATED
        case "failed":
            return FAILED
        case _:
            return _run(endpoint, given, inputs, size)


def _run(endpoint: Endpoint, given: dict[str, Any], inputs: list["Input"], size: tuple[int, int]) -> Run:
    width, height = size
    seed = cast("int | None", given["seed"])
    if seed is None:
        seed = secrets.randbelow(2**31)
    source = hashlib.sha256("".join(each.digest for each in inputs).encode()).hexdigest() if inputs else ""
    pictures = tuple(
        Picture(
            prompt=given["prompt"],
            seed=seed,
            index=index,
            width=width,
            height=height,
            format=as_format(given[endpoint.format_field]) or "jpeg",
            source=source,
        )
        for index in range(given["num_images"])
    )
    units = len(pictures) * math.ceil(width * height / MEGAPIXEL)
    return Run(endpoint, pictures, seed, given["prompt"], given["sync_mode"], units)


def _size(endpoint: Endpoint, asked: object, inputs: list["Input"]) -> tuple[int, int]:
    match asked:
        case str():
            return PRESETS[asked]
        case dict():
            free = ImageSize.model_validate(asked)
            return free.width, free.height
        case _:
            return inputs[-1 if endpoint.sizing == "last_input" else 0].size


@dataclass(frozen=True)
class Input:
    """A picture that was sent along."""

    size: tuple[int, int]
    digest: str


def _inputs(given: dict[str, Any]) -> list[Input] | Failure:
    listed = [(["image_urls", index], url) for index, url in enumerate(given.get("image_urls", ()))]
    named = [([name], given[name]) for name in ("image_url", "mask_url") if name in given]
    read: list[Input] = []
    for where, url in [*named, *listed]:
        each = _input(url, ["body", *where])
        if isinstance(each, Failure):
            return each
        read.append(each)
    return read


def _input(url: str, loc: list[str | int]) -> Input | Failure:
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
    if url.startswith(("http://", "https://")):
        return Input(UNKNOWN_INPUT, digest)
    if not url.startswith("data:") or "," not in url:
        return model_failure(422, "file_download_error", "Failed to download the file", loc, input=url[:100])
    try:
        content = pybase64.b64decode(url.partition(",")[2], validate=True)
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP", "GIF", "AVIF")) as image:
            size = image.size
    except (ValueError, OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return model_failure(422, "image_load_error", "Failed to load the image", loc)
    if size[0] * size[1] > MAX_INPUT_PIXELS:
        return model_failure(
            422, "image_too_large", "Image is too large", loc, ctx={"max_height": 10000, "max_width": 10000}
        )
    return Input(size, digest)
