"""What several replicas tell together."""

from typing import Any

from workers.replicas import summed

ONE: dict[str, Any] = {
    "engine": "diffusers",
    "ready": True,
    "draining": False,
    "models": [{"id": "qwen-image", "pace": {"seconds_per_picture": 1.0}}],
    "running": 2,
    "waiting": 1,
    "together": 4,
    "capacity": 20,
    "drawn": 7,
    "queue_seconds": 12.5,
    "loras": [{"name": "a", "digest": "1"}],
    "memory": {"total": 80, "free": 30, "peak": 60},
}


def test_what_is_counted_is_added_up() -> None:
    other = {**ONE, "queue_seconds": 0.5, "loras": [{"name": "b", "digest": "1"}, {"name": "c", "digest": "2"}]}
    told = summed([ONE, {**other, "memory": {"total": 80, "free": 10, "peak": 70}}])
    assert told["replicas"] == 2
    assert (told["running"], told["waiting"], told["together"], told["capacity"], told["drawn"]) == (4, 2, 8, 40, 14)
    assert told["queue_seconds"] == 13.0
    assert [lora["digest"] for lora in told["loras"]] == ["1", "2"]
    assert told["memory"] == {"total": 160, "free": 40, "peak": 70}
    assert told["models"] == ONE["models"]


def test_it_is_ready_with_the_first_and_drains_with_the_last() -> None:
    loading: dict[str, Any] = {**ONE, "ready": False, "models": []}
    assert summed([loading, ONE])["ready"]
    assert summed([loading, ONE])["models"] == ONE["models"]
    assert not summed([loading])["ready"]
    draining = {**ONE, "draining": True}
    assert not summed([draining, ONE])["draining"]
    assert summed([draining, draining])["draining"]


def test_without_a_replica_nothing_is_ready() -> None:
    told = summed([])
    assert told["replicas"] == told["together"] == told["queue_seconds"] == 0
    assert told["models"] == []
    assert not told["ready"]
