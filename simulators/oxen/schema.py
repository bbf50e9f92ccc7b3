"""The part of JSON Schema that Oxen's models are described with, and what is said of a value outside it.

Source: Oxen docs, Models (`request_schema`: type, default, enum, minimum, maximum, maxItems), read 2026-11-21.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from simulators.json_types import is_of_type

Type = Literal["string", "integer", "number", "boolean", "array"]


@dataclass(frozen=True)
class Field:
    """One field of a model. The items of an array are strings; `picture` marks a field that takes URLs of pictures."""

    type: Type = "string"
    default: Any = None
    required: bool = False
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    picture: bool = False

    def schema(self) -> dict[str, Any]:
        """As the models endpoint tells it."""
        told: dict[str, Any] = {"type": self.type}
        if self.default is not None:
            told["default"] = self.default
        if self.words:
            told["enum"] = list(self.words)
        if self.low is not None:
            told["minimum"] = self.low
        if self.high is not None:
            told["maximum"] = self.high
        if self.type == "array":
            told["items"] = {"type": "string"}
        return told


Fields = Mapping[str, Field]


def request_schema(fields: Fields) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: field.schema() for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
    }


def complaint(fields: Fields, given: Mapping[str, Any]) -> str | None:
    """The first mistake, in one sentence; None for parameters that the model takes.

    Whether Oxen refuses fields that a model does not have is not documented. They are refused here: what is sent must
    be in the model's table.
    """
    for name, field in fields.items():
        if field.required and name not in given:
            return f"{name} is required"
    for name, value in given.items():
        field = fields.get(name)
        wrong = "is not supported by this model" if field is None else _wrong(field, value)
        if wrong:
            return f"{name} {wrong}"
    return "Prompt cannot be empty" if not given.get("prompt", "something") else None


def filled(fields: Fields, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the model sees: the caller's values over the defaults."""
    return {name: given.get(name, field.default) for name, field in fields.items()}


def _wrong(field: Field, value: object) -> str | None:
    if not is_of_type(field.type, value):
        return f"must be of type {field.type}"
    if isinstance(value, list):
        listed = cast("list[object]", value)
        if not listed and field.required:
            return "must not be empty"
        return None if all(isinstance(item, str) for item in listed) else "must hold strings"
    if field.words and value not in field.words:
        return f"must be one of {', '.join(field.words)}"
    return _beyond(field, value) if isinstance(value, (int, float)) else None


def _beyond(field: Field, value: float) -> str | None:
    if field.low is not None and value < field.low:
        return f"must be at least {field.low:g}"
    if field.high is not None and value > field.high:
        return f"must be at most {field.high:g}"
    return None
