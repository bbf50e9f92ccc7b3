"""The pictures of an edit at OpenAI: how they are sent, and what each of them must be.

Source: openai-python 3.52.0 (types/image_edit_params.py) and the OpenAPI file 2.3.0, read 2026-11-21. The parts of a
form are `image` (one) or `image[]` (several), `mask` and `markup`; JSON has `images`, objects with an `image_url`, and
`mask`. A URL is taken unseen: the simulators call nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from simulators.images_api.asked import HOSTED, Asked, Seen, from_data_uri, look_at
from simulators.images_api.openai_rules import USER_ERROR, Refusal

MAX_INPUTS = 16
MAX_BYTES = 50_000_000  # "less than 50MB"
MAX_OVERLAY_BYTES = 4_000_000  # of a mask or a markup
MAX_URL = 20_971_520  # characters
FORMATS = ("PNG", "JPEG", "WEBP")
PARTS = frozenset({"image", "image[]", "mask", "markup"})
MARKED_BY = ("gpt-image-2.5", "gpt-image-2.6")


@dataclass(frozen=True)
class Inputs:
    """What an edit works on: the pictures, and at most one of the two overlays of the first one."""

    images: list[bytes]
    overlays: dict[str, bytes] = field(default_factory=dict[str, bytes])  # mask, markup

    @property
    def every(self) -> list[bytes]:
        return [*self.images, *self.overlays.values()]


def inputs_of(asked: Asked, fields: dict[str, Any]) -> Inputs | Refusal:
    """The input pictures, taken out of the fields."""
    found = _in_form(asked) if asked.form else _in_json(fields)
    if isinstance(found, Refusal):
        return found
    return _unfit(found, "image" if asked.form else "images", str(fields.get("model", ""))) or found


def _in_form(asked: Asked) -> Inputs | Refusal:
    stray = sorted(set(asked.files) - PARTS)
    if stray:
        return Refusal(f"Unknown parameter: '{stray[0]}'.", stray[0], "unknown_parameter")
    overlays: dict[str, bytes] = {}
    for name in sorted({"mask", "markup"} & set(asked.files)):
        overlays[name], *more = asked.sent(name)
        if more:
            return Refusal(f"Invalid type for '{name}': expected a file.", name, "invalid_type")
    return Inputs(asked.sent("image", "image[]"), overlays)


def _in_json(fields: dict[str, Any]) -> Inputs | Refusal:
    mask = fields.pop("mask", None)
    images = _referenced(fields.pop("images", None), "images")
    masks = _referenced([] if mask is None else [mask], "mask")
    if isinstance(images, Refusal) or isinstance(masks, Refusal):
        return images if isinstance(images, Refusal) else cast(Refusal, masks)
    return Inputs(images, {"mask": masks[0]} if masks else {})


def _referenced(references: object, name: str) -> list[bytes] | Refusal:
    """Each is an object with exactly one of `image_url` and `file_id`; there are no files here."""
    if not isinstance(references, list):
        return []
    read_in: list[bytes] = []
    for each in cast("list[object]", references):
        reference = cast("dict[str, object]", each) if isinstance(each, dict) else {}
        url = reference.get("image_url")
        if set(reference) != {"image_url"} or not isinstance(url, str):
            return Refusal(f"Invalid '{name}': expected objects with an image_url.", name, "invalid_value")
        if len(url) > MAX_URL:
            return Refusal(f"Invalid '{name}': string too long.", name, "string_above_max_length")
        content = HOSTED if url.startswith(("http://", "https://")) else from_data_uri(url)
        if content is None:
            return _unreadable()
        read_in.append(content)
    return read_in


def _unfit(found: Inputs, name: str, model: str) -> Refusal | None:
    """What is wrong with the pictures, if anything is."""
    if not found.images:
        return Refusal(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    if len(found.images) > MAX_INPUTS:
        return Refusal(f"Invalid '{name}': array too long.", name, "array_above_max_length")
    if any(content != HOSTED and look_at(content, FORMATS) is None for content in found.images):
        return _unreadable()
    if any(len(content) >= MAX_BYTES for content in found.images):
        return Refusal("Image file too large.", name, "invalid_value", USER_ERROR)
    return _unfit_overlays(found, model)


def _unfit_overlays(found: Inputs, model: str) -> Refusal | None:
    if len(found.overlays) > 1:
        return Refusal("'markup' cannot be used together with 'mask'.", "markup", "invalid_value", USER_ERROR)
    if "markup" in found.overlays and not model.startswith(MARKED_BY):
        return Refusal(f"'markup' is not supported by '{model}'.", "markup", "invalid_value")
    for overlay, content in found.overlays.items():
        wrong = None if content == HOSTED else _unfit_overlay(content, found.images[0])
        if wrong:
            return Refusal(f"The {overlay} {wrong}.", overlay, "invalid_value", USER_ERROR)
    return None


def _unfit_overlay(content: bytes, image: bytes) -> str | None:
    """A mask, like a markup, is a small PNG with transparency, of the size of the first picture."""
    seen = look_at(content, ("PNG",))
    under = look_at(image, FORMATS) if image != HOSTED else None
    rules: dict[str, Callable[[Seen], bool]] = {
        f"must have less than {MAX_OVERLAY_BYTES} bytes": lambda _: len(content) < MAX_OVERLAY_BYTES,
        "must have an alpha channel": lambda seen: seen.alpha,
        "must have the size of the image": lambda seen: under is None or seen.size == under.size,
    }
    if seen is None:
        return "must be a PNG"
    return next((because for because, holds in rules.items() if not holds(seen)), None)


def _unreadable() -> Refusal:
    return Refusal("Invalid image file or mode for image.", None, "invalid_image_file", USER_ERROR)
