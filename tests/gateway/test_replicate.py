"""Replicate behind the gateway: one OpenAI request, a prediction that is paid once, the picture in our hands."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway


@pytest.fixture
def gateway(start: Start, simulators: Simulators) -> RunningGateway:
    address = simulators.addresses["replicate"]
    return start(
        providers={"replicate": {"base_url": address["base_url"], "api_key": address["key"]}},
        models={"qwen-image": {"route": ["replicate", "fal"]}},
    )


def test_from_openais_words_to_the_picture(gateway: RunningGateway, simulators: Simulators) -> None:
    given: dict[str, Any] = {
        "model": "replicate/qwen-image",
        "prompt": "a fox in the snow",
        "size": "4:3",
        "seed": 7,
        "n": 2,
        "output_format": "jpeg",
        "loras": [{"path": "https://example.com/a.safetensors", "scale": 0.5}],
        "safety": "off",
        "replicate": {"go_fast": False},
    }
    body = served(gateway.generate(given))
    assert [(opened(content_of(image)).size, image["provider"]) for image in body["data"]] == [
        ((1183, 887), "replicate")
    ] * 2
    assert {opened(content_of(image)).format for image in body["data"]} == {"JPEG"}
    assert each(body, "seed") == [7, 8]
    calls = simulators.calls("replicate", "submit")
    assert {call["path"] for call in calls} == {"/replicate/v1/models/qwen/qwen-image/predictions"}
    assert sorted((call["body"]["input"] for call in calls), key=lambda sent: sent["seed"]) == [
        {
            "prompt": "a fox in the snow",
            "aspect_ratio": "4:3",
            "seed": seed,
            "output_format": "jpg",
            "lora_weights": "https://example.com/a.safetensors",
            "lora_scale": 0.5,
            "disable_safety_checker": True,
            "go_fast": False,
            "enhance_prompt": False,
        }
        for seed in (7, 8)
    ]
    assert simulators.paid("replicate") == 2
    metadata = body["metadata"]
    assert (metadata["provider_name"], metadata["executed_model"]) == ("Replicate", "replicate/qwen-image")
    behaviors = {row["given_as"]: row["behavior"] for row in metadata["parameters"]}
    assert behaviors["loras"] == behaviors["output_format"] == behaviors["safety"] == "converted"
    assert behaviors["replicate.go_fast"] == "passthrough"


def test_a_batch_is_native_at_flux_and_costs_what_it_costs(gateway: RunningGateway, simulators: Simulators) -> None:
    body = served(gateway.generate(asked(model="replicate/flux-schnell", n=4, size="0.25")))
    [call] = simulators.calls("replicate", "submit")
    assert (call["body"]["input"]["num_outputs"], call["body"]["input"]["megapixels"]) == (4, "0.25")
    assert len({content_of(image) for image in body["data"]}) == 4
    assert body["metadata"]["cost"] == 0.012


def test_one_that_was_flagged_is_moderation_and_nobody_else_is_asked(
    gateway: RunningGateway, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "nsfw"}])
    answer = gateway.generate(asked(model="replicate/flux-dev", n=2, size="0.25"))
    assert "replicate blocked this request" in failed(answer, 400, "content_policy_violation")
    assert (len(simulators.calls("replicate", "submit")), simulators.paid("fal")) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "provider"),
    [
        ({"effect": "status", "status": 402}, "fal"),
        ({"effect": "status", "status": 429}, "fal"),
        ({"effect": "status", "status": 503}, "replicate"),
        ({"effect": "failed"}, "replicate"),
    ],
)
def test_what_cost_nothing_is_tried_again_or_elsewhere(
    gateway: RunningGateway, simulators: Simulators, fault: dict[str, Any], provider: str
) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", **fault}])
    body = served(gateway.generate(asked(size="1:1")))
    assert each(body, "provider") == [provider]
    assert simulators.paid("replicate") + simulators.paid("fal") == 1


def test_an_answer_that_was_lost_is_not_asked_for_twice(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "submit", "effect": "drop_after"}])
    answer = gateway.generate(asked(size="1:1"))
    assert "may have been paid" in failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert (simulators.paid("replicate"), simulators.paid("fal")) == (1, 0)


def test_a_picture_is_downloaded_again_and_not_drawn_again(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "replicate", "on": "download", "effect": "status", "status": 503, "times": 2}])
    served(gateway.generate(asked(size="1:1")))
    assert (len(simulators.calls("replicate", "submit")), len(simulators.calls("replicate", "download"))) == (1, 3)
