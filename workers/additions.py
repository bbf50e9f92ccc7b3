"""What a request adds to its prompt: LoRAs, and pictures that ControlNets look at."""

import hashlib
from collections.abc import Sequence

import pybase64

from workers.engine import Control, Model
from workers.errors import Refusal
from workers.fields import Json, known_keys, listed, number
from workers.inputs import decoded
from workers.loras.resolver import AskedLora

MOST_WEIGHT = 4.0  # of a LoRA or a ControlNet, on either side of 0
_LORA = ("model", "weight")
_CONTROL = ("model", "image", "weight", "start", "end")
MOST_CONTROLS = 4


def asked_loras(given: Json, model: Model) -> tuple[AskedLora, ...]:
    """From `[{"model": "fox.safetensors", "weight": 0.8}]`. Raises `Refusal`."""
    return tuple(_lora(entry) for entry in listed(given, "loras", model.most_loras))


def controls(given: Json, model: Model, size: tuple[int, int]) -> tuple[Control, ...]:
    """From `[{"model", "image", "weight", "start", "end"}]`, with pictures of about the drawing's size.

    Decodes pictures: not for the event loop. Raises `Refusal`.
    """
    return tuple(_control(entry, model, size) for entry in listed(given, "control_nets", MOST_CONTROLS))


def _lora(entry: object) -> AskedLora:
    told = known_keys(entry, "loras", _LORA)
    source = told.get("model")
    if not isinstance(source, str):
        raise Refusal("Each of 'loras' needs a 'model': where the LoRA is.", param="loras")
    return AskedLora(source, _or(number(told, "weight", -MOST_WEIGHT, MOST_WEIGHT, param="loras"), 1.0))


def _control(entry: object, model: Model, size: tuple[int, int]) -> Control:
    told = known_keys(entry, "control_nets", _CONTROL)
    _known(told.get("model"), model.control_models)
    image = told.get("image")
    if not isinstance(image, str):
        raise Refusal("Each of 'control_nets' needs an 'image', as base64 or a data URI.", param="control_nets")
    start = _or(number(told, "start", 0, 1, param="control_nets"), 0.0)
    end = _or(number(told, "end", 0, 1, param="control_nets"), 1.0)
    if start >= end:
        raise Refusal("A ControlNet's 'start' must be before its 'end'.", param="control_nets")
    content = _bytes(image)
    return Control(
        model=told["model"],
        image=decoded(content, "control_nets", max(size)).convert("RGB"),
        weight=_or(number(told, "weight", -MOST_WEIGHT, MOST_WEIGHT, param="control_nets"), 1.0),
        start=start,
        end=end,
        digest=hashlib.blake2b(content, digest_size=16).digest(),
    )


def _known(asked: object, models: Sequence[str]) -> None:
    if asked not in models:
        raise Refusal(f"The 'model' of a ControlNet must be one of: {', '.join(models)}.", param="control_nets")


def _bytes(text: str) -> bytes:
    encoded = text.partition(";base64,")[2] if text.startswith("data:") else text
    try:
        return pybase64.b64decode(encoded, validate=True)
    except ValueError:  # binascii.Error is one; also text that is not ASCII
        raise Refusal("A ControlNet's 'image' is no base64.", param="control_nets") from None


def _or(value: float | None, usual: float) -> float:
    return usual if value is None else value
