"""The request as it comes in: checked field by field, and from here on a `Commission`."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Literal

import orjson
from PIL import Image

from workers.additions import asked_loras, controls
from workers.engine import SEEDS, Acceleration, Drawing, Lora, Model
from workers.errors import Refusal
from workers.fields import Json, boolean, integer, listed, number, prompt, text, word
from workers.form import Form
from workers.form_values import typed
from workers.inputs import images_of, size_of, source_of
from workers.loras.resolver import AskedLora
from workers.outpaint import Edges, edges
from workers.sizes import asked_size, fitting, legal

MOST_IMAGES = 10
FORMATS = ("png", "jpeg", "webp")
_JOB_ID = re.compile(r"[A-Za-z0-9._:~-]{1,128}")
_ALWAYS = frozenset(
    {"prompt", "model", "n", "size", "width", "height", "response_format", "output_format", "output_compression"}
)
_DELIVERY = frozenset({"stream", "partial_images", "job_id"})
_FOR_EDITS = frozenset({"strength", "outpaint"})
_WITH_MASKS: frozenset[str] = frozenset({"outpaint"})  # what is added is what a mask would mark
_FROM_TEXT = frozenset({"control_nets"})  # guides what is drawn from text; an edit has its picture
_NOTHING: frozenset[str] = frozenset()
_NO_ACCELERATION: Acceleration = "none"
_NO_PICTURE = Image.new("L", (1, 1))


@dataclass(frozen=True, slots=True)
class Commission:
    """What one request asks for: `images` pictures, alike but for their seeds.

    `loras` are as the caller named them; the drawing has none until they are found (`with_loras`).
    """

    drawing: Drawing  # with the seed of the first picture, 0 if none was asked
    images: int
    seeded: bool
    output_format: str
    quality: int  # 0–100, of jpeg and webp
    stream: bool
    partial_images: int
    job_id: str | None
    loras: tuple[AskedLora, ...] = ()
    own_seeds: tuple[int, ...] = ()  # one for each picture, where the caller gave a list

    @property
    def size(self) -> str:
        return f"{self.drawing.width}x{self.drawing.height}"

    def seeds(self, first: int) -> list[int]:
        """Counted on from the first one, unless the caller gave each."""
        return list(self.own_seeds) or [(first + number) % SEEDS for number in range(self.images)]

    @property
    def kind(self) -> Literal["image_generation", "image_edit"]:
        """How OpenAI names the events of its stream."""
        return "image_edit" if self.drawing.source else "image_generation"

    def fingerprint(self) -> bytes:
        """Equal for requests that one job may answer; how the answer is delivered does not matter."""
        drawing = astuple(replace(self.drawing, source=None, controls=()))
        pictures = (self.drawing.source, self.drawing.controls)
        told = repr((drawing, pictures, self.images, self.seeded, self.own_seeds, self.output_format, self.quality))
        return hashlib.blake2b(told.encode(), digest_size=16).digest()

    def with_loras(self, found: tuple[Lora, ...]) -> "Commission":
        return replace(self, drawing=replace(self.drawing, loras=found))

    def without_pictures(self) -> "Commission":
        """What is remembered of it when it is done: its source no longer holds the pictures."""
        source = self.drawing.source
        kept = replace(source, images=(), mask=None) if source else None
        guides = tuple(replace(control, image=_NO_PICTURE) for control in self.drawing.controls)
        return replace(self, drawing=replace(self.drawing, source=kept, controls=guides))


def commission(body: bytes, models: Sequence[Model], header_id: str | None) -> Commission:
    """Reads a generation request; for ControlNets it decodes pictures. Raises `Refusal` (400, 404) naming the field."""
    given = _object(body)
    model = _model(given.get("model"), models)
    _know_all(given, model, model.parameters - _FOR_EDITS)
    size = asked_size(given, model) or model.default_size
    made = _commission(given, model, size, header_id)
    guides = controls(given, model, size)
    return replace(made, drawing=replace(made.drawing, controls=guides)) if guides else made


def edit(given_as: Form, models: Sequence[Model], header_id: str | None) -> Commission:
    """Reads an edit and decodes its pictures: not for the event loop. Raises `Refusal` as `commission` does."""
    given = typed(given_as)
    model = _model(given.get("model"), models)
    if not model.most_images:
        raise Refusal(f"'{model.id}' draws from text alone.", param="image")
    images, masks = images_of(given_as, model), given_as.files.get("mask", [])
    _know_all(given, model, model.parameters - _FROM_TEXT | (_WITH_MASKS if model.masks else _NOTHING))
    if masks and not model.masks:
        raise Refusal(f"'{model.id}' takes no mask.", param="mask")
    added = edges(given)
    size = _size_of_edit(given, model, size_of(images[0], "image"), added)
    made = _commission(given, model, size, header_id)
    longest = max(*size, 2 * max(model.default_size))  # references are looked at in a scale of their own
    source = source_of(images, masks, longest, number(given, "strength", 0, 1), added)
    return replace(made, drawing=replace(made.drawing, source=source))


def _size_of_edit(given: Json, model: Model, picture: tuple[int, int], added: Edges | None) -> tuple[int, int]:
    """As asked, else that of the picture; one that is extended becomes as large as it then is, or is refused."""
    asked = asked_size(given, model)
    if added is None:
        return asked or fitting(picture, model)
    size = added.around(picture)
    if not legal(size, model) or asked not in (None, size):
        raise Refusal(f"'outpaint' makes the picture {size[0]}x{size[1]}, which is not drawn.", param="outpaint")
    return size


def _know_all(given: Json, model: Model, parameters: frozenset[str]) -> None:
    for name in given:
        if name not in _ALWAYS | _DELIVERY | parameters:
            message = f"Unknown parameter: '{name[:64]}'."
            if name in model.parameters:
                message = f"'{name}' is not for {'edits' if name in _FROM_TEXT else 'pictures drawn from text alone'}."
            raise Refusal(message, param=name[:64], code="unknown_parameter")


def _commission(given: Json, model: Model, size: tuple[int, int], header_id: str | None) -> Commission:
    images = integer(given, "n", 1, MOST_IMAGES, default=1) or 1
    seed, own_seeds = _seeds(given, images)
    word(given, "response_format", ("b64_json",))
    output_format = word(given, "output_format", FORMATS) or FORMATS[0]
    compression = integer(given, "output_compression", 0, 100, default=None)
    if compression is not None and output_format == "png" and compression != 100:
        raise Refusal("'output_compression' works with jpeg and webp.", param="output_compression")
    stream = boolean(given, "stream")
    partial_images = integer(given, "partial_images", 0, 3, default=0) or 0
    if partial_images and not stream:
        raise Refusal("'partial_images' needs 'stream': true.", param="partial_images")
    drawing = Drawing(
        model=model.id,
        prompt=prompt(given),
        width=size[0],
        height=size[1],
        seed=seed or 0,
        steps=integer(given, "num_inference_steps", 1, model.most_steps, default=None) or model.default_steps,
        negative_prompt=text(given, "negative_prompt"),
        cfg_scale=number(given, "cfg_scale", 0, 100),
        guidance=number(given, "guidance", 0, 100),
        scheduler=word(given, "scheduler", model.schedulers),
        acceleration=_acceleration(given, model),
    )
    return Commission(
        drawing=drawing,
        images=images,
        seeded=seed is not None,
        output_format=output_format,
        quality=100 if compression is None else compression,
        stream=stream,
        partial_images=partial_images,
        job_id=_job_id(given.get("job_id"), header_id),
        loras=asked_loras(given, model),
        own_seeds=own_seeds,
    )


def _seeds(given: Json, images: int) -> tuple[int | None, tuple[int, ...]]:
    """The first one, and all of them where each picture has one of its own."""
    if not isinstance(given.get("seed"), list):
        return integer(given, "seed", 0, SEEDS - 1, default=None), ()
    each = listed(given, "seed", images)
    own = tuple(seed for seed in each if integer({"seed": seed}, "seed", 0, SEEDS - 1, default=None) is not None)
    if len(own) < images:
        raise Refusal(f"'seed' must be one integer, or a list of {images}: one for each picture.", param="seed")
    return own[0], own


def _acceleration(given: Json, model: Model) -> Acceleration:
    levels: dict[str, Acceleration] = {"none": _NO_ACCELERATION, **{each: each for each in model.accelerations}}
    return levels[word(given, "acceleration", list(levels)) or _NO_ACCELERATION]


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


def _job_id(in_body: object, in_header: str | None) -> str | None:
    """The body's id wins. A header that is no id of ours was put there by a proxy, and names nothing."""
    if in_body is None:
        return in_header if in_header and _JOB_ID.fullmatch(in_header) else None
    if not isinstance(in_body, str) or not _JOB_ID.fullmatch(in_body):
        raise Refusal("'job_id' must be 1 to 128 letters, digits or '._:~-'.", param="job_id")
    return in_body
