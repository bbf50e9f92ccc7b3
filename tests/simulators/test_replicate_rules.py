"""The simulator refuses what Replicate refuses (its OpenAPI and model pages, read 2026-11-21)."""

from typing import Any

import pytest

from simulators.replicate.models import MODELS
from simulators.running import Simulators
from tests.simulators.replicate_wire import QWEN, Replicate
from tests.simulators.wire import WIRE

URL = "https://example.com/a.png"


WRONG: list[tuple[str, dict[str, Any], str, str]] = [
    (QWEN, {"num_inference_steps": 0}, "input.num_inference_steps", "number_gte"),
    (QWEN, {"num_inference_steps": 51}, "input.num_inference_steps", "number_lte"),
    (QWEN, {"num_inference_steps": 2.5}, "input.num_inference_steps", "invalid_type"),
    (QWEN, {"guidance": 10.1}, "input.guidance", "number_lte"),
    (QWEN, {"guidance": -1}, "input.guidance", "number_gte"),
    (QWEN, {"aspect_ratio": "21:9"}, "input.aspect_ratio", "enum"),
    (QWEN, {"image_size": "1024x1024"}, "input.image_size", "enum"),
    (QWEN, {"output_format": "jpeg"}, "input.output_format", "enum"),
    (QWEN, {"output_quality": 101}, "input.output_quality", "number_lte"),
    (QWEN, {"go_fast": "yes"}, "input.go_fast", "invalid_type"),
    (QWEN, {"seed": None}, "input.seed", "invalid_type"),
    (QWEN, {"image": "/etc/passwd"}, "input.image", "format"),
    (QWEN, {"strength": 1.1}, "input.strength", "number_lte"),
    (QWEN, {"extra_lora_weights": URL}, "input.extra_lora_weights", "invalid_type"),
    (QWEN, {"extra_lora_scale": ["1"]}, "input.extra_lora_scale.0", "invalid_type"),
    (QWEN, {"prompt": 7}, "input.prompt", "invalid_type"),
    ("qwen/qwen-image-edit", {}, "input", "required"),
    ("qwen/qwen-image-edit", {"image": [URL]}, "input.image", "invalid_type"),
    ("qwen/qwen-image-edit-plus", {"image": URL}, "input.image", "invalid_type"),
    ("qwen/qwen-image-2-pro", {"seed": 2**31}, "input.seed", "number_lte"),
    ("black-forest-labs/flux-schnell", {"num_inference_steps": 5}, "input.num_inference_steps", "number_lte"),
    ("black-forest-labs/flux-schnell", {"num_outputs": 5}, "input.num_outputs", "number_lte"),
    ("black-forest-labs/flux-schnell", {"megapixels": 1}, "input.megapixels", "invalid_type"),
    ("black-forest-labs/flux-dev", {"prompt_strength": 1.5}, "input.prompt_strength", "number_lte"),
    ("black-forest-labs/flux-kontext-pro", {"output_format": "webp"}, "input.output_format", "enum"),
]


@pytest.mark.parametrize(("model", "wrong", "field", "kind"), WRONG)
def test_every_bound(replicate: Replicate, model: str, wrong: dict[str, Any], field: str, kind: str) -> None:
    answer = replicate.create(model, wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    body = answer.json()
    assert body["title"] == "Input validation failed"
    [entry] = body["invalid_fields"]
    assert (entry["field"], entry["type"]) == (field, kind)
    assert body["detail"] == f"- {field}: {entry['description']}\n"


def test_a_prompt_is_needed_and_every_mistake_is_listed(replicate: Replicate, simulators: Simulators) -> None:
    body = replicate.post(f"/models/{QWEN}/predictions", {"input": {"num_inference_steps": 99}}).json()
    assert body["detail"] == (
        "- input: prompt is required\n- input.num_inference_steps: Must be less than or equal to 50\n"
    )
    assert simulators.paid("replicate") == 0


@pytest.mark.parametrize(
    "right",
    [
        {"num_inference_steps": 1},
        {"num_inference_steps": 50},
        {"guidance": 0},
        {"guidance": 10},
        {"output_quality": 0},
        {"seed": 2**40},
        {"extra_lora_weights": [URL], "extra_lora_scale": [0.5]},
        {"num_outputs": 9, "unheard_of": True},
    ],
)
def test_edges_pass_and_unknown_keys_of_an_input_are_ignored(replicate: Replicate, right: dict[str, Any]) -> None:
    assert replicate.create(QWEN, right).status_code == 202


@pytest.mark.parametrize(
    ("body", "field", "kind"),
    [
        ({"input": {"prompt": "x"}, "inptu": 1}, "", "additional_property_not_allowed"),
        ({"input": {"prompt": "x"}, "version": "a"}, "", "additional_property_not_allowed"),
        ({"input": {"prompt": "x"}, "webhook": "http://example.com"}, "webhook", "format"),
        ({"input": {"prompt": "x"}, "webhook_events_filter": ["end"]}, "webhook_events_filter", "enum"),
        ({"input": "x"}, "input", "invalid_type"),
        ({}, "", "required"),
        ([], "", "invalid_type"),
    ],
)
def test_the_envelope_is_strict(replicate: Replicate, body: object, field: str, kind: str) -> None:
    answer = replicate.post(f"/models/{QWEN}/predictions", body)
    assert answer.status_code == 422
    assert [(entry["field"], entry["type"]) for entry in answer.json()["invalid_fields"]] == [(field, kind)]


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Key {key}", "{key}"])
def test_a_token_is_needed(replicate: Replicate, simulators: Simulators, authorization: str | None) -> None:
    key = simulators.addresses["replicate"]["key"]
    headers = {"Authorization": authorization.format(key=key)} if authorization else {}
    answer = WIRE.post(f"{replicate.base_url}/models/{QWEN}/predictions", json={}, headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (401, "Unauthenticated")


def test_official_models_run_by_name_and_others_by_version(replicate: Replicate) -> None:
    version = MODELS["stability-ai/sdxl"].version
    asked = {"input": {"prompt": "x"}}
    assert replicate.create("stability-ai/sdxl", {}).status_code == 404
    assert replicate.create("nobody/nothing", {}).status_code == 404
    assert replicate.create(QWEN, {}).json()["version"] == "hidden"
    for named in (version, f"stability-ai/sdxl:{version}", QWEN):
        assert replicate.post("/predictions", {"version": named, **asked}).status_code == 202
    for wrong in ("stability-ai/sdxl", "0" * 64, f"{QWEN}:{version}"):
        answer = replicate.post("/predictions", {"version": wrong, **asked})
        assert (answer.status_code, answer.json()["title"]) == (422, "Invalid version or not permitted")
