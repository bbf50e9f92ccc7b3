"""Converters: from our form of a value to a provider's. A table names one by its key in `CONVERTERS`."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from normalizers.checks import is_type

Converter = Callable[[Any, Mapping[str, Any]], Any]
Lora = dict[str, Any]


class CannotConvert(ValueError):
    """This value has no counterpart there; the text says which values do."""


def lookup(value: Any, table: Mapping[str, Any]) -> Any:
    """A word for a word: `low` -> 12."""
    if not isinstance(value, str) or value not in table:
        raise CannotConvert(f"must be one of {', '.join(table)}")
    return table[value]


def switch(value: Any, _table: Mapping[str, Any]) -> bool:
    """`on` -> true."""
    return value == "on"


def inverse_switch(value: Any, _table: Mapping[str, Any]) -> bool:
    """`on` -> false, for fields that name the opposite."""
    return value != "on"


def text(value: Any, _table: Mapping[str, Any]) -> str:
    """A number that the provider wants as a string."""
    return str(value)


def user_message(value: Any, _table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A prompt as the one message of a conversation."""
    return [{"role": "user", "content": [{"text": value}]}]


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
    if not is_type(scale, "number") or not low <= scale <= high:
        raise CannotConvert(f"each scale must be a number from {low} to {high}")
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
}

# These give several wire fields of one parameter, in an object that is spread over the payload.
SPREAD = frozenset({"weights_and_scales"})

# What a row's `table` may hold, by converter; a lookup's keys are the words themselves.
TABLE_KEYS: dict[str, frozenset[str]] = {
    "loras": frozenset({"max_items", "scale"}),
    "single_lora": frozenset({"scale"}),
    "path_and_multiplier": frozenset({"max_items", "scale"}),
    "weights_and_scales": frozenset({"max_items", "scale"}),
}
