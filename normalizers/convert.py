"""Converters: from our form of a value to a provider's. A table names one by its key in `CONVERTERS`."""

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from normalizers.checks import Check, is_type, make_check
from normalizers.convert_messages import picture_message, user_message
from normalizers.convert_pictures import mask, picture, pictures
from normalizers.convert_samplers import sampler_and_schedule
from normalizers.convert_urns import read_urn
from normalizers.errors import CannotConvert
from normalizers.source import Source

Converter = Callable[[Any, Mapping[str, Any]], Any]
Lora = dict[str, Any]

AIR = re.compile(r"[a-z0-9-]+:[^:@\s]+@[^@\s]+")
AIR_PREFIX = re.compile(r"^(?:urn:)?air:[^:]+:[^:]+:")
TRANSFORMERS = ("high", "low", "both")
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


def read_loras(value: Any, table: Mapping[str, Any]) -> list[Lora]:
    """`[{path, scale = 1}]`, also from `{name, weight}` and bare paths, within the table's limits."""
    most = table.get("max_items")
    if most is not None and len(value) > most:
        raise CannotConvert(f"has {len(value)} items; at most {most} LoRAs are allowed")
    return [read_lora(entry, table) for entry in value]


def read_lora(entry: Any, table: Mapping[str, Any]) -> Lora:
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, dict):
        raise CannotConvert('each item must be an object such as {"path": "https://…", "scale": 1}')
    given = cast("dict[str, Any]", entry)
    unknown = set(given) - {"path", "name", "lora_path", "scale", "weight", "lora_scale"}
    if unknown:
        raise CannotConvert(f"an item has the unknown key {min(unknown)[:40]!r}; path and scale are known")
    path = given.get("path", given.get("lora_path", given.get("name")))
    scale = given.get("scale", given.get("weight", given.get("lora_scale", 1)))
    if not isinstance(path, str) or not path:
        raise CannotConvert("each item needs a path: an https URL, an AIR URN or a provider's model id")
    if "://" in path and not path.lower().startswith("https://"):
        raise CannotConvert("each path that is a URL must be https")  # whoever loads it must not read files or hosts
    low, high = table.get("scale", (-100, 100))
    if wrong := make_check("number", low=low, high=high, step=table.get("step"))(scale):
        raise CannotConvert(f"each scale {wrong}")
    return {"path": path, "scale": scale}


def single_lora(value: Any, table: Mapping[str, Any]) -> Lora:
    """vLLM-Omni's `lora`: one object of name, path and scale."""
    loras = read_loras(value, {**table, "max_items": 1})
    if not loras:
        raise CannotConvert("needs one LoRA")
    return {"name": loras[0]["path"].rsplit("/", 1)[-1], **loras[0]}


def path_and_multiplier(value: Any, table: Mapping[str, Any]) -> list[Lora]:
    """sd-server's `lora`: `[{path, multiplier}]`."""
    return [{"path": lora["path"], "multiplier": lora["scale"]} for lora in read_loras(value, table)]


def weights_and_scales(value: Any, table: Mapping[str, Any]) -> dict[str, Any]:
    """Replicate's LoRAs, as fields: the first under `lora_weights` and `lora_scale`, the others in `extra_lora_…`."""
    loras = read_loras(value, table)
    fields: dict[str, Any] = {}
    if loras:
        fields |= {"lora_weights": loras[0]["path"], "lora_scale": loras[0]["scale"]}
    if loras[1:]:
        fields["extra_lora_weights"] = [lora["path"] for lora in loras[1:]]
        fields["extra_lora_scale"] = [lora["scale"] for lora in loras[1:]]
    return fields


def read_air(text: Any) -> str:
    """The short form of an AIR: `urn:air:qwen:lora:civitai:120096@135931` -> `civitai:120096@135931`."""
    short = AIR_PREFIX.sub("", text) if isinstance(text, str) else ""
    if not AIR.fullmatch(short):
        raise CannotConvert("names a model that is no AIR; one looks like civitai:120096@135931")
    return short


def air_loras(value: Any, table: Mapping[str, Any]) -> list[Lora]:
    """Runware's `lora`: `[{model, weight}]`, also from its own form, which may hold a `transformer`."""
    if len(value) > table.get("max_items", len(value)):
        raise CannotConvert(f"has {len(value)} items; at most {table['max_items']} LoRAs are allowed")
    return [air_lora(entry, table) for entry in value]


def air_lora(entry: Any, table: Mapping[str, Any]) -> Lora:
    given = {**cast("dict[str, Any]", entry)} if isinstance(entry, dict) else {"path": entry}
    if "path" not in given and "model" in given:
        given["path"] = given.pop("model")
    stage = {name: given.pop(name) for name in ("transformer",) if name in given}
    if stage and stage["transformer"] not in TRANSFORMERS:
        raise CannotConvert(f"holds a transformer that must be one of {', '.join(TRANSFORMERS)}")
    lora = read_lora(given, table)
    return {"model": read_air(lora["path"]), "weight": lora["scale"], **stage}


def urn_loras(value: Any, table: Mapping[str, Any]) -> dict[str, float]:
    """Civitai's `loras`: `{urn: scale}`, for models of the `ecosystem` that the table names.

    `civitai:123456@789012` -> `{"urn:air:qwen:lora:civitai:123456@789012": 1}`.
    """
    urns: dict[str, float] = {}
    for lora in read_loras(value, table):
        urn = read_urn(lora["path"], table["ecosystem"])
        if urn in urns:
            raise CannotConvert("names the same LoRA twice")
        urns[urn] = lora["scale"]
    return urns


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
    "weights_and_scales": weights_and_scales,
    "filled": filled,
    "checked_object": checked_object,
    "edges": edges,
    "air_loras": air_loras,
    "air_control_nets": air_control_nets,
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
