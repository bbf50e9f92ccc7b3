"""One generation at DashScope: its body checked, in either form, its pictures made, its output as JSON."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from simulators.alibaba.errors import NO_MODEL, Failure, invalid
from simulators.alibaba.models import MODELS, Model, Size
from simulators.drawing import Picture, spoilt
from simulators.faults import PictureEffect, flaw_of
from simulators.inputs import InputPicture, NoPicture, NotLoaded, load
from simulators.stage import Stage

SLUG = "alibaba"
INPUT_SIDES = (384, 3072)
INPUT_BYTES = 10 * 1024 * 1024
INPUT_FORMATS = frozenset({"JPEG", "PNG", "WEBP", "GIF"})  # and BMP and TIFF, which are not read here


Form = Literal["messages", "text"]


class Parameters(BaseModel, strict=True):
    """The object `parameters`. What the documents do not name is ignored."""

    size: str | None = None
    n: Annotated[int, Field(ge=1)] = 1
    negative_prompt: str | None = None
    prompt_extend: bool = True
    prompt_extend_mode: Literal["direct", "agent"] = "direct"
    watermark: bool = False
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class Part(BaseModel, strict=True):
    """A piece of a message: a text or a picture."""

    text: str | None = None
    image: str | None = None


class Message(BaseModel, strict=True):
    role: Literal["user"]
    content: Annotated[list[Part], Field(min_length=1)]


class MessagesInput(BaseModel, strict=True):
    messages: Annotated[list[Message], Field(min_length=1, max_length=1)]


class TextInput(BaseModel, strict=True):
    """The older form. `negative_prompt` is listed here, and under `parameters` in an example: both are taken."""

    prompt: Annotated[str, Field(min_length=1)]
    negative_prompt: str | None = None


class Body(BaseModel, strict=True):
    """A body before it is known which form its `input` has."""

    model: str
    input: dict[str, Any]
    parameters: Parameters = Parameters()


@dataclass(frozen=True)
class Run:
    """A run that was accepted; nothing is made or paid yet."""

    model: Model
    pictures: tuple[Picture, ...]
    asked_prompt: str
    prompt: str
    form: Form

    @property
    def size(self) -> Size:
        return self.pictures[0].width, self.pictures[0].height

    def urls(self, stage: Stage, origin: str, effect: PictureEffect | None) -> list[str]:
        """The pictures can be fetched from now on."""
        if effect == "empty":
            return []
        flaw = flaw_of(effect)
        pictures = [spoilt(picture, flaw) if flaw else picture for picture in self.pictures]
        expires = int(time.time() + stage.pace(SLUG).keep_seconds)
        return [f"{origin}/{SLUG}-media/{stage.keep(SLUG, each)}?Expires={expires}" for each in pictures]


async def read(raw: object, form: Form) -> Run | Failure:
    """Check a body as the model's page has it."""
    try:
        body = Body.model_validate(raw)
        model = MODELS.get(body.model)
        if model is None:
            return NO_MODEL
        if form == "text":
            text = TextInput.model_validate(body.input)
            return _run(model, body.parameters, text.prompt, [], form)
        content = MessagesInput.model_validate(body.input).messages[0].content
    except ValidationError as wrong:
        return _invalid(wrong)
    texts = [part.text for part in content if part.text is not None]
    if len(texts) != 1 or not texts[0]:
        return invalid("The content must contain exactly one text.")
    inputs = await _inputs(model, [part.image for part in content if part.image is not None])
    return inputs if isinstance(inputs, Failure) else _run(model, body.parameters, texts[0], inputs, form)


def _invalid(wrong: ValidationError) -> Failure:
    """What is missing has words of its own, everything else is one."""
    for error in wrong.errors():
        if error["type"] == "missing" and error["loc"] in (("model",), ("input",)):
            name = str(error["loc"][0]).capitalize()
            return invalid(f"Required {name.lower()} missing from request.", f"BadRequest.Empty{name}")
    first = wrong.errors()[0]
    return invalid(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}")


async def _inputs(model: Model, urls: list[str]) -> list[InputPicture] | Failure:
    least, most = model.inputs
    if not least <= len(urls) <= most:
        return invalid(f"The content must contain {least} to {most} images.")
    inputs: list[InputPicture] = []
    for url in urls:
        each = await _input(url)
        if isinstance(each, Failure):
            return each
        inputs.append(each)
    return inputs


async def _input(url: str) -> InputPicture | Failure:
    try:
        picture = await load(url, _nothing)
    except NotLoaded:
        return invalid("The image URL is invalid.", "InvalidURL")
    except NoPicture:
        return invalid("The image format is illegal and cannot be opened.", "InvalidImageFormat")
    if picture.length > INPUT_BYTES:
        return invalid("The image is larger than 10 MB.", "BadRequest.TooLarge")
    if picture.format and picture.format not in INPUT_FORMATS:
        return invalid("The image format is illegal and cannot be opened.", "InvalidImageFormat")
    low, high = INPUT_SIDES
    if not all(low <= side <= high for side in picture.size):
        return invalid(f"The image's sides must be from {low} to {high} pixels.", "InvalidImageResolution")
    return picture


def _nothing(_url: str) -> bytes | None:
    return None


def _run(model: Model, asked: Parameters, prompt: str, inputs: list[InputPicture], form: Form) -> Run | Failure:
    if inputs and asked.prompt_extend_mode == "agent":
        return invalid("prompt_extend_mode agent does not support image input.")
    if asked.n > model.most_images:
        most = model.most_images
        return invalid("num_images_per_prompt must be 1" if most == 1 else f"n must be from 1 to {most}")
    size = model.read_size(asked.size, [each.size for each in inputs])
    if isinstance(size, Failure):
        return size
    cut = prompt[: model.longest_prompt]
    drawn = f"{cut}, in fine detail" if asked.prompt_extend else cut
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    source = hashlib.sha256("".join(each.digest for each in inputs).encode()).hexdigest() if inputs else ""
    pictures = (Picture(drawn, seed, index, size[0], size[1], "png", source=source) for index in range(asked.n))
    return Run(model, tuple(pictures), prompt, drawn, form)
