"""Converters: from our form of a value to a provider's. A table names one by its key in `CONVERTERS`."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from normalizers.checks import Check, is_type, make_check
from normalizers.convert_guides import guides
from normalizers.convert_loras import (
    air_loras,
    model_and_weight,
    path_and_multiplier,
    read_air,
    read_loras,
    single_lora,
    urn_loras,
    weights_and_scales,
)
from normalizers.convert_messages import picture_message, user_message
from normalizers.convert_pictures import mask, picture, pictures
from normalizers.convert_samplers import sampler_and_schedule
from normalizers.errors import CannotConvert
from normalizers.source import Source

Converter = Callable[[Any, Mapping[str, Any]], Any]

CONTROL_FIELDS = {"image": "guideImage", "mode": "controlMode"}  # our name: Runware's
EDGES = {name: {"type": "integer", "min": 0, "max": 14_142} for name in ("top", "right", "bottom", "left")}
CONTROL_NAMES = {"model": "a model", "guideImage": "an image"}


def lookup(value: Any, table: Mapping[str, Any]) -> Any:
    """A word for a word: `low` -> 12. A number is looked up as it is written: 2 -> `2x`."""
    word = as_word(value)
    if not isinstance(word, str) or word not in table:
        raise CannotConvert(f"must be one of {', '.join(table)}")
    return table[word]


def as_word(value: Any) -> Any:
    """A number as the words of a `lookup` write it: 2.0 is `2`. Anything else stays as it is."""
    return f"{value:g}" if is_type(value, "number") else value


def switch(value: Any, _table: Mapping[str, Any]) -> bool:
    """`on` -> true."""
    return value == "on"


def inverse_switch(value: Any, _table: Mapping[str, Any]) -> bool:
    """`on` -> false, for fields that name the opposite."""
    return value != "on"


def text(value: Any, _table: Mapping[str, Any]) -> str:
    """A number that the provider wants as a string."""
    return str(value)


def filled(value: Any, _table: Mapping[str, Any]) -> str:
    """A text for a field that takes no empty one: `""` -> `" "`."""
    return value or " "


def checked_object(value: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """An object of the provider's own, field by field: `{teaCache = {type = "boolean"}}`; one within has `fields`.

    `after` names a field that, if it is there, must be less.
    """
    if not isinstance(value, dict):
        raise CannotConvert("must be an object")
    given = cast("dict[str, Any]", value)
    for name, inner in given.items():
        limits = table.get(name)
        if limits is None:
            raise CannotConvert(f"has the unknown field {name[:40]!r}; known are {', '.join(table)}")
        if "fields" in limits:
            checked_object(inner, limits["fields"])
            continue
        if wrong := field_check(limits)(inner):
            raise CannotConvert(f"holds a {name} that {wrong}")
        if (start := limits.get("after")) in given and inner <= given[start]:
            raise CannotConvert(f"holds a {name} that must be greater than its {start}")
    return given


def edges(value: Any, _table: Mapping[str, Any]) -> dict[str, int]:
    """`{top, right, bottom, left}` in whole pixels, each of them 0 where it is left out."""
    return checked_object(value, EDGES)


def field_check(limits: Mapping[str, Any]) -> Check:
    return make_check(
        limits.get("type", "any"),
        low=limits.get("min"),
        high=limits.get("max"),
        step=limits.get("step"),
        words=limits.get("enum", ()),
    )


def air_control_nets(value: Any, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Runware's `controlNet`, from `[{model, image, weight, start, end, mode}]` or its own form, which `table` checks.

    `start` and `end` are fractions of the steps and become whole percentages.
    """
    return [air_control_net(entry, table) for entry in value]


def air_control_net(entry: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise CannotConvert('each item must be an object such as {"model": "runware:36@1", "image": "https://…"}')
    given = {CONTROL_FIELDS.get(name, name): inner for name, inner in cast("dict[str, Any]", entry).items()}
    for name, field in (("start", "startStepPercentage"), ("end", "endStepPercentage")):
        if name in given:
            part = given.pop(name)
            if not is_type(part, "number") or not 0 <= part <= 1:
                raise CannotConvert(f"holds a {name} that must be a number from 0 to 1")
            given[field] = round(100 * part)
    pictures = {name: given.pop(name) for name in ("guideImage",) if isinstance(given.get(name), Source)}
    given = {**checked_object(given, table), **pictures}
    if missing := [name for name in ("model", "guideImage") if name not in given]:
        raise CannotConvert(f"has an item without {CONTROL_NAMES[missing[0]]}")
    return {**given, "model": read_air(given["model"])}


CONVERTERS: dict[str, Converter] = {
    "lookup": lookup,
    "switch": switch,
    "inverse_switch": inverse_switch,
    "text": text,
    "user_message": user_message,
    "loras": read_loras,
    "single_lora": single_lora,
    "path_and_multiplier": path_and_multiplier,
    "model_and_weight": model_and_weight,
    "weights_and_scales": weights_and_scales,
    "filled": filled,
    "checked_object": checked_object,
    "edges": edges,
    "air_loras": air_loras,
    "air_control_nets": air_control_nets,
    "guides": guides,
    "urn_loras": urn_loras,
    "sampler_and_schedule": sampler_and_schedule,
    "picture": picture,
    "pictures": pictures,
    "picture_message": picture_message,
    "mask": mask,
}

# These take pictures, which need a way to the provider.
PICTURES = frozenset({"picture", "pictures", "picture_message", "mask"})

# These give several wire fields of one parameter, in an object that is spread over the payload.
SPREAD = frozenset({"weights_and_scales", "sampler_and_schedule"})

# Converters whose table has keys of the row's own, and what these are.
OWN_KEYS = {"lookup": "words", "checked_object": "fields", "air_control_nets": "fields"}

# What the tables of the others may hold.
TABLE_KEYS: dict[str, frozenset[str]] = {
    "loras": frozenset({"max_items", "scale"}),
    "single_lora": frozenset({"scale"}),
    "path_and_multiplier": frozenset({"max_items", "scale"}),
    "model_and_weight": frozenset({"max_items", "scale"}),
    "guides": frozenset({"max_items"}),
    "weights_and_scales": frozenset({"max_items", "scale"}),
    "air_loras": frozenset({"max_items", "scale", "step"}),
    "urn_loras": frozenset({"max_items", "scale", "ecosystem"}),
    "sampler_and_schedule": frozenset({"sampler_to", "schedule_to", "samplers", "schedules"}),
    "pictures": frozenset({"min_items", "max_items"}),
    "picture_message": frozenset({"min_items", "max_items"}),
    "mask": frozenset({"edited"}),
}

# What they must hold.
NEEDED_KEYS: dict[str, frozenset[str]] = {
    "urn_loras": frozenset({"ecosystem"}),
    "sampler_and_schedule": TABLE_KEYS["sampler_and_schedule"],
}
