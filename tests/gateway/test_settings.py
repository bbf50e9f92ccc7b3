"""A setting that would have no effect is a mistake, not a silent promise."""

import pytest

from gateway.settings import ConfigurationError, read_settings


@pytest.mark.parametrize("policy", ["cheapest", "fastest", "weighted"])
def test_a_routing_policy_that_is_not_served_stops_the_start(policy: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        read_settings(None, {"models": {"qwen-image": {"policy": policy}}})
    [problem] = wrong.value.problems
    assert problem.startswith("models.qwen-image.policy: ")
    assert "use priority" in problem
