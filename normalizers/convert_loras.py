"""Converters of LoRAs: one shape of ours, `[{path, scale}]`, into each provider's."""

import re
from collections.abc import Mapping
from typing import Any, cast

from normalizers.checks import make_check
from normalizers.convert_urns import read_urn
from normalizers.errors import CannotConvert

Lora = dict[str, Any]

AIR = re.compile(r"[a-z0-9-]+:[^:@\s]+@[^@\s]+")
AIR_PREFIX = re.compile(r"^(?:urn:)?air:[^:]+:[^:]+:")
TRANSFORMERS = ("high", "low", "both")


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


def model_and_weight(value: Any, table: Mapping[str, Any]) -> list[Lora]:
    """A worker's `loras`: `[{model, weight}]`."""
    return [{"model": lora["path"], "weight": lora["scale"]} for lora in read_loras(value, table)]


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
