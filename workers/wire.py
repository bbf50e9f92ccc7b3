"""The request as it comes in: checked field by field, and from here on a `Commission`."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

import orjson

from workers.engine import SEEDS, Drawing, Model
from workers.errors import Refusal
from workers.form import Form, typed
from workers.inputs import images_of, size_of, source_of

Json = Mapping[str, Any]

LONGEST_PROMPT = 32_000  # characters; OpenAI's limit for its image models
MOST_IMAGES = 10
FORMATS = ("png", "jpeg", "webp")
_SIZE = re.compile(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})")
_JOB_ID = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_ALWAYS = frozenset({"prompt", "model", "n", "size", "response_format", "output_format", "output_compression"})
_DELIVERY = frozenset({"stream", "partial_images", "job_id"})


@dataclass(frozen=True, slots=True)
class Commission:
    """What one request asks for: `images` pictures, alike but for their seeds."""

    drawing: Drawing  # with the seed of the first picture, 0 if none was asked
    images: int
    seeded: bool
    output_format: str
    quality: int  # 0–100, of jpeg and webp
    stream: bool
    partial_images: int
    job_id: str | None

    @property
    def size(self) -> str:
        return f"{self.drawing.width}x{self.drawing.height}"

    def seeds(self, first: int) -> list[int]:
        return [(first + number) % SEEDS for number in range(self.images)]

    @property
    def kind(self) -> Literal["image_generation", "image_edit"]:
        """How OpenAI names the events of its stream."""
        return "image_edit" if self.drawing.source else "image_generation"

    def fingerprint(self) -> bytes:
        """Equal for requests that one job may answer; how the answer is delivered does not matter."""
        drawing = astuple(replace(self.drawing, source=None))
        told = repr((drawing, self.drawing.source, self.images, self.seeded, self.output_format, self.quality))
        return hashlib.blake2b(told.encode(), digest_size=16).digest()

    def without_pictures(self) -> "Commission":
        """What is remembered of it when it is done: its source no longer holds the pictures."""
        source = self.drawing.source
        kept = replace(source, images=(), mask=None) if source else None
        return replace(self, drawing=replace(self.drawing, source=kept))


def commission(body: bytes, models: Sequence[Model], header_id: str | None) -> Commission:
    """Reads a generation request. Raises `Refusal` (400, 404) naming the field."""
    given = _object(body)
    model = _model(given.get("model"), models)
    size = _size(given.get("size"), model) or model.default_size
    return _commission(given, model, size, header_id, model.parameters - {"strength"})


def edit(given_as: Form, models: Sequence[Model], header_id: str | None) -> Commission:
    """Reads an edit and decodes its pictures: not for the event loop. Raises `Refusal` as `commission` does."""
    given = typed(given_as)
    model = _model(given.get("model"), models)
    if not model.most_images:
        raise Refusal(f"'{model.id}' draws from text alone.", param="image")
    images = images_of(given_as, model)
    size = _size(given.get("size"), model) or _fitting(size_of(images[0], "image"), model)
    made = _commission(given, model, size, header_id, model.parameters)
    source = source_of(images, given_as.files.get("mask", []), size, _number(given, "strength", 0, 1))
    return replace(made, drawing=replace(made.drawing, source=source))


def _commission(
    given: Json, model: Model, size: tuple[int, int], header_id: str | None, parameters: frozenset[str]
) -> Commission:
    for name in given:
        if name not in _ALWAYS | _DELIVERY | parameters:
            raise Refusal(f"Unknown parameter: '{name[:64]}'.", param=name[:64], code="unknown_parameter")
    seed = _integer(given, "seed", 0, SEEDS - 1, default=None)
    _word(given, "response_format", ("b64_json",))
    output_format = _word(given, "output_format", FORMATS)
    compression = _integer(given, "output_compression", 0, 100, default=None)
    if compression is not None and output_format == "png" and compression != 100:
        raise Refusal("'output_compression' works with jpeg and webp.", param="output_compression")
    stream = _boolean(given, "stream")
    partial_images = _integer(given, "partial_images", 0, 3, default=0) or 0
    if partial_images and not stream:
        raise Refusal("'partial_images' needs 'stream': true.", param="partial_images")
    drawing = Drawing(
        model=model.id,
        prompt=_prompt(given.get("prompt")),
        width=size[0],
        height=size[1],
        seed=seed or 0,
        steps=_integer(given, "num_inference_steps", 1, model.most_steps, default=None) or model.default_steps,
        negative_prompt=_text(given, "negative_prompt"),
        cfg_scale=_number(given, "cfg_scale", 0, 100),
        guidance=_number(given, "guidance", 0, 100),
    )
    return Commission(
        drawing=drawing,
        images=_integer(given, "n", 1, MOST_IMAGES, default=1) or 1,
        seeded=seed is not None,
        output_format=output_format,
        quality=100 if compression is None else compression,
        stream=stream,
        partial_images=partial_images,
        job_id=_job_id(given.get("job_id"), header_id),
    )


def _object(body: bytes) -> Json:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:  # also NaN, lone surrogates, more than 1024 levels
        raise Refusal("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(given, dict):
        raise Refusal("The body must be a JSON object.", code="invalid_json")
    return given  # pyright: ignore[reportUnknownVariableType] - JSON; every value is checked below


def _model(asked: object, models: Sequence[Model]) -> Model:
    if asked is None:
        return models[0]
    for model in models:
        if model.id == asked:
            return model
    known = ", ".join(model.id for model in models)
    if not isinstance(asked, str):
        raise Refusal(f"'model' must be a string; here there is: {known}.", param="model")
    raise Refusal(f"No such model; here there is: {known}.", status=404, param="model", code="model_not_found")


def _prompt(prompt: object) -> str:
    if prompt is None:
        raise Refusal("'prompt' is required.", param="prompt", code="missing_required_parameter")
    if not isinstance(prompt, str) or not prompt.strip():
        raise Refusal("'prompt' must be a string with something in it.", param="prompt")
    return _checked_text("prompt", prompt)


def _text(given: Json, name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal(f"'{name}' must be a string.", param=name)
    return _checked_text(name, value)


def _checked_text(name: str, text: str) -> str:
    if len(text) > LONGEST_PROMPT:
        raise Refusal(f"'{name}' may have {LONGEST_PROMPT} characters.", param=name)
    if "\0" in text:
        raise Refusal(f"'{name}' may not hold NUL characters.", param=name)
    return text


def _size(asked: object, model: Model) -> tuple[int, int] | None:
    """None for no size of the caller's."""
    if asked is None or asked == "auto":
        return None
    shape = _SIZE.fullmatch(asked) if isinstance(asked, str) else None
    sides = (int(shape[1]), int(shape[2])) if shape else (0, 0)
    if not all(model.shortest_side <= side <= model.longest_side for side in sides):
        limits = f"{model.shortest_side} to {model.longest_side}"
        raise Refusal(f"'size' must be WIDTHxHEIGHT, each {limits} pixels, such as 1024x768.", param="size")
    return sides


