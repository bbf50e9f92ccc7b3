"""A request through the whole gateway to Civitai's stand-in: what is sent, what comes back, what it costs."""

from typing import Any

import pytest

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.photos import data_uri, photo
from tests.gateway.running import RunningGateway

LORA = "urn:air:qwen:lora:civitai:123456@789012"


@pytest.fixture
def civitai(start: Start, simulators: Simulators) -> RunningGateway:
    told = simulators.addresses["civitai"]
    return start(
        providers={"civitai": {"api_key": told["key"], "base_url": told["base_url"]}},
        models={name: {"route": ["civitai"]} for name in ("qwen-image", "qwen-image-2", "qwen-image-edit")},
        pricing={"usd_per_buzz": 0.002},
    )


def submitted(simulators: Simulators) -> list[dict[str, Any]]:
    return [call["body"]["steps"][0]["input"] for call in simulators.calls("civitai", "submit")]


def test_three_pictures_are_one_workflow(civitai: RunningGateway, simulators: Simulators) -> None:
    body = served(
        civitai.generate(
            asked(
                n=3,
                size="256x192",
                steps=30,
                cfg_scale=4,
                scheduler="dpmpp_2m/karras",
                version="2512",
                loras=[{"path": "civitai:123456@789012", "scale": 0.8}],
                output_format="webp",
            )
        )
    )
    [sent] = submitted(simulators)
    prompt = sent.pop("prompt")
    assert prompt.startswith("fox number")
    assert sent == {
        "engine": "sdcpp",
        "ecosystem": "qwen",
        "model": "20b",
        "operation": "createImage",
        "version": "2512",
        "width": 256,
        "height": 192,
        "steps": 30,
        "cfgScale": 4,
        "sampleMethod": "dpm++2m",
        "schedule": "karras",
        "loras": {LORA: 0.8},
        "outputFormat": "webP",
        "quantity": 3,
    }
    pictures = [opened(content_of(image)) for image in body["data"]]
    assert [(picture.format, picture.size) for picture in pictures] == [("WEBP", (256, 192))] * 3
    assert len({picture.tobytes() for picture in pictures}) == 3
    assert each(body, "provider") == ["civitai"] * 3
    assert body["metadata"]["executed_model"] == "civitai/qwen-image"
    assert body["metadata"]["cost"] == 0.008  # 4 Buzz: 3 × 30 × 256·192 / 1328² × 30/20, rounded up
    assert simulators.paid("civitai") == 3


def test_with_a_seed_each_picture_has_its_own_workflow_and_id(civitai: RunningGateway, simulators: Simulators) -> None:
    body = served(civitai.generate(asked(n=2, seed=40, size="128x128")))
    assert each(body, "seed") == [40, 41]
    assert sorted(sent["seed"] for sent in submitted(simulators)) == [40, 41]
    own = {call["body"]["externalId"] for call in simulators.calls("civitai", "submit")}
    assert len(own) == 2


def test_fals_engine_has_named_sizes_and_its_own_limits(civitai: RunningGateway, simulators: Simulators) -> None:
    body = served(civitai.generate(asked(model="qwen-image-2", size="512x512")))
    [sent] = submitted(simulators)
    assert (sent["engine"], sent["imageSize"], sent["enablePromptExpansion"]) == ("fal", "square", False)
    assert (body["data"][0]["width"], body["metadata"]["cost"]) == (512, 0.092)
    refused = civitai.generate(asked(model="qwen-image-2", negative_prompt="x" * 501))
    assert "at most 500" in failed(refused, 400, "unsupported_parameter")
    refused = civitai.generate(asked(model="qwen-image-2", loras=[LORA]))
    assert "qwen-image does" in failed(refused, 400, "unsupported_parameter")


def test_a_version_for_edits_is_refused_and_what_works_is_named(
    civitai: RunningGateway, simulators: Simulators
) -> None:
    message = failed(civitai.generate(asked(version="2511")), 400, "unsupported_parameter")
    assert "latest, 2509, 2512" in message
    assert not simulators.calls("civitai")


def test_an_edit_uploads_its_pictures_once_and_keeps_their_size(
    civitai: RunningGateway, simulators: Simulators
) -> None:
    source = photo()
    fields = {"model": "qwen-image-edit", "prompt": "make it snow", "image": [data_uri(source)] * 2, "n": 1}
    body = served(civitai.http.post("/v1/images/edits", json={**fields, "version": "2511", "cache": "off"}))
    [sent] = submitted(simulators)
    [upload] = [call for call in simulators.calls("civitai") if call["path"].endswith("/blobs")]
    assert (upload["method"], upload["body"]) == ("POST", f"{len(source)} bytes")
    assert (sent["operation"], sent["version"], len(sent["images"]), len(set(sent["images"]))) == (
        "editImage",
        "2511",
        2,
        1,
    )
    assert sent["images"][0].startswith(simulators.addresses["civitai"]["base_url"])
    assert not {"width", "height"} & set(sent)
    drawn = opened(content_of(body["data"][0]))
    assert drawn.size == (640, 448)
    assert simulators.paid("civitai") == 1


def test_strength_makes_it_a_variant(civitai: RunningGateway, simulators: Simulators) -> None:
    fields = {"model": "qwen-image", "prompt": "in winter", "image": data_uri(photo()), "strength": 0.4}
    served(civitai.http.post("/v1/images/edits", json={**fields, "cache": "off"}))
    [sent] = submitted(simulators)
    assert (sent["operation"], sent["strength"], isinstance(sent["image"], str)) == ("createVariant", 0.4, True)


def test_eleven_pictures_are_too_many_before_anything_is_paid(civitai: RunningGateway, simulators: Simulators) -> None:
    fields = {"model": "qwen-image-edit", "prompt": "make it snow", "image": [data_uri(photo())] * 11}
    answer = civitai.http.post("/v1/images/edits", json=fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "image"
    assert not simulators.calls("civitai")


@pytest.mark.parametrize("on", ["submit", "status", "result", "download"])
def test_a_lost_answer_costs_no_second_picture(civitai: RunningGateway, simulators: Simulators, on: str) -> None:
    simulators.set_faults([{"provider": "civitai", "on": on, "effect": "drop_after"}])
    assert len(served(civitai.generate(asked(size="128x128")))["data"]) == 1
    assert simulators.paid("civitai") == 1
    assert len({call["body"]["externalId"] for call in simulators.calls("civitai", "submit")}) == 1


@pytest.mark.parametrize("effect", ["moderated", "nsfw"])
def test_what_was_blocked_is_a_moderation_error(civitai: RunningGateway, simulators: Simulators, effect: str) -> None:
    simulators.set_faults([{"provider": "civitai", "on": "submit", "effect": effect}])
    failed(civitai.generate(asked(size="128x128")), 400, "content_policy_violation")
    assert len(submitted(simulators)) == 1


def test_its_key_has_its_usual_variable_and_its_address_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIVITAI_TOKEN", "civitai-key")
    told = read_settings(None, {}).provider_settings()["civitai"]
    assert (told.api_key, told.configured, told.title, told.usd_per["BUZZ"]) == ("civitai-key", True, "Civitai", 0.001)
