"""One field of a request: of the right type and within its limits, or a `Refusal` that names it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from workers.errors import Refusal

Json = Mapping[str, Any]

LONGEST_PROMPT = 32_000  # characters; OpenAI's limit for its image models


def integer(given: Json, name: str, least: int, most: int, *, default: int | None) -> int | None:
    value = given.get(name)
    if value is None:
        return default
    if type(value) is not int or not least <= value <= most:  # a bool is an int; 1.0 is none
        raise Refusal(f"'{name}' must be an integer from {least} to {most}.", param=name)
    return value


def number(given: Json, name: str, least: float, most: float, *, param: str | None = None) -> float | None:
    """`param` is what the error names, where the field is one of an object's."""
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(f"'{name}' must be a number.", param=param or name)
    if not math.isfinite(value) or not least <= value <= most:
        raise Refusal(f"'{name}' must be a number from {least} to {most}.", param=param or name)
    return float(value)


def boolean(given: Json, name: str) -> bool:
    value = given.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Refusal(f"'{name}' must be true or false.", param=name)


def word(given: Json, name: str, words: Sequence[str]) -> str | None:
    """One of `words`; None if none is given."""
    value = given.get(name)
    if value is None:
        return None
    if value not in words:
        raise Refusal(f"'{name}' must be one of: {', '.join(words)}.", param=name)
    return value


def text(given: Json, name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal(f"'{name}' must be a string.", param=name)
    return checked_text(name, value)


def prompt(given: Json) -> str:
    value = given.get("prompt")
    if value is None:
        raise Refusal("'prompt' is required.", param="prompt", code="missing_required_parameter")
    if not isinstance(value, str) or not value.strip():
        raise Refusal("'prompt' must be a string with something in it.", param="prompt")
    return checked_text("prompt", value)


def checked_text(name: str, value: str) -> str:
    if len(value) > LONGEST_PROMPT:
        raise Refusal(f"'{name}' may have {LONGEST_PROMPT} characters.", param=name)
    if "\0" in value:
        raise Refusal(f"'{name}' may not hold NUL characters.", param=name)
    return value


def listed(given: Json, name: str, most: int) -> list[Any]:
    """At most so many; empty if none is given."""
    value = given.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:  # pyright: ignore[reportUnknownArgumentType] - JSON
        raise Refusal(f"'{name}' must be a list of at most {most}.", param=name)
    return value  # pyright: ignore[reportUnknownVariableType] - JSON; its entries are checked by who asked


def known_keys(entry: object, param: str, keys: Sequence[str]) -> Json:
    """An object that has no other keys."""
    if not isinstance(entry, dict) or not set(entry) <= set(keys):  # pyright: ignore[reportUnknownArgumentType] - JSON
        raise Refusal(f"'{param}' is written with: {', '.join(keys)}.", param=param)
    return entry  # pyright: ignore[reportUnknownVariableType] - JSON; every value is checked by who asked
