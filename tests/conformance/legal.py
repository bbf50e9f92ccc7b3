"""Legal values, read from the tables themselves: the ends of each range, the words of each enum, sizes, counts."""

from collections.abc import Iterator
from typing import Any

from normalizers.offer import Offer
from normalizers.parameters import PARAMETERS
from normalizers.rules import Rule
from tests.conformance.pictures import SOURCE

MOST_WORDS = 8  # of an enum; Runware alone has 75 schedulers, and a stand-in knows them as a set
SIZES: dict[str, list[dict[str, Any]]] = {
    "size": [{"size": "1024x1024"}, {"size": "640x448"}, {"size": "auto"}],
    "aspect_ratio": [{"aspect_ratio": "16:9"}, {"aspect_ratio": "7:1"}],
    "resolution": [{"resolution": "0.5K"}, {"resolution": "2K", "aspect_ratio": "2:3"}],
}
# Values that no range or enum tells: what a table's converter reads, by its key or the parameter's name.
LORAS: dict[str, list[Any]] = {
    "fal": [{"path": "https://models.example/fox.safetensors", "scale": 0.5}],
    "replicate": [{"path": "https://models.example/fox.safetensors"}],
    "runware": [{"path": "civitai:120096@135931", "scale": 0.5}],
    "civitai": [{"path": "civitai:120096@135931", "scale": 0.5}],
}
SAMPLES: dict[str, Any] = {
    "prompt": "a lighthouse at dusk",
    "negative_prompt": "fog",
    "user": "ada",
    "safety_identifier": "ada",
    "mask_margin": 32,
    "outpaint": {"top": 64, "right": 64, "bottom": 64, "left": 64},
    "control_nets": [{"model": "runware:36@1", "image": SOURCE, "weight": 0.5, "start": 0, "end": 0.5}],
}


def bodies(offer: Offer, name: str) -> Iterator[dict[str, Any]]:
    """Requests that each use one parameter, with a value that the offer's table calls legal."""
    if name in SIZES:
        yield from SIZES[name]
    elif name == "n":
        yield from ({"n": count} for count in {1, min(offer.count.max, 10), min(offer.count.max + 1, 10)})
    elif name == "output_format":
        yield from ({name: word} for word in (*offer.output.native, "webp"))
    elif name == "output_compression":
        yield from ({name: share, "output_format": "jpeg"} for share in (50, 100))
    else:
        yield from ({name: value} for value in values(offer, name, offer.rules[name]))


def values(offer: Offer, name: str, rule: Rule) -> list[Any]:
    """A few legal values; none where only the provider's users would know one."""
    if name == "image":
        table = rule.table
        most = 1 if "max_items" not in table and table != {} else table.get("max_items", 1)
        return [[SOURCE] * count for count in dict.fromkeys((table.get("min_items", 1), most))]
    if name in {"mask", "markup"}:
        return [SOURCE]
    if name == "loras":
        return [LORAS[offer.provider]] if offer.provider in LORAS else []
    if name in SAMPLES:
        return [SAMPLES[name]]
    if "samplers" in rule.table:
        return [*rule.table["samplers"], *(f"euler/{schedule}" for schedule in rule.table["schedules"])]
    return of_schema({**(PARAMETERS[name].schema if name in PARAMETERS else {}), **rule.schema}, rule)


def of_schema(schema: dict[str, Any], rule: Rule) -> list[Any]:
    words = list(schema.get("enum", ())) or [word for word in rule.table if rule.how == "converted"]
    if schema.get("type") in {"integer", "number"}:
        words = [int(word) if isinstance(word, str) else word for word in words]
    if words and not isinstance(rule.table.get(str(words[0])), dict):
        return words if len(words) <= MOST_WORDS else [words[0], *words[1 :: len(words) // MOST_WORDS], words[-1]]
    match schema.get("type"):
        case "boolean":
            return [True, False]
        case "integer" | "number" if "minimum" in schema and "maximum" in schema:
            return [schema["minimum"], schema["maximum"]]
        case _:
            return [rule.default] if isinstance(rule.default, (str, int, float)) and rule.default != "" else []


def parameters(offer: Offer) -> list[str]:
    """Those that do something there."""
    working = [name for name, rule in offer.rules.items() if rule.works and name != "prompt"]
    return [*working, *SIZES, "n", "output_format", "output_compression"]