def _fitting(size: tuple[int, int], model: Model) -> tuple[int, int]:
    """The size of a picture, within what the model draws; its shape is kept where that is possible."""
    scale = min(1.0, model.longest_side / max(size))
    width, height = (max(model.shortest_side, round(side * scale)) for side in size)
    return width, height


def _integer(given: Json, name: str, least: int, most: int, *, default: int | None) -> int | None:
    value = given.get(name)
    if value is None:
        return default
    if type(value) is not int or not least <= value <= most:  # a bool is an int; 1.0 is none
        raise Refusal(f"'{name}' must be an integer from {least} to {most}.", param=name)
    return value


def _number(given: Json, name: str, least: float, most: float) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"'{name}' must be a number.", param=name)
    if not math.isfinite(value) or not least <= value <= most:
        raise Refusal(f"'{name}' must be a number from {least} to {most}.", param=name)
    return float(value)


def _boolean(given: Json, name: str) -> bool:
    value = given.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Refusal(f"'{name}' must be true or false.", param=name)


def _word(given: Json, name: str, words: Sequence[str]) -> str:
    """One of `words`; the first if none is given."""
    value = given.get(name)
    if value is None:
        return words[0]
    if value not in words:
        raise Refusal(f"'{name}' must be one of: {', '.join(words)}.", param=name)
    return value


def _job_id(in_body: object, in_header: str | None) -> str | None:
    """The body's id wins. A header that is no id of ours was put there by a proxy, and names nothing."""
    if in_body is None:
        return in_header if in_header and _JOB_ID.fullmatch(in_header) else None
    if not isinstance(in_body, str) or not _JOB_ID.fullmatch(in_body):
        raise Refusal("'job_id' must be 1 to 128 letters, digits or '._:~-'.", param="job_id")
    return in_body
