"""What a form's text means: forms know no numbers, so each field is read as its parameter's type."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import orjson

from gateway.api.body import MAX_COMMAS
from normalizers.aliases import PAIR_MEANS, PAIRS, SPELLINGS, inverse_switch, switch
from normalizers.checks import Type
from normalizers.parameters import PARAMETERS

PICTURES = frozenset({"image", "mask", "markup"})
MAX_JSON = 1024 * 1024  # characters of a text that is read as JSON

# The fields within `loras`, `control_nets` and `outpaint` that are not text.
INNER: dict[str, Type] = {
    "scale": "number",
    "weight": "number",
    "lora_scale": "number",
    "start": "number",
    "end": "number",
    "top": "integer",
    "right": "integer",
    "bottom": "integer",
    "left": "integer",
}

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


def meaning(name: str) -> str | None:
    """The canonical parameter that a field's name stands for, if it is known without looking at an offer."""
    if name in PARAMETERS or name in PICTURES:
        return name
    if name in PAIRS:
        return PAIR_MEANS[PAIRS[name]]
    return SPELLINGS[name].names[0] if name in SPELLINGS else None


def type_of(name: str, *, inner: bool = False) -> Type | None:
    """The type that a field's text is read as; None for what nobody knows here, which stays text."""
    if inner and name in INNER:
        return INNER[name]
    if name in PAIRS:
        return "integer" if PAIR_MEANS[PAIRS[name]] == "size" else INNER.get(name)
    if name in SPELLINGS and SPELLINGS[name].read in (switch, inverse_switch):
        return "boolean"
    known = PARAMETERS.get(meaning(name) or "")
    return known.type if known else None


def typed(fields: Mapping[str, Any], kinds: Mapping[str, Type], slugs: Collection[str] = ()) -> dict[str, Any]:
    """A form's fields once the model is known: a provider's own field has its own type, as in `fal[use_turbo]`.

    `slugs` are the names of providers' objects.
    """
    return {name: typed_one(name, value, kinds, slugs) for name, value in fields.items()}


def typed_one(name: str, value: Any, kinds: Mapping[str, Type], slugs: Collection[str]) -> Any:
    if isinstance(value, str) and name in kinds:
        return read_text(value, kinds[name])
    return typed(cast("dict[str, Any]", value), kinds) if name in slugs and isinstance(value, dict) else value


def read_text(text: str, kind: Type | None) -> Any:
    """The value; text that is none of that kind stays text, for the check that names the parameter and what works."""
    if not text:
        return None  # a field that was left empty
    if kind is None or kind == "string":
        return text
    return None if text == "null" else READERS[kind](text)


def read_integer(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def read_number(text: str) -> float | str:
    return float(text) if not _INTEGER.fullmatch(text) and _NUMBER.fullmatch(text) else read_integer(text)


def read_boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


def read_json_text(text: str) -> Any:
    """An object or a list that a client wrote as JSON into a form."""
    if text[0] not in "{[" or len(text) > MAX_JSON or text.count(",") > MAX_COMMAS:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


READERS: dict[Type, Callable[[str], Any]] = {
    "integer": read_integer,
    "number": read_number,
    "boolean": read_boolean,
    "object": read_json_text,
    "array": read_json_text,
    "any": read_json_text,
}
