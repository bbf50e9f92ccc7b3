"""What OpenAI's images API takes, field by field and model by model; everything else is refused.

Source: openai-python 3.52.0 type files and the OpenAPI file 2.3.0; error words from reported bodies; read 2026-11-21.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.images_api.asked import Asked, pixels

USER_ERROR = "image_generation_user_error"

_FREE_SIZES = (
    "gpt-image-2",
    "gpt-image-2-2026-04-21",
    "gpt-image-2.5-sunburst",
    "gpt-image-2.5-sunburst-2026-09-08",
    "gpt-image-2.5-flare",
    "gpt-image-2.5-flare-2026-09-08",
    "gpt-image-2.6-sunburst",
    "gpt-image-2.6-flare",
)
MODELS = (*_FREE_SIZES, "gpt-image-1.5", "gpt-image-1-mini", "chatgpt-image-latest")
FIXED_SIZES = ("1024x1024", "1024x1536", "1536x1024", "auto")
MAX_PROMPT = 32_000
MAX_EDGE = 3840
MIN_PIXELS, MAX_PIXELS = 655_360, 8_294_400


@dataclass(frozen=True)
class Refusal:
    """One 400: OpenAI tells the first mistake only."""

    message: str
    param: str | None
    code: str
    kind: str = "invalid_request_error"


Check = Callable[[str, Any, str], Refusal | None]  # field, value, model


def _enum(*words: str) -> Check:
    def check(name: str, value: Any, model: str) -> Refusal | None:
        del model
        return None if value in words and isinstance(value, str) else wrong_value(name, value, words)

    return check


def _whole(low: int, high: int) -> Check:
    def check(name: str, value: Any, model: str) -> Refusal | None:
        del model
        if isinstance(value, bool) or not isinstance(value, int):
            return _wrong_type(name, value, "an integer")
        if value < low:
            text = f"integer below minimum value. Expected a value >= {low}, but got {value} instead."
            return Refusal(f"Invalid '{name}': {text}", name, "integer_below_min_value")
        if value > high:
            text = f"integer above maximum value. Expected a value <= {high}, but got {value} instead."
            return Refusal(f"Invalid '{name}': {text}", name, "integer_above_max_value")
        return None

    return check


def _text(longest: int | None = None) -> Check:
    def check(name: str, value: Any, model: str) -> Refusal | None:
        del model
        if not isinstance(value, str):
            return _wrong_type(name, value, "a string")
        if longest is not None and len(value) > longest:
            text = f"string too long. Expected a string with maximum length {longest}."
            return Refusal(f"Invalid '{name}': {text}", name, "string_above_max_length")
        return None

    return check


def _boolean(name: str, value: Any, model: str) -> Refusal | None:
    del model
    return None if isinstance(value, bool) else _wrong_type(name, value, "a boolean")


def _size(name: str, value: Any, model: str) -> Refusal | None:
    if not isinstance(value, str):
        return _wrong_type(name, value, "a string")
    if model not in _FREE_SIZES:
        return None if value in FIXED_SIZES else wrong_value(name, value, FIXED_SIZES)
    asked = (1024, 1024) if value == "auto" else pixels(value)
    if asked is None:
        return wrong_value(name, value, ("auto", "WIDTHxHEIGHT"))
    because = _unfit(*asked)
    if because:
        return Refusal(f"Invalid size '{value}': {because}.", "size", "invalid_value", USER_ERROR)
    return None


def _unfit(width: int, height: int) -> str | None:
    """The rule of free sizes that these pixels break."""
    rules = {
        "width and height must both be divisible by 16": 0 in (width, height) or width % 16 or height % 16,
        f"the longest edge must be at most {MAX_EDGE} pixels": max(width, height) > MAX_EDGE,
        "the aspect ratio must be between 1:3 and 3:1": max(width, height) > 3 * min(width, height),
        f"the total pixels must be between {MIN_PIXELS} and {MAX_PIXELS}": not (
            MIN_PIXELS <= width * height <= MAX_PIXELS
        ),
    }
    return next((because for because, broken in rules.items() if broken), None)


def _quality(name: str, value: Any, model: str) -> Refusal | None:
    newer = ("xhigh", "max") if model.startswith(("gpt-image-2.5", "gpt-image-2.6")) else ()
    return _enum("low", "medium", "high", "auto", *newer)(name, value, model)


def _fidelity(name: str, value: Any, model: str) -> Refusal | None:
    if model in _FREE_SIZES:
        return Refusal(f"'{name}' is not supported by '{model}'.", name, "invalid_input_fidelity_model")
    return _enum("low", *(() if model == "gpt-image-1-mini" else ("high",)))(name, value, model)


_BOTH: dict[str, Check] = {
    "prompt": _text(MAX_PROMPT),
    "model": _text(),
    "n": _whole(1, 10),
    "size": _size,
    "quality": _quality,
    "background": _enum("transparent", "opaque", "auto"),
    "output_format": _enum("png", "jpeg", "webp"),  # gif and svg need access that this account has not
    "output_compression": _whole(0, 100),
    "complexity": _enum("low", "medium", "high"),
    "stream": _boolean,
    "partial_images": _whole(0, 3),
    "user": _text(),
    "safety_identifier": _text(),
}
GENERATE: dict[str, Check] = {**_BOTH, "moderation": _enum("low", "auto")}
EDIT_FORM: dict[str, Check] = {**_BOTH, "input_fidelity": _fidelity}
EDIT_JSON: dict[str, Check] = {**EDIT_FORM, "moderation": _enum("low", "auto")}
_NUMBERS = ("n", "output_compression", "partial_images")


def given(asked: Asked) -> dict[str, Any]:
    """The fields with null left out (it means absent, save for `user`), and a form's text read as what it says."""
    fields = {name: value for name, value in asked.fields.items() if value is not None or name == "user"}
    if asked.form:
        for name in _NUMBERS:
            text = str(fields.get(name, ""))
            if text.lstrip("-").isdecimal():
                fields[name] = int(text)
        if fields.get("stream") in ("true", "false"):
            fields["stream"] = fields["stream"] == "true"
    return fields


