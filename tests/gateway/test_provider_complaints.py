"""A provider refuses what the plan thought legal: the caller is told under the name that was sent."""

import pytest

from simulators.running import Simulators
from tests.gateway.running import RunningGateway


@pytest.mark.parametrize(("given", "named"), [("steps", "steps"), ("num_inference_steps", "num_inference_steps")])
def test_the_complaint_names_the_callers_parameter(
    gateway: RunningGateway, simulators: Simulators, given: str, named: str
) -> None:
    refused = {
        "detail": [
            {"loc": ["body", "num_inference_steps"], "msg": "Input should be less than 20", "type": "less_than_equal"}
        ]
    }
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "status", "status": 422, "body": refused}])
    answer = gateway.generate({"model": "fal/qwen-image", "prompt": "a fox", given: 30})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_value", named), answer.text
    assert len(simulators.calls("fal", "submit")) == 1
