"""A setting that would have no effect is a mistake, not a silent promise."""

from typing import Any

import pytest

from gateway.settings import ConfigurationError, read_settings


@pytest.mark.parametrize("policy", ["priority", "cheapest", "fastest", "weighted"])
def test_every_routing_policy_is_served(policy: str) -> None:
    settings = read_settings(None, {"models": {"qwen-image": {"policy": policy}}})
    assert settings.models["qwen-image"].policy == policy


@pytest.mark.parametrize(
    ("route", "says"),
    [
        ({"policy": "cheapest", "weights": {"fal": 2}}, 'set policy = "weighted"'),
        ({"weights": {"fal": 2}}, 'set policy = "weighted"'),
        ({"policy": "weighted", "route": ["fal"], "weights": {"fal": 1, "runware": 2}}, "runware is not in the route"),
        ({"policy": "weighted", "weights": {"fal": -1}}, "greater than or equal to 0"),
        ({"policy": "weighted", "weights": {"fal": "nan"}}, "finite"),
    ],
    ids=str,
)
def test_weights_that_would_not_be_used_stop_the_start(route: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read_settings(None, {"models": {"qwen-image": route}})
    [problem] = wrong.value.problems
    assert problem.startswith("models.qwen-image")
    assert says in problem