def refusal(fields: dict[str, Any], checks: dict[str, Check]) -> Refusal | None:
    """The first thing that is wrong, if anything is."""
    for needed in ("model", "prompt"):
        if not fields.get(needed):
            return Refusal(f"Missing required parameter: '{needed}'.", needed, "missing_required_parameter")
    for name, value in fields.items():
        if name not in checks:
            return Refusal(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
        wrong = checks[name](name, value, str(fields["model"]))
        if wrong:
            return wrong
    return _at_odds(fields)


def _at_odds(fields: dict[str, Any]) -> Refusal | None:
    """Fields that are right, but not together. No stream of several pictures is documented; the words are reported."""
    output_format = fields.get("output_format", "png")
    if fields.get("background") == "transparent" and output_format == "jpeg":
        return Refusal("Transparent background needs png or webp.", "background", "invalid_value", USER_ERROR)
    if output_format == "png" and fields.get("output_compression", 100) != 100:
        text = "Compression less than 100 is not supported for PNG output format."
        return Refusal(text, "output_compression", "invalid_value", USER_ERROR)
    if fields.get("stream") and fields.get("n", 1) != 1:
        return Refusal("Streaming is only supported with n=1.", "input", "unsupported_parameter", USER_ERROR)
    return None


def wrong_value(name: str, value: object, words: tuple[str, ...]) -> Refusal:
    *most, last = (f"'{word}'" for word in words)
    supported = f"{', '.join(most)}, and {last}" if most else last
    return Refusal(f"Invalid value: '{value}'. Supported values are: {supported}.", name, "invalid_value")


def _wrong_type(name: str, value: object, wanted: str) -> Refusal:
    got = type(value).__name__
    return Refusal(f"Invalid type for '{name}': expected {wanted}, but got {got} instead.", name, "invalid_type")
