"""Runware's table of Qwen-Image (its page read 2026-11-21), row by row: what reaches the wire, and how."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Owned, Refused, TableError
from normalizers.rules import How
from simulators.runware.fields import SCHEDULERS
from tests.normalizers.offers import GENERATE, made_up, planned, refusal, row_of

QWEN = "runware/qwen-image"
FIXED = {"taskType": "imageInference", "deliveryMethod": "async", "outputType": "URL", "includeCost": True}
LORA = {"model": "civitai:120096@135931", "weight": 0.8}
GUIDE = {"model": "runware:36@1", "guideImage": "c64351d5-4c59-42f7-95e1-eace013eddab"}
CACHE = {"teaCache": True, "teaCacheDistance": 0.5, "cacheStartStepPercentage": 0, "cacheEndStepPercentage": 100}
FACES = {"ultralytics": {"CFGScale": 8, "confidence": 0.9, "maskBlur": 5, "steps": 20, "strength": 0.3}}

# | asked | wire field | sent | behavior |
ROWS: list[tuple[str, Any, str, Any, How]] = [
    ("prompt", "a lighthouse", "positivePrompt", "a lighthouse", "renamed"),
    ("negative_prompt", "blurry", "negativePrompt", "blurry", "renamed"),
    ("negativePrompt", "blurry", "negativePrompt", "blurry", "passthrough"),
    ("negative_prompt", "", "negativePrompt", " ", "converted"),
    ("seed", 0, "seed", 0, "passthrough"),
    ("seed", 2**63 - 1, "seed", 2**63 - 1, "passthrough"),
    ("num_inference_steps", 1, "steps", 1, "renamed"),
    ("steps", 50, "steps", 50, "passthrough"),
    ("cfg_scale", 1, "CFGScale", 1, "renamed"),
    ("CFGScale", 7.5, "CFGScale", 7.5, "passthrough"),
    ("guidance_scale", 20, "CFGScale", 20, "renamed"),
    ("scheduler", "DPM++ 2M Karras", "scheduler", "DPM++ 2M Karras", "passthrough"),
    ("sampler", "Euler", "scheduler", "Euler", "renamed"),
    ("n", 3, "numberResults", 3, "renamed"),
    ("numberResults", 10, "numberResults", 10, "passthrough"),
    ("output_format", "png", "outputFormat", "PNG", "converted"),
    ("output_format", "jpg", "outputFormat", "JPG", "converted"),
    ("output_format", "webp", "outputFormat", "WEBP", "converted"),
    ("output_format", "avif", "outputFormat", "PNG", "emulated"),
    ("outputFormat", "JPG", "outputFormat", "JPG", "passthrough"),
    ("safety", "on", "safety", {"checkContent": True}, "converted"),
    ("enable_safety_checker", False, "safety", {"checkContent": False}, "renamed"),
    ("ttl", 60, "ttl", 60, "passthrough"),
    ("loras", [LORA], "lora", [LORA], "renamed"),
    ("lora", [{**LORA, "transformer": "high"}], "lora", [{**LORA, "transformer": "high"}], "passthrough"),
    ("loras", [{"path": "civitai:1@2", "scale": -4}], "lora", [{"model": "civitai:1@2", "weight": -4}], "converted"),
    ("loras", ["urn:air:qwen:lora:civitai:1@2"], "lora", [{"model": "civitai:1@2", "weight": 1}], "converted"),
    ("control_nets", [GUIDE], "controlNet", [GUIDE], "renamed"),
    (
        "control_nets",
        [{"model": "runware:36@1", "image": "https://a.example/b.png", "start": 0, "end": 0.7, "mode": "prompt"}],
        "controlNet",
        [
            {
                "model": "runware:36@1",
                "guideImage": "https://a.example/b.png",
                "controlMode": "prompt",
                "startStepPercentage": 0,
                "endStepPercentage": 70,
            }
        ],
        "converted",
    ),
    ("acceleratorOptions", CACHE, "acceleratorOptions", CACHE, "passthrough"),
    ("advancedFeatures", FACES, "advancedFeatures", FACES, "passthrough"),
    ("settings", {"trueCFGScale": 4.5}, "settings", {"trueCFGScale": 4.5}, "passthrough"),
]


@pytest.mark.parametrize(("asked_as", "asked", "wire", "sent", "behavior"), ROWS)
def test_a_row_of_the_page(asked_as: str, asked: Any, wire: str, sent: Any, behavior: How) -> None:
    made = planned({asked_as: asked}, QWEN)
    (call,) = made.calls()
    assert call.payload[wire] == sent
    assert call.payload.items() >= FIXED.items()
    assert row_of(made, asked_as).behavior == behavior


def test_every_scheduler_of_the_official_client_is_known() -> None:
    for word in SCHEDULERS:
        assert planned({"scheduler": word}, QWEN).payload["scheduler"] == word
    assert len(SCHEDULERS) == 75


# | asked | the reason names |
OUTSIDE: list[tuple[str, Any, str]] = [
    ("num_inference_steps", 51, "from 1 to 50"),
    ("cfg_scale", 0.99, "from 1 to 20"),
    ("cfg_scale", 20.01, "from 1 to 20"),
    ("cfg_scale", 7.505, "such as 7.5"),
    ("seed", -1, "from 0 to"),
    ("scheduler", "euler", "Euler, Euler a"),
    ("scheduler", "karras", "55 others, which /v1/models lists"),
    ("ttl", 59, "from 60"),
    ("guidance", 3.5, "use cfg_scale"),
    ("background", "transparent", "opaque"),
    ("loras", [{"path": "civitai:1@2", "scale": 4.1}], "from -4 to 4"),
    ("loras", [{"path": "https://example.com/a.safetensors"}], "civitai:120096@135931"),
    ("loras", [{**LORA, "transformer": "middle"}], "high, low, both"),
    ("loras", [{**LORA, "strength": 1}], "path and scale"),
    ("loras", [{"path": "civitai:1@2", "scale": 0.333}], "such as 0.33"),
    ("loras", [7], "path"),
    ("control_nets", [{**GUIDE, "weight": 5}], "from -4 to 4"),
    ("control_nets", [{**GUIDE, "mode": "hard"}], "balanced, prompt, controlnet"),
    ("control_nets", [{**GUIDE, "start": 1.5}], "from 0 to 1"),
    ("control_nets", [{**GUIDE, "end": 0}], "from 1 to 100"),
    ("control_nets", [{**GUIDE, "start": 0.5, "end": 0.5}], "greater than its startStepPercentage"),
    ("control_nets", [{**GUIDE, "startStep": 5, "endStep": 4}], "greater than its startStep"),
    ("control_nets", [{"model": "runware:36@1"}], "without an image"),
    ("control_nets", [{"image": "https://a.example/b.png"}], "without a model"),
    ("control_nets", ["x"], "an object"),
    ("acceleratorOptions", {"teaCacheDistance": 1.1}, "from 0 to 1"),
    ("acceleratorOptions", {"cacheStartStep": 9, "cacheEndStep": 9}, "greater than its cacheStartStep"),
    ("acceleratorOptions", {"cacheMaxConsecutiveSteps": 6}, "from 1 to 5"),
    ("acceleratorOptions", {"turbo": True}, "unknown field 'turbo'"),
    ("advancedFeatures", {"ultralytics": {"maskPadding": 21}}, "from 0 to 20"),
    ("advancedFeatures", {"ultralytics": 7}, "an object"),
    ("outpaint", {"top": 64}, "no source picture"),
    ("unheard_of", 1, "rejects unknown fields"),
]


@pytest.mark.parametrize(("asked_as", "asked", "works"), OUTSIDE)
def test_beyond_the_edges_it_is_refused_here_and_never_clamped(asked_as: str, asked: Any, works: str) -> None:
    error = refusal({asked_as: asked}, QWEN)
    assert (type(error), error.param) == (Refused, asked_as)
    assert works in error.reason


def test_a_prompt_may_be_as_long_as_the_page_says() -> None:
    assert planned({"prompt": "x" * 32_000}, QWEN).payload["positivePrompt"] == "x" * 32_000
    assert type(refusal({"prompt": "x" * 32_001}, QWEN)) is BadValue


@pytest.mark.parametrize(
    ("size", "drawn"),
    [
        ("1024x768", (1024, 768)),
        ("1000x1000", (1008, 1008)),
        ("64x64", (128, 128)),
        ("4096x4096", (2048, 2048)),
        ("16:9", (1360, 768)),
        ("auto", (1024, 1024)),
    ],
)
def test_sides_are_whole_steps_of_16(size: str, drawn: tuple[int, int]) -> None:
    made = planned({"size": size}, QWEN)
    assert (made.payload.get("width"), made.payload.get("height")) == drawn
    if size == "1000x1000":
        assert row_of(made, "size").note == "nearest that the provider draws: 1008x1008"
        assert type(refusal({"size": size}, QWEN, strict=True)) is Refused


@pytest.mark.parametrize(
    ("asked", "sent", "quality"),
    [
        ({"output_format": "jpeg", "output_compression": 20}, ("JPG", 20), None),
        ({"output_format": "webp", "output_compression": 99}, ("WEBP", 99), None),
        ({"output_format": "jpeg", "output_compression": 19}, ("PNG", None), 19),
        ({"output_format": "jpeg", "output_compression": 100}, ("PNG", None), 100),
        ({"output_format": "avif", "output_compression": 50}, ("PNG", None), 50),
    ],
)
def test_a_quality_that_runware_does_not_take_is_left_to_the_gateway(
    asked: dict[str, Any], sent: tuple[str, int | None], quality: int | None
) -> None:
    made = planned(asked, QWEN)
    assert (made.payload["outputFormat"], made.payload.get("outputQuality")) == sent
    assert made.finishing is not None
    assert made.finishing.quality == quality


def test_the_plainest_request_and_its_defaults() -> None:
    made = planned({}, QWEN)
    assert made.calls()[0].payload == FIXED | {
        "positivePrompt": "a fox",
        "width": 1024,
        "height": 1024,
        "outputFormat": "PNG",
        "numberResults": 1,
    }
    assert {row.name: row.value for row in made.defaults if row.source == "provider"} == {
        "num_inference_steps": 20,
        "safety": "off",
    }
    assert made.price == 8600


def test_the_whole_example_of_the_page() -> None:
    example = {
        "negativePrompt": "misspelled text, unreadable letters",
        "width": 1024,
        "height": 768,
        "seed": 73347,
        "steps": 28,
        "scheduler": "DPM++ 2M Karras",
        "CFGScale": 7.5,
    }
    made = planned(example, QWEN)
    assert made.calls()[0].payload.items() >= example.items()
    told = {row.given_as: row.behavior for row in made.decisions if row.given_as in example}
    assert told == dict.fromkeys(example, "passthrough") | dict.fromkeys(("width", "height"), "converted")


def test_with_a_seed_each_picture_is_a_task_of_its_own() -> None:
    calls = planned({"n": 3, "seed": 7}, QWEN).calls()
    assert [(call.payload["seed"], call.payload["numberResults"]) for call in calls] == [(7, 1), (8, 1), (9, 1)]
    assert [call.payload["numberResults"] for call in planned({"n": 10}, QWEN).calls()] == [10]


@pytest.mark.parametrize(
    "field", ["taskUUID", "webhookURL", "uploadEndpoint", "deliveryMethod", "outputType", "includeCost", "taskType"]
)
def test_fields_of_the_gateways_own(field: str) -> None:
    assert type(refusal({"runware": {field: "x"}}, QWEN)) is Owned
    assert type(refusal({"runware": {"numberResults": 20}}, QWEN)) is Owned


def test_what_alibaba_draws_there_takes_neither_seed_nor_steps() -> None:
    made = planned({"seed": 7, "num_inference_steps": 20, "n": 3}, GENERATE["runware/qwen-image-2"])
    [call] = made.calls()
    square = {"width": 1024, "height": 1024}
    assert call.payload == FIXED | square | {"positivePrompt": "a fox", "outputFormat": "PNG", "numberResults": 3}
    assert {row_of(made, name).behavior for name in ("seed", "num_inference_steps")} == {"dropped"}


def test_flux_has_its_embedded_guidance_and_a_true_one() -> None:
    payload = planned({"guidance": 3.5, "cfg_scale": 2}, "runware/flux-dev").payload
    assert (payload["CFGScale"], payload["trueCFGScale"]) == (3.5, 2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ('x = { how = "converted", to = "x", by = "checked_object", type = "object" }', "needs a `table` of fields"),
        ('loras = { how = "converted", to = "x", by = "air_loras", table = { most = 3 } }', "unknown key 'most'"),
    ],
)
def test_a_table_of_fields_is_needed_and_one_of_limits_is_checked(params: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        made_up(params=params)


def test_a_list_of_loras_may_have_a_most() -> None:
    row = 'loras = { how = "converted", to = "lora", by = "air_loras", table = { max_items = 1 } }'
    assert "at most 1 LoRAs" in refusal({"loras": ["civitai:1@2"] * 2}, made_up(params=row)).reason


@pytest.mark.parametrize("offer", [QWEN, "runware/qwen-image-2", "runware/flux-2-pro"])
def test_levels_of_acceleration_that_only_others_have_are_dropped(offer: str) -> None:
    made = planned({"acceleration": "high"}, offer)
    assert row_of(made, "acceleration").behavior == "dropped"
    assert "acceleration" not in made.payload
