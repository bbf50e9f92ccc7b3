"""fal's input table for fal-ai/qwen-image (API page read 2026-11-21), row by row: what reaches the wire, and how."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Owned, Refused
from normalizers.rules import How
from tests.normalizers.offers import GENERATE, carried, planned, refusal, row_of

QWEN = "fal/qwen-image"
LORA = {"path": "https://example.com/a.safetensors", "scale": 1}

# | asked | wire field | sent | behavior |
ROWS: list[tuple[str, Any, str, Any, How]] = [
    ("prompt", "Mount Fuji with cherry blossoms", "prompt", "Mount Fuji with cherry blossoms", "passthrough"),
    ("image_size", "landscape_4_3", "image_size", "landscape_4_3", "passthrough"),
    ("image_size", "square_hd", "image_size", "square_hd", "passthrough"),
    ("image_size", "square", "image_size", "square", "passthrough"),
    ("image_size", "portrait_4_3", "image_size", "portrait_4_3", "passthrough"),
    ("image_size", "portrait_16_9", "image_size", "portrait_16_9", "passthrough"),
    ("image_size", "landscape_16_9", "image_size", "landscape_16_9", "passthrough"),
    ("image_size", {"width": 1280, "height": 720}, "image_size", {"width": 1280, "height": 720}, "passthrough"),
    ("image_size", {"width": 1024, "height": 768}, "image_size", "landscape_4_3", "converted"),
    ("size", "1280x720", "image_size", {"width": 1280, "height": 720}, "converted"),
    ("num_inference_steps", 2, "num_inference_steps", 2, "passthrough"),
    ("num_inference_steps", 30, "num_inference_steps", 30, "passthrough"),
    ("num_inference_steps", 250, "num_inference_steps", 250, "passthrough"),
    ("steps", 28, "num_inference_steps", 28, "renamed"),
    ("seed", 0, "seed", 0, "passthrough"),
    ("seed", 4294967295, "seed", 4294967295, "passthrough"),
    ("guidance_scale", 0, "guidance_scale", 0, "passthrough"),
    ("guidance_scale", 2.5, "guidance_scale", 2.5, "passthrough"),
    ("guidance_scale", 20, "guidance_scale", 20, "passthrough"),
    ("cfg_scale", 2.5, "guidance_scale", 2.5, "renamed"),
    ("sync_mode", True, "sync_mode", True, "passthrough"),
    ("sync_mode", False, "sync_mode", False, "passthrough"),
    ("num_images", 1, "num_images", 1, "passthrough"),
    ("num_images", 4, "num_images", 4, "passthrough"),
    ("n", 4, "num_images", 4, "renamed"),
    ("enable_safety_checker", True, "enable_safety_checker", True, "passthrough"),
    ("enable_safety_checker", False, "enable_safety_checker", False, "passthrough"),
    ("safety", "off", "enable_safety_checker", False, "converted"),
    ("output_format", "png", "output_format", "png", "passthrough"),
    ("output_format", "jpeg", "output_format", "jpeg", "passthrough"),
    ("output_format", "jpg", "output_format", "jpeg", "converted"),
    ("output_format", "webp", "output_format", "png", "emulated"),
    ("negative_prompt", "blurry, ugly", "negative_prompt", "blurry, ugly", "passthrough"),
    ("negative_prompt", " ", "negative_prompt", " ", "passthrough"),
    ("acceleration", "none", "acceleration", "none", "passthrough"),
    ("acceleration", "regular", "acceleration", "regular", "passthrough"),
    ("acceleration", "high", "acceleration", "high", "passthrough"),
    ("loras", [], "loras", [], "passthrough"),
    ("loras", [LORA] * 3, "loras", [LORA] * 3, "passthrough"),
    ("loras", [{"path": "a"}], "loras", [{"path": "a", "scale": 1}], "converted"),
    ("loras", [{"name": "a", "weight": 0.5}], "loras", [{"path": "a", "scale": 0.5}], "converted"),
    ("loras", [{"path": "a", "scale": 0}], "loras", [{"path": "a", "scale": 0}], "passthrough"),
    ("loras", [{"path": "a", "scale": 4}], "loras", [{"path": "a", "scale": 4}], "passthrough"),
    ("use_turbo", True, "use_turbo", True, "passthrough"),
]


@pytest.mark.parametrize(("asked_as", "asked", "sent_as", "sent", "behavior"), ROWS)
def test_a_row_of_the_input_table(asked_as: str, asked: Any, sent_as: str, sent: Any, behavior: How) -> None:
    carried(QWEN, asked_as, asked, sent=(sent_as, sent), behavior=behavior)


# | asked | the reason names |
OUTSIDE: list[tuple[str, Any, str]] = [
    ("num_inference_steps", 1, "from 2 to 250"),
    ("num_inference_steps", 251, "from 2 to 250"),
    ("guidance_scale", 20.01, "from 0 to 20"),
    ("cfg_scale", 100, "from 0 to 20"),
    ("seed", -1, "from 0 to 4294967295"),
    ("seed", 4294967296, "from 0 to 4294967295"),
    ("acceleration", "higher", "none, regular, high"),
    ("sync_mode", 1, "must be true or false"),
    ("use_turbo", "yes", "must be true or false"),
    ("loras", [LORA] * 4, "at most 3"),
    ("loras", [{"path": "a", "scale": 4.1}], "from 0 to 4"),
    ("loras", [{"path": "a", "scale": -0.1}], "from 0 to 4"),
    ("loras", [{"path": ""}], "path"),
    ("loras", [{"path": "a", "strength": 1}], "path and scale"),
    ("loras", [5], "path"),
    ("image_size", "portrait_3_2", "1024x1024"),
    ("guidance", 3.5, "use cfg_scale"),
    ("background", "transparent", "opaque"),
]


@pytest.mark.parametrize(("asked_as", "asked", "works"), OUTSIDE)
def test_beyond_the_edges_it_is_refused_here_and_never_clamped(asked_as: str, asked: Any, works: str) -> None:
    error = refusal({asked_as: asked}, QWEN)
    assert (type(error), error.param) == (Refused, asked_as)
    assert works in error.reason
    assert QWEN in error.reason


NOWHERE: list[tuple[str, Any, str]] = [
    ("num_inference_steps", 30.0, "an integer"),
    ("num_inference_steps", True, "an integer"),
    ("guidance_scale", "2.5", "a number"),
    ("guidance_scale", -0.1, "from 0 to 100"),
    ("seed", 1.5, "an integer"),
    ("num_images", 20, "from 1 to 10"),
    ("num_images", 0, "from 1 to 10"),
    ("output_format", "bmp", "png, jpeg, webp, avif, gif"),
    ("enable_safety_checker", "maybe", "on, off"),
    ("negative_prompt", 5, "a string"),
    ("loras", {"0": LORA}, "a list"),
    ("image_size", {"width": 14143, "height": 1}, "14142"),
]


@pytest.mark.parametrize(("asked_as", "asked", "works"), NOWHERE)
def test_what_no_provider_takes_is_the_callers_mistake(asked_as: str, asked: Any, works: str) -> None:
    error = refusal({asked_as: asked}, QWEN)
    assert (type(error), error.param) == (BadValue, asked_as)
    assert works in error.reason


def test_the_defaults_of_the_page_are_reported_and_not_sent() -> None:
    made = planned({}, QWEN)
    assert {row.name: row.value for row in made.defaults if row.source == "provider"} == {
        "num_inference_steps": 30,
        "cfg_scale": 2.5,
        "safety": "on",
        "negative_prompt": " ",
        "acceleration": "none",
        "sync_mode": False,
        "use_turbo": False,
    }
    assert made.calls()[0].payload == {
        "prompt": "a fox",
        "image_size": "square_hd",
        "num_images": 1,
        "output_format": "png",
    }
    assert {row.name: row.value for row in made.defaults if row.source == "gateway"} == {
        "size": "square_hd",
        "n": 1,
        "output_format": "png",
    }


def test_the_whole_example_of_the_page() -> None:
    example = {
        "prompt": "Mount Fuji with cherry blossoms in the foreground",
        "image_size": "landscape_4_3",
        "num_inference_steps": 30,
        "guidance_scale": 2.5,
        "num_images": 1,
        "enable_safety_checker": True,
        "output_format": "png",
        "negative_prompt": "blurry, ugly",
        "acceleration": "none",
    }
    made = planned(example, QWEN)
    assert made.calls()[0].payload == example
    assert {row.behavior for row in made.decisions} == {"passthrough"}


@pytest.mark.parametrize("field", ["fal_webhook", "webhook", "webhookUrl", "fal_max_queue_length"])
def test_fields_of_the_gateways_own(field: str) -> None:
    for body in ({field: "https://example.com/hook"}, {"fal": {field: "https://example.com/hook"}}):
        error = refusal(body, QWEN)
        assert (type(error), error.param) == (Owned, field if field in body else f"fal.{field}")


@pytest.mark.parametrize("field", ["num_images", "model"])
def test_fields_of_the_gateways_own_in_fals_object(field: str) -> None:
    assert type(refusal({"fal": {field: 20}}, QWEN)) is Owned


def test_nothing_unknown_may_change_a_known_wire_field() -> None:
    assert "image_size" in GENERATE[QWEN].native
    error = refusal({"size": "1024x768", "fal": {"image_size": "square"}}, QWEN)
    assert (type(error), error.param) == (BadValue, "fal.image_size")


def test_flux_takes_the_embedded_guidance_under_the_same_wire_name() -> None:
    made = planned({"guidance_scale": 3.5}, "fal/flux-dev")
    assert made.payload["guidance_scale"] == 3.5
    assert row_of(made, "guidance_scale").name == "guidance"
    assert "use guidance" in refusal({"cfg_scale": 3.5}, "fal/flux-dev").reason
    assert type(refusal({"num_inference_steps": 13}, "fal/flux-schnell")) is Refused


@pytest.mark.parametrize(
    ("offer", "asked", "sent"),
    [
        (
            "qwen-image-2512",
            {"size": "square", "acceleration": "high", "output_format": "webp"},
            {"image_size": "square", "acceleration": "high", "output_format": "webp", "num_images": 1},
        ),
        (
            "qwen-image-2",
            {"prompt_enhancement": "on", "negative_prompt": "blur", "n": 4},
            {
                "image_size": "square_hd",
                "enable_prompt_expansion": True,
                "negative_prompt": "blur",
                "num_images": 4,
                "output_format": "png",
            },
        ),
        (
            "qwen-image-2-pro",
            {"size": "4096x4096"},
            {
                "image_size": {"width": 2048, "height": 2048},
                "enable_prompt_expansion": False,
                "num_images": 1,
                "output_format": "png",
            },
        ),
        (
            "flux-dev-lora",
            {"guidance": 0, "loras": [LORA]},
            {"image_size": "square_hd", "guidance_scale": 0, "loras": [LORA], "num_images": 1, "output_format": "jpeg"},
        ),
        (
            "flux-1.1-pro",
            {"safety_tolerance": "6"},
            {
                "image_size": "square_hd",
                "safety_tolerance": "6",
                "enhance_prompt": False,
                "num_images": 1,
                "output_format": "jpeg",
            },
        ),
        ("flux-2-pro", {"seed": 7}, {"image_size": "square_hd", "seed": 7, "output_format": "jpeg"}),
        (
            "sdxl",
            {"n": 8, "cfg_scale": 7},
            {"image_size": "square_hd", "guidance_scale": 7, "expand_prompt": False, "num_images": 8, "format": "jpeg"},
        ),
    ],
)
def test_the_whole_body_at_fals_other_models(offer: str, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    (call,) = planned(asked, f"fal/{offer}").calls()
    assert call.payload == {"prompt": "a fox", **sent}


def test_a_model_without_a_count_takes_a_call_a_picture() -> None:
    assert len(planned({"n": 3}, "fal/flux-2-pro").calls()) == 3


@pytest.mark.parametrize("offer", ["flux-dev-lora", "sdxl"])
def test_models_whose_loras_are_not_counted(offer: str) -> None:
    assert len(planned({"loras": [LORA] * 5}, f"fal/{offer}").payload["loras"]) == 5


@pytest.mark.parametrize(
    ("offer", "asked", "param", "works"),
    [
        ("qwen-image-max", {"seed": 2**31}, "seed", "from 0 to 2147483647"),
        ("sdxl", {"loras": [{"path": "a", "scale": 1.1}]}, "loras", "from 0 to 1"),
        ("flux-dev-lora", {"loras": [{"path": "a", "scale": 4.1}]}, "loras", "from 0 to 4"),
    ],
)
def test_the_limits_of_the_other_models(offer: str, asked: dict[str, Any], param: str, works: str) -> None:
    error = refusal(asked, f"fal/{offer}")
    assert (type(error), error.param) == (Refused, param)
    assert works in error.reason


def test_flux_2_draws_sides_from_512_to_2048() -> None:
    assert planned({"size": "256x256"}, "fal/flux-2-dev").payload["image_size"] == "square"
    assert planned({"size": "4096x2048"}, "fal/flux-2-dev").payload["image_size"] == {"width": 2048, "height": 1024}
