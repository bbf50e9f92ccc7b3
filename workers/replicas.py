"""What several replicas of one worker tell together, as if they were one worker that does more at once."""

from collections.abc import Mapping, Sequence
from typing import Any

_SUMMED = ("running", "waiting", "together", "capacity", "drawn", "queue_seconds")


def summed(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer to `/v1/status` of replicas with these answers; `replicas` is how many there are.

    What is counted is added up, so that `queue_seconds` is work for all of them. Models and their pace are those of the
    first one that is ready: all replicas have the same. Without a replica nothing is ready.
    """
    if not told:
        return {"ready": False, "draining": False, "models": [], "replicas": 0, **dict.fromkeys(_SUMMED, 0)}
    first = next((each for each in told if each.get("ready")), told[0])
    sums = {name: sum(each.get(name, 0) for each in told) for name in _SUMMED}
    return {
        **first,
        **sums,
        "ready": any(each.get("ready") for each in told),
        "draining": all(each.get("draining") for each in told),
        "loras": _each_once(told),
        "memory": _memory(told),
        "replicas": len(told),
    }


def _each_once(told: Sequence[Mapping[str, Any]]) -> list[Any]:
    """LoRAs that are on any of the replicas."""
    found = {lora["digest"]: lora for each in told for lora in each.get("loras", [])}
    return list(found.values())


def _memory(told: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """All devices together; the peak is that of the fullest."""
    memories = [each.get("memory", {}) for each in told]
    together = {name: sum(memory.get(name, 0) for memory in memories) for name in ("total", "free")}
    return {**together, "peak": max(memory.get("peak", 0) for memory in memories)}
