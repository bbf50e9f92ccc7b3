"""Pictures that ControlNets look at, for a worker of one's own."""

from collections.abc import Mapping
from typing import Any, cast

from normalizers.checks import make_check
from normalizers.errors import CannotConvert
from normalizers.source import Source

FIELDS = ("model", "image", "weight", "start", "end", "mode")
USUAL = {"weight": 1, "start": 0, "end": 1}
RANGES: Mapping[str, tuple[float, float]] = {"weight": (-4, 4), "start": (0, 1), "end": (0, 1)}


def guides(value: Any, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A worker's `control_nets`: `[{model, image, weight = 1, start = 0, end = 1}]`; `start` comes before `end`."""
    most = table.get("max_items", len(value))
    if len(value) > most:
        raise CannotConvert(f"has {len(value)} items; at most {most} are allowed")
    return [guide(entry) for entry in value]


def guide(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise CannotConvert('each item must be an object such as {"model": "canny", "image": "https://…"}')
    given = cast("dict[str, Any]", entry)
    if unknown := set(given) - set(FIELDS):
        raise CannotConvert(f"holds the unknown field {min(unknown)[:40]!r}; known are {', '.join(FIELDS)}")
    if not isinstance(given.get("model"), str) or not given["model"]:
        raise CannotConvert("has an item without a model: the name of a ControlNet of the worker's")
    if not isinstance(given.get("image"), Source):
        raise CannotConvert("has an item without an image")
    if given.get("mode", "balanced") != "balanced":
        raise CannotConvert("holds a mode, which a worker does not have; leave it out")
    told = {**USUAL, **{name: given[name] for name in USUAL if name in given}}
    for name, (low, high) in RANGES.items():
        if wrong := make_check("number", low=low, high=high)(told[name]):
            raise CannotConvert(f"holds a {name} that {wrong}")
    if told["start"] >= told["end"]:
        raise CannotConvert("holds a start that must be less than its end")
    return {"model": given["model"], "image": given["image"], **told}
