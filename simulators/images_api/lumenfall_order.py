"""What Lumenfall takes in one request, checked as it does; whatever is wrong ends in an error of its form.

Source: Lumenfall's docs on errors, edits and upscaling, and its page "Qwen Image API", read 2026-11-21.
"""

import difflib
import uuid
from dataclasses import dataclass
from typing import Any

from simulators.drawing import Format, as_format
from simulators.front import json_answer
from simulators.images_api.asked import Asked, picture_size
from simulators.images_api.lumenfall_models import MODELS, UPSCALE, Model, find, sized

MAX_AVIF_SIDE = 1600
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")  # of input pictures

_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("INVALID_REQUEST", "invalid_request_error", "Invalid request"),
    401: ("AUTHENTICATION_FAILED", "authentication_error", "Invalid API key"),
    402: ("INSUFFICIENT_BALANCE", "insufficient_quota", "Insufficient balance"),
    404: ("MODEL_NOT_FOUND", "invalid_request_error", "Model not found"),
    429: ("RATE_LIMITED", "rate_limit_error", "Rate limit exceeded"),
    502: ("ALL_PROVIDERS_EXHAUSTED", "upstream_error", "All providers failed"),
}


class Refused(Exception):
    """A request that ends in an error of Lumenfall's form."""

    def __init__(self, status: int, message: str | None = None, code: str | None = None) -> None:
        super().__init__(status)
        usual, kind, text = _ERRORS.get(status, ("UPSTREAM_ERROR", "upstream_error", "The provider failed"))
        told = {"message": message or text, "type": kind, "code": code or usual}
        self.answer = json_answer({"error": told}, status, {"X-Lumenfall-Request-Id": new_id()})


@dataclass(frozen=True)
class Order:
    """What was asked, checked."""

    model: Model
    provider: str
    prompt: str
    count: int
    size: tuple[int, int]
    output_format: Format
    compression: int
    as_url: bool
    seed: int | None
    inputs: list[bytes]


def order_of(asked: Asked, mode: str) -> Order:
    """Raises `Refused`."""
    fields = asked.fields
    if mode == "image-edit" and not asked.form:
        raise Refused(400, "Edits are sent as multipart/form-data")
    name, prompt = fields.get("model"), fields.get("prompt")
    if not isinstance(name, str) or not name:
        raise Refused(400, "model is required")
    found = find(name)
    if found is None:
        near = difflib.get_close_matches(name, MODELS, n=1)
        raise Refused(404, f"Model '{name}' not found." + (f" Did you mean '{near[0]}'?" if near else ""))
    model, provider = found
    if mode == "image-edit" and ("scale_factor" in fields or model.modes == UPSCALE):
        mode = "upscale"
    if mode not in model.modes:
        supported = ", ".join(model.modes)
        raise Refused(400, f"Model '{name}' does not support {mode}. Supported modes: {supported}")
    if mode != "upscale" and (not isinstance(prompt, str) or not prompt):
        raise Refused(400, "prompt is required")
    inputs = [] if mode == "text-to-image" else _inputs(asked)
    size = _upscaled(asked, model, inputs) if mode == "upscale" else _size(fields)
    return Order(
        model=model,
        provider=provider,
        prompt=prompt if isinstance(prompt, str) else "",
        count=_whole(asked, "n", 1, 10) or 1,
        size=size,
        output_format=_format(fields, size),
        compression=_whole(asked, "output_compression", 0, 100) or 90,
        as_url=_word(fields, "response_format", ("url", "b64_json")) != "b64_json",
        seed=_whole(asked, "seed", 0, 2**63),
        inputs=inputs,
    )


def _size(fields: dict[str, Any]) -> tuple[int, int]:
    found = sized(fields.get("size"), fields.get("aspect_ratio"))
    if found is None:
        raise Refused(400, "size is WxH or W:H, with sides of 1 to 14142")
    return found


def _upscaled(asked: Asked, model: Model, inputs: list[bytes]) -> tuple[int, int]:
    """The one picture's size times the factor."""
    if len(inputs) != 1:
        raise Refused(400, "an upscaler takes a single image per request")
    told = asked.fields.get("scale_factor")
    try:
        factor = model.scaled(None if told is None else float(told))
    except (TypeError, ValueError):
        factor = None
    if factor is None:
        raise Refused(400, f"scale_factor is not one that {model.id} takes")
    width, height = picture_size(inputs[0], FORMATS) or (1, 1)
    return round(width * factor), round(height * factor)


def _format(fields: dict[str, Any], size: tuple[int, int]) -> Format:
    asked = as_format(_word(fields, "output_format", ("png", "jpeg", "gif", "webp", "avif")) or "png") or "png"
    if asked == "avif" and max(size) > MAX_AVIF_SIDE:
        raise Refused(400, f"AVIF conversion takes at most {MAX_AVIF_SIDE} pixels a side")
    return asked


def _inputs(asked: Asked) -> list[bytes]:
    images = asked.sent("image", "image[]")
    if not images:
        raise Refused(400, "image is required")
    masks = asked.sent("mask")
    if any(picture_size(content, FORMATS) is None for content in images):
        raise Refused(400, "image could not be read")
    if any(picture_size(mask, ("PNG",)) != picture_size(images[0], FORMATS) for mask in masks):
        raise Refused(400, "mask must be a PNG with the dimensions of the image")
    return [*images, *masks]


def _whole(asked: Asked, name: str, low: int, high: int) -> int | None:
    value = asked.fields.get(name)
    if asked.form and isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Refused(400, f"{name} is a whole number from {low} to {high}")
    return value


def _word(fields: dict[str, Any], name: str, words: tuple[str, ...]) -> str | None:
    value = fields.get(name)
    if value is not None and value not in words:
        raise Refused(400, f"{name} is one of {', '.join(words)}")
    return value


def new_id() -> str:
    return f"req_{uuid.uuid4().hex}"
