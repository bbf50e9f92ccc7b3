"""Replicate's input tables (model pages, Lumenfall's and Oxen's pages, read 2026-11-21): what reaches the wire, how."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Owned, Refused
from normalizers.rules import How
from tests.normalizers.offers import OFFERS, carried, planned, refusal, row_of

QWEN = "replicate/qwen-image"
URL = "https://example.com/a.safetensors"
ONE = {"path": URL, "scale": 0.5}
WEIGHTS = "lora_weights+lora_scale"

# | asked | wire field | sent | behavior |
ROWS: list[tuple[str, Any, str, Any, How]] = [
    ("prompt", "Mount Fuji", "prompt", "Mount Fuji", "passthrough"),
    ("negative_prompt", " ", "negative_prompt", " ", "passthrough"),
    ("aspect_ratio", "16:9", "aspect_ratio", "16:9", "passthrough"),
    ("aspect_ratio", "2:3", "aspect_ratio", "2:3", "passthrough"),
    ("aspect_ratio", "7:1", "aspect_ratio", "16:9", "converted"),
    ("size", "4:3", "aspect_ratio", "4:3", "renamed"),
    ("size", "1365x768", "aspect_ratio", "16:9", "converted"),
    ("size", "512x512", "aspect_ratio", "1:1", "converted"),
    ("image_size", "optimize_for_speed", "image_size", "optimize_for_speed", "passthrough"),
    ("num_inference_steps", 1, "num_inference_steps", 1, "passthrough"),
    ("num_inference_steps", 50, "num_inference_steps", 50, "passthrough"),
    ("steps", 28, "num_inference_steps", 28, "renamed"),
    ("guidance", 3, "guidance", 3, "passthrough"),
    ("guidance_scale", 2.5, "guidance", 2.5, "renamed"),
    ("cfg_scale", 10, "guidance", 10, "renamed"),
    ("seed", 0, "seed", 0, "passthrough"),
    ("seed", 2147483647, "seed", 2147483647, "passthrough"),
    ("output_format", "png", "output_format", "png", "passthrough"),
    ("output_format", "webp", "output_format", "webp", "passthrough"),
    ("output_format", "jpg", "output_format", "jpg", "passthrough"),
    ("output_format", "jpeg", "output_format", "jpg", "converted"),
    ("output_format", "avif", "output_format", "png", "emulated"),
    ("disable_safety_checker", True, "disable_safety_checker", True, "passthrough"),
    ("safety", "off", "disable_safety_checker", True, "converted"),
    ("safety", "on", "disable_safety_checker", False, "converted"),
    ("go_fast", False, "go_fast", False, "passthrough"),
    ("acceleration", "none", "go_fast", False, "converted"),
    ("acceleration", "regular", "go_fast", True, "converted"),
    ("enhance_prompt", True, "enhance_prompt", True, "passthrough"),
    ("prompt_enhancement", "off", "enhance_prompt", False, "converted"),
    ("extra_lora_weights", [URL], "extra_lora_weights", [URL], "passthrough"),
    ("extra_lora_scale", [0.5], "extra_lora_scale", [0.5], "passthrough"),
    ("replicate_weights", URL, "replicate_weights", URL, "passthrough"),
    ("num_layers", 4, "num_layers", 4, "passthrough"),
]


@pytest.mark.parametrize(("asked_as", "asked", "sent_as", "sent", "behavior"), ROWS)
def test_a_row_of_the_input_table(asked_as: str, asked: Any, sent_as: str, sent: Any, behavior: How) -> None:
    carried(QWEN, asked_as, asked, sent=(sent_as, sent), behavior=behavior)


@pytest.mark.parametrize(
    ("loras", "sent"),
    [
        ([], {}),
        ([URL], {"lora_weights": URL, "lora_scale": 1}),
        ([ONE], {"lora_weights": URL, "lora_scale": 0.5}),
        (
            [ONE, {"path": "b", "scale": 2}, "c"],
            {
                "lora_weights": URL,
                "lora_scale": 0.5,
                "extra_lora_weights": ["b", "c"],
                "extra_lora_scale": [2, 1],
            },
        ),
    ],
)
def test_loras_are_spread_over_their_fields(loras: list[Any], sent: dict[str, Any]) -> None:
    made = planned({"loras": loras}, QWEN)
    assert {name: value for name, value in made.calls()[0].payload.items() if "lora" in name} == sent
    row = row_of(made, "loras")
    assert (row.behavior, row.sent_as, row.sent) == ("converted", WEIGHTS, sent)


def test_replicates_own_names_for_loras() -> None:
    made = planned({"lora_weights": URL, "lora_scale": 0.5, "extra_lora_weights": ["b"]}, QWEN)
    payload = made.calls()[0].payload
    assert (payload["lora_weights"], payload["lora_scale"], payload["extra_lora_weights"]) == (URL, 0.5, ["b"])
    assert row_of(made, "lora_weights").name == row_of(made, "lora_scale").name == "loras"


@pytest.mark.parametrize(
    "body",
    [
        {"loras": [ONE, "b"], "extra_lora_weights": ["c"]},
        {"extra_lora_weights": ["c"], "loras": [ONE, "b"]},
        {"cfg_scale": 3, "guidance": 4},
        {"acceleration": "none", "go_fast": True},
        {"loras": [ONE], "lora_weights": "c"},
    ],
)
def test_two_parameters_of_one_field_must_agree(body: dict[str, Any]) -> None:
    error = refusal(body, QWEN)
    assert type(error) is BadValue
    assert error.param in body


# | offer | asked | the reason names |
OUTSIDE: list[tuple[str, str, Any, str]] = [
    ("qwen-image", "num_inference_steps", 51, "from 1 to 50"),
    ("qwen-image", "guidance", 10.1, "from 0 to 10"),
    ("qwen-image", "cfg_scale", 11, "from 0 to 10"),
    ("qwen-image", "image_size", "1024x1024", "optimize_for_quality, optimize_for_speed"),
    ("qwen-image", "acceleration", "high", "none, regular"),
    ("qwen-image", "go_fast", 1, "must be true or false"),
    ("qwen-image", "seed", 2147483648, "from 0 to 2147483647"),
    ("qwen-image", "extra_lora_weights", URL, "a list"),
    ("qwen-image", "loras", [5], "path"),
    ("qwen-image", "scheduler", "K_EULER", "leave it out"),
    ("qwen-image", "version", "2512", "latest"),
    ("qwen-image", "background", "transparent", "opaque"),
    ("qwen-image-2-pro", "safety", "off", "use on"),
    ("qwen-image-2-pro", "loras", [ONE], "no LoRAs"),
    ("flux-schnell", "num_inference_steps", 5, "from 1 to 4"),
    ("flux-schnell", "negative_prompt", "blur", "no negative prompt"),
    ("flux-dev", "cfg_scale", 3, "use guidance"),
    ("flux-dev", "guidance", 11, "from 0 to 10"),
]


@pytest.mark.parametrize(("model", "asked_as", "asked", "works"), OUTSIDE)
def test_beyond_the_edges_it_is_refused_here_and_never_clamped(
    model: str, asked_as: str, asked: Any, works: str
) -> None:
    error = refusal({asked_as: asked}, f"replicate/{model}")
    assert (type(error), error.param) == (Refused, asked_as)
    assert works in error.reason


def test_what_is_sent_without_being_asked_and_what_replicate_does_by_itself() -> None:
    made = planned({}, QWEN)
    assert made.calls()[0].payload == {
        "prompt": "a fox",
        "aspect_ratio": "1:1",
        "output_format": "png",
        "enhance_prompt": False,
    }
    assert {row.name: row.value for row in made.defaults if row.source == "provider"} == {
        "safety": "on",
        "negative_prompt": " ",
        "image_size": "optimize_for_quality",
        "num_inference_steps": 30,
        "cfg_scale": 3,
        "go_fast": True,
    }
    assert {row.name: row.value for row in made.defaults if row.source == "gateway"} == {
        "size": "1:1",
        "output_format": "png",
        "prompt_enhancement": False,
    }


def test_the_whole_example_of_oxens_page() -> None:
    example = {
        "prompt": "A beautiful landscape painting of a serene lake with mountains in the background",
        "negative_prompt": " ",
        "aspect_ratio": "16:9",
        "image_size": "optimize_for_quality",
        "num_inference_steps": 30,
        "guidance": 3,
        "output_format": "jpg",
        "output_quality": 80,
        "disable_safety_checker": False,
    }
    made = planned(example, QWEN)
    assert made.calls()[0].payload == {**example, "enhance_prompt": False}
    rows = {row.given_as: row.behavior for row in made.decisions}
    assert rows.pop("output_quality") == "passthrough"
    assert set(rows.values()) == {"passthrough"}


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"size": "1344x768"}, {"aspect_ratio": "16:9", "megapixels": "1"}),
        ({"size": "21:9"}, {"aspect_ratio": "21:9", "megapixels": "1"}),
        ({"resolution": "0.5K"}, {"aspect_ratio": "1:1", "megapixels": "0.25"}),
        ({"aspect_ratio": "9:16", "resolution": "0.25"}, {"aspect_ratio": "9:16", "megapixels": "0.25"}),
        ({"megapixels": "0.25"}, {"aspect_ratio": "1:1", "megapixels": "0.25"}),
        ({"size": "4096x4096"}, {"aspect_ratio": "1:1", "megapixels": "1"}),
        ({}, {"aspect_ratio": "1:1", "megapixels": "1"}),
    ],
)
def test_fluxs_ratios_and_megapixels(asked: dict[str, Any], sent: dict[str, Any]) -> None:
    payload = planned(asked, "replicate/flux-schnell").calls()[0].payload
    assert {name: payload[name] for name in ("aspect_ratio", "megapixels")} == sent


def test_pixels_that_flux_draws_are_met_and_others_are_reported() -> None:
    met = planned({"size": "1216x832"}, "replicate/flux-dev", strict=True)
    assert met.pixels == (1216, 832)
    near = planned({"size": "1280x720"}, "replicate/flux-dev")
    assert (near.pixels, row_of(near, "size").note) == ((1344, 768), "nearest that the provider draws: 16:9 at 1")
    assert type(refusal({"size": "1280x720"}, "replicate/flux-dev", strict=True)) is Refused


def test_several_pictures_are_native_at_flux_and_calls_at_qwen() -> None:
    assert [call.payload["num_outputs"] for call in planned({"n": 6}, "replicate/flux-dev").calls()] == [4, 2]
    with_seed = planned({"n": 3, "seed": 7}, "replicate/flux-dev").calls()
    assert [(call.payload["num_outputs"], call.payload["seed"]) for call in with_seed] == [(1, 7), (1, 8), (1, 9)]
    calls = planned({"n": 3, "seed": 7}, QWEN).calls()
    assert [call.payload["seed"] for call in calls] == [7, 8, 9]
    assert "num_outputs" not in calls[0].payload
    assert row_of(planned({"num_outputs": 3}, QWEN), "num_outputs").behavior == "emulated"


def test_the_other_forms_of_a_size() -> None:
    assert planned({"size": "768x512"}, "replicate/qwen-image-2-pro").payload["size"] == "768*512"
    assert "output_format" not in planned({}, "replicate/qwen-image-2-pro").payload


@pytest.mark.parametrize(
    ("asked", "sides"),
    [
        ({}, (1024, 1024)),
        ({"size": "auto"}, (1024, 1024)),
        ({"size": "1000x640"}, (992, 640)),
        ({"size": "2048x1536"}, (2048, 1536)),
    ],
)
def test_sides_count_only_beside_the_ratio_custom(asked: dict[str, Any], sides: tuple[int, int]) -> None:
    """Without the word, FLUX.2 [pro] draws a square of a megapixel, whatever the sides say (its page)."""
    payload = planned(asked, "replicate/flux-2-pro").payload
    assert (payload["aspect_ratio"], payload["width"], payload["height"]) == ("custom", *sides)
    assert "resolution" not in payload


@pytest.mark.parametrize("field", ["webhook", "webhook_events_filter", "input"])
def test_fields_of_the_gateways_own(field: str) -> None:
    for body in ({field: "https://example.com/hook"}, {"replicate": {field: "https://example.com/hook"}}):
        assert type(refusal(body, QWEN)) is Owned


def test_prices_that_nobody_published_here_are_a_maximum() -> None:
    assert planned({}, QWEN).price == 30_000
    assert not OFFERS["replicate/qwen-image generate"].price.published
    schnell = planned({}, "replicate/flux-schnell")
    assert (schnell.price, schnell.offer.price.published) == (3_000, True)
