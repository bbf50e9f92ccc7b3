"""The part of JSON Schema that Replicate's inputs use, with the words its refusals have.

Source: version API tabs of the models and refusals quoted in issue threads, read 2026-11-21. Unknown keys of an input
are ignored (changelog 2024-05-01 names only the top level), and null is no value of any type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from simulators.json_types import is_of_type
from simulators.replicate.errors import Invalid

Type = Literal["string", "uri", "integer", "number", "boolean", "array"]


@dataclass(frozen=True)
class Field:
    """One field of an input. The items of an array, at most `most` of them, are URIs where `items` says nothing."""

    type: Type
    default: Any = None
    required: bool = False
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    items: Literal["uri", "number"] = "uri"
    most: int | None = None


Input = Mapping[str, Field]


def check(schema: Input, given: Mapping[str, Any]) -> list[Invalid]:
    """Everything that is wrong with an input, in the order of the schema."""
    wrong: list[Invalid] = []
    for name, field in schema.items():
        if name in given:
            wrong += _value(field, name, f"input.{name}", given[name])
        elif field.required:
            wrong.append(Invalid("required", "input", f"{name} is required"))
    return wrong


def filled(schema: Input, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the model sees: the caller's values over the defaults, without unknown keys."""
    return {name: given.get(name, field.default) for name, field in schema.items()}


def _value(field: Field, name: str, path: str, value: object) -> list[Invalid]:
    expected = "string" if field.type == "uri" else field.type
    if not is_of_type(expected, value):
        said = f"Invalid type. Expected: {expected}, given: {_json_type(value)}"
        return [Invalid("invalid_type", path, said)]
    if isinstance(value, list):
        item = Field(field.items)
        listed = cast("list[object]", value)
        if field.most is not None and len(listed) > field.most:
            return [Invalid("array_max_items", path, f"Array must have at most {field.most} items")]
        return [each for place, entry in enumerate(listed) for each in _value(item, name, f"{path}.{place}", entry)]
    return _limits(field, name, path, value)


def _limits(field: Field, name: str, path: str, value: Any) -> list[Invalid]:
    if field.words and value not in field.words:
        words = ", ".join(f'"{word}"' for word in field.words)
        return [Invalid("enum", path, f"{name} must be one of the following: {words}")]
    if field.type == "uri" and not value.startswith(("http://", "https://", "data:")):
        return [Invalid("format", path, "Does not match format 'uri'")]
    if field.low is not None and value < field.low:
        return [Invalid("number_gte", path, f"Must be greater than or equal to {field.low:g}")]
    if field.high is not None and value > field.high:
        return [Invalid("number_lte", path, f"Must be less than or equal to {field.high:g}")]
    return []


def _json_type(value: object) -> str:
    kinds = ("null", "boolean", "integer", "number", "string", "array")
    if value is None:
        return "null"
    return next((kind for kind in kinds[1:] if is_of_type(kind, value)), "object")
