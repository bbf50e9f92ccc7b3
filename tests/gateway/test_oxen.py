"""Oxen behind the gateway: one OpenAI request, generations that are paid once, the pictures in our hands."""

from typing import Any

import pytest

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway
from tests.simulators.oxen_wire import data_uri


@pytest.fixture
def gateway(start: Start, simulators: Simulators) -> RunningGateway:
    address = simulators.addresses["oxen"]
    return start(
        providers={"oxen": {"base_url": address["base_url"], "api_key": address["key"]}},
        models={"qwen-image": {"route": ["oxen", "fal"]}},
    )


def test_from_openais_words_to_the_picture(gateway: RunningGateway, simulators: Simulators) -> None:
    given: dict[str, Any] = {
        "model": "oxen/qwen-image",
        "prompt": "a lake in the mountains",
        "size": "16:9",
        "seed": 7,
        "n": 2,
        "output_format": "jpeg",
        "output_compression": 80,
        "safety": "off",
        "steps": 28,
        "oxen": {"image_size": "optimize_for_speed"},
    }
    body = served(gateway.generate(given))
    pictures = [opened(content_of(image)) for image in body["data"]]
    assert [(picture.format, picture.size) for picture in pictures] == [("JPEG", (1365, 768))] * 2
    assert each(body, "provider") == ["oxen"] * 2
    assert each(body, "seed") == [7, 8]
    calls = simulators.calls("oxen", "submit")
    assert {call["path"] for call in calls} == {"/oxen/api/ai/queue"}
    assert sorted((call["body"] for call in calls), key=lambda sent: sent["seed"]) == [
        {
            "model": "qwen-image",
            "prompt": "a lake in the mountains",
            "aspect_ratio": "16:9",
            "seed": seed,
            "num_inference_steps": 28,
            "output_format": "jpg",
            "output_quality": 80,
            "disable_safety_checker": True,
            "image_size": "optimize_for_speed",
            "num_generations": 1,
        }
        for seed in (7, 8)
    ]
    assert simulators.paid("oxen") == 2
    metadata = body["metadata"]
    assert (metadata["provider_name"], metadata["executed_model"]) == ("Oxen", "oxen/qwen-image")
    assert metadata["cost"] == 0.06, "what Oxen's models endpoint tells, twice"
    behaviors = {row["given_as"]: row["behavior"] for row in metadata["parameters"]}
    assert behaviors["safety"] == behaviors["output_format"] == "converted"
    assert (behaviors["steps"], behaviors["n"]) == ("renamed", "emulated")
    assert behaviors["oxen.image_size"] == "passthrough"


def test_moderation_is_told_and_nobody_else_is_asked(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "submit", "effect": "moderated"}])
    answer = gateway.generate(asked(size="1:1"))
    assert "oxen blocked this request" in failed(answer, 400, "content_policy_violation")
    assert (len(simulators.calls("oxen", "submit")), simulators.paid("fal")) == (1, 0)


@pytest.mark.parametrize(
    ("fault", "provider"),
    [
        ({"effect": "status", "status": 402}, "fal"),
        ({"effect": "status", "status": 429, "headers": {"retry-after": "30"}}, "fal"),
        ({"effect": "status", "status": 401}, "fal"),
        ({"effect": "status", "status": 503}, "oxen"),
    ],
)
def test_what_cost_nothing_is_tried_again_or_elsewhere(
    gateway: RunningGateway, simulators: Simulators, fault: dict[str, Any], provider: str
) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "submit", **fault}])
    body = served(gateway.generate(asked(size="1:1")))
    assert each(body, "provider") == [provider]
    assert simulators.paid("oxen") + simulators.paid("fal") == 1


def test_an_answer_that_was_lost_is_not_asked_for_twice(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "submit", "effect": "drop_after"}])
    answer = gateway.generate(asked(size="1:1"))
    assert "may have been paid" in failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert (simulators.paid("oxen"), simulators.paid("fal")) == (1, 0)


def test_a_failure_that_may_be_billed_is_not_tried_again(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "submit", "effect": "failed"}])
    answer = gateway.generate(asked(size="1:1"))
    assert "may have been paid" in failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    assert (len(simulators.calls("oxen", "submit")), simulators.paid("fal")) == (1, 0)


@pytest.mark.parametrize("effect", ["drop_before", "drop_after", "html"])
def test_questions_that_fail_cost_no_second_picture(
    gateway: RunningGateway, simulators: Simulators, effect: str
) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "status", "effect": effect, "times": 2}])
    assert each(served(gateway.generate(asked(size="1:1"))), "provider") == ["oxen"]
    assert (len(simulators.calls("oxen", "submit")), simulators.paid("oxen")) == (1, 1)


def test_a_picture_is_downloaded_again_and_not_drawn_again(gateway: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "oxen", "on": "download", "effect": "status", "status": 503, "times": 2}])
    served(gateway.generate(asked(size="1:1")))
    assert (len(simulators.calls("oxen", "submit")), len(simulators.calls("oxen", "download"))) == (1, 3)


def test_no_pixels_are_promised_for_a_ratio(gateway: RunningGateway, simulators: Simulators) -> None:
    """Oxen publishes none: a picture is told as it is, and strict does not take one that may be another."""
    simulators.set_faults([{"provider": "oxen", "on": "submit", "effect": "wrong_size"}])
    body = served(gateway.generate(asked(size="1:1", seed=3)))
    assert (body["data"][0]["width"], body["metadata"]["differences"]) == (512, [])
    strict = gateway.generate(asked(model="oxen/qwen-image", size="1024x1024"), headers={"x-easel-strict": "true"})
    assert failed(strict, 400, "unsupported_parameter").startswith("size: cannot be met exactly")


def test_an_edit_takes_the_shape_of_its_picture(gateway: RunningGateway, simulators: Simulators) -> None:
    source = data_uri(300, 200)
    given = {"model": "oxen/qwen-image-edit-2511", "prompt": "at night", "image": [source, source]}
    body = served(gateway.http.post("/v1/images/edits", json=given))
    [call] = simulators.calls("oxen", "submit")
    assert call["body"] == {
        "model": "qwen-image-edit-2511",
        "prompt": "at night",
        "input_image": [source, source],
        "aspect_ratio": "3:2",
        "output_format": "png",
        "num_generations": 1,
    }
    [picture] = [opened(content_of(image)) for image in body["data"]]
    assert round(picture.width / picture.height, 2) == 1.5
    assert simulators.paid("oxen") == 1


def test_an_upscale_needs_no_prompt(gateway: RunningGateway, simulators: Simulators) -> None:
    source = data_uri(96, 64)
    given = {"model": "oxen/topaz-image-upscale", "image": source, "scale_factor": 4, "output_format": "jpeg"}
    body = served(gateway.http.post("/v1/images/edits", json=given))
    [call] = simulators.calls("oxen", "submit")
    assert call["body"] == {
        "model": "topazlabs-image-upscale",
        "input_image": source,
        "upscale_factor": "4x",
        "output_format": "jpg",
        "num_generations": 1,
    }
    [picture] = [opened(content_of(image)) for image in body["data"]]
    assert (picture.format, picture.size) == ("JPEG", (384, 256))
    refused = gateway.http.post("/v1/images/edits", json={**given, "scale_factor": 3})
    assert "must be one of 2, 4" in failed(refused, 400, "unsupported_parameter")


def test_its_key_has_its_usual_variable_and_its_address_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OXEN_API_KEY", "ox-key")
    told = read_settings(None, {}).provider_settings()["oxen"]
    assert (told.api_key, told.configured, told.title) == ("ox-key", True, "Oxen")
