"""A request as the caller wrote it, checked for what no provider could mend."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from normalizers.errors import BadValue
from normalizers.parameters import MAX_PROMPT

MAX_NAME = 100  # characters of a field's name; the longest documented one has 28
MAX_DEPTH = 32  # levels within a field's value
INT64_LOW, UINT64_HIGH = -(2**63), 2**64 - 1  # what every JSON reader keeps exact

ResponseFormat = Literal["url", "b64_json", "both"]


@dataclass(frozen=True, slots=True)
class Asked:
    """`fields` holds every body field but `model`, in the caller's order and spelling.

    `filled` are parameters that the route itself brings: a variation has no prompt, and every provider wants one.
    """

    model: str
    fields: Mapping[str, Any]
    filled: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Options:
    """What holds around a request: the response format when the caller names none, storage, strictness."""

    response_format: ResponseFormat = "url"
    keep: bool = True
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the whole catalog knows: native fields and the providers that have them; the providers' slugs."""

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    slugs: frozenset[str] = frozenset()


def read_asked(body: Any, *, prompt_needed: bool = True) -> Asked:
    """From parsed JSON. Raises BadValue naming the parameter."""
    if not isinstance(body, dict):
        raise BadValue("body", 'must be a JSON object such as {"model": "qwen-image", "prompt": "a fox"}')
    fields: dict[str, Any] = {str(name): value for name, value in body.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    model = fields.pop("model", None)
    if not isinstance(model, str) or not model.strip():
        wrong = "is required" if model is None else "must be a string, and must not be empty"
        raise BadValue("model", f"{wrong}; GET /v1/models lists what there is")
    for name, value in fields.items():
        check_name(name, "body")
        check_value(name, value)
    if prompt_needed and not fields.get("prompt"):
        missing = "is required" if "prompt" not in fields else "must not be empty"
        raise BadValue("prompt", f"{missing}; describe the picture in words")
    return Asked(model.strip(), fields)


def check_name(name: str, param: str) -> None:
    """A field's name comes back in rows and errors, so it must be one that can be shown."""
    if not name.isprintable() or not 1 <= len(name) <= MAX_NAME:
        raise BadValue(param, f"a field's name must have 1 to {MAX_NAME} printable characters")


def check_value(name: str, value: Any) -> None:
    """What JSON can say but no provider can be sent: numbers out of range, text that is none, deep nests."""
    if isinstance(value, str):
        check_text(name, value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadValue(name, "holds a number that is not finite; JSON has no NaN and no infinity")
    elif isinstance(value, int):
        if not INT64_LOW <= value <= UINT64_HIGH:
            raise BadValue(name, "holds an integer of more than 64 bits")
    elif isinstance(value, (dict, list)):
        check_nest(name, cast("dict[Any, Any] | list[Any]", value))


def check_nest(name: str, value: dict[Any, Any] | list[Any]) -> None:
    """Level by level, so that no depth of a caller's makes us recurse."""
    level: list[Any] = [value]
    for _depth in range(MAX_DEPTH):
        below: list[Any] = []
        for entry in level:
            if isinstance(entry, dict):
                inner = cast("dict[Any, Any]", entry)
                below += inner.keys()
                below += inner.values()
            elif isinstance(entry, list):
                below += cast("list[Any]", entry)
            else:
                check_value(name, entry)
        level = below
        if not level:
            return
    raise BadValue(name, f"is nested more than {MAX_DEPTH} levels deep")


def check_text(name: str, value: str) -> None:
    """Text that would not survive the way to a provider, or that no provider takes."""
    if "\x00" in value:
        raise BadValue(name, "holds a NUL character; send text without it")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as wrong:
            raise BadValue(name, "holds half of a surrogate pair; send whole Unicode characters") from wrong
    if name in {"prompt", "negative_prompt"} and len(value) > MAX_PROMPT:
        raise BadValue(name, f"is {len(value)} characters long; at most {MAX_PROMPT} are allowed")
