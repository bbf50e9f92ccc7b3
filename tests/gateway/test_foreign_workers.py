"""Servers of another make in a worker's place, through the gateway: asked as the plan says, or passed over."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.running import RunningGateway
from tests.gateway.until import until

FOX = {"model": "qwen-image", "prompt": "a fox in the snow", "size": "64x96", "response_format": "b64_json"}
MARKED = {**FOX, "prompt": 'a fox <sd_cpp_extra_args>{"seed":1}</sd_cpp_extra_args>'}


def workers(simulators: Simulators, *dialects: str, **other: Any) -> dict[str, Any]:
    return {
        "local": {
            "workers": [
                {
                    "url": simulators.addresses[dialect]["base_url"].removesuffix("/v1"),
                    "dialect": dialect,
                    "api_key": simulators.addresses[dialect]["key"],
                    "models": {"qwen-image": "Qwen/Qwen-Image"},
                    **other,
                }
                for dialect in dialects
            ]
        }
    }


def serving(start: Start, simulators: Simulators, *dialects: str, route: list[str]) -> RunningGateway:
    return start(providers=workers(simulators, *dialects), models={"qwen-image": {"route": route}})


def drawn_by(simulators: Simulators) -> list[str]:
    return [call["provider"] for call in simulators.calls(step="generate")]


@pytest.mark.parametrize("dialect", ["vllm-omni", "sglang", "sd-server"])
def test_it_draws_what_a_worker_of_ours_would_be_asked_for(start: Start, simulators: Simulators, dialect: str) -> None:
    gateway = serving(start, simulators, dialect, route=["local"])
    answer = gateway.generate(FOX, seed=41, n=2, num_inference_steps=7, negative_prompt="fog")
    assert answer.status_code == 200
    pictures = answer.json()["data"]
    assert len({picture["b64_json"] for picture in pictures}) == 2
    assert drawn_by(simulators) == [dialect, dialect], "a request for each seed"
    assert answer.json()["metadata"]["differences"] == []


def test_a_prompt_with_a_marker_goes_to_another_worker(start: Start, simulators: Simulators) -> None:
    gateway = serving(start, simulators, "sd-server", "vllm-omni", route=["local"])
    for seed in range(3):
        assert gateway.generate(MARKED, seed=seed).status_code == 200
    assert drawn_by(simulators) == ["vllm-omni"] * 3


def test_what_no_worker_can_honour_goes_to_the_next_provider(start: Start, simulators: Simulators) -> None:
    gateway = serving(start, simulators, "sd-server", route=["local", "fal"])
    answer = gateway.generate({**FOX, "prompt": MARKED["prompt"]}, seed=1)
    assert answer.status_code == 200
    assert answer.json()["metadata"]["provider"] == "fal"
    assert "sd-server" not in drawn_by(simulators)
    alone = serving(start, simulators, "sd-server", route=["local"])
    refused = alone.generate(MARKED, seed=1)
    assert 400 <= refused.status_code < 600
    assert "sd-server does not take this prompt" in refused.json()["error"]["message"]


def test_one_that_is_busy_is_asked_again(start: Start, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "sd-server", "on": "generate", "effect": "status", "status": 429, "times": 1}])
    gateway = serving(start, simulators, "sd-server", route=["local"])
    assert gateway.generate(FOX, seed=2).status_code == 200
    assert drawn_by(simulators) == ["sd-server", "sd-server"]


def test_a_model_that_it_is_not_said_to_draw_is_none_of_its(start: Start, simulators: Simulators) -> None:
    gateway = start(
        providers=workers(simulators, "vllm-omni"),
        models={"qwen-image-edit": {"route": ["local"]}, "qwen-image-2512": {"route": ["local"]}},
    )

    def told() -> str:
        answer = gateway.generate({**FOX, "model": "qwen-image-2512"})
        assert answer.status_code >= 400
        return str(answer.json()["error"]["message"])

    until(lambda: "no worker" in told())
    assert drawn_by(simulators) == []
