"""Replicate's models that take pictures (model pages, read 2026-11-21): the whole input of each, and refusals."""

from typing import Any

import pytest

from normalizers.errors import Refused
from normalizers.plan import Plan
from normalizers.source import Source
from tests.normalizers.offers import OFFERS, planned, refusal, row_of

WIDE = Source("aa", "png", 1200, 800, 10_000)
TALL = Source("bb", "jpeg", 600, 1000, 10_000)
GIF = Source("cc", "gif", 500, 500, 10_000)
MASK = Source("dd", "png", 1200, 800, 1_000)
LORA = {"path": "https://example.com/a.safetensors", "scale": 0.5}
PNG = {"output_format": "png"}


def plan_of(offer: str, **asked: Any) -> Plan:
    return planned({"image": [WIDE], **asked}, OFFERS[f"replicate/{offer}"])


# | offer | asked | the whole input but for the prompt |
BODIES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "qwen-image image_to_image",
        {"strength": 0.4, "seed": 7},
        {
            "image": WIDE,
            "strength": 0.4,
            "seed": 7,
            "aspect_ratio": "3:2",
            "enhance_prompt": False,
            **PNG,
        },
    ),
    (
        "qwen-image image_to_image",
        {"size": "16:9"},
        {"image": WIDE, "aspect_ratio": "16:9", "enhance_prompt": False, **PNG},
    ),
    ("qwen-image-edit edit", {}, {"image": WIDE, **PNG}),
    (
        "qwen-image-edit edit",
        {"size": "1:1", "go_fast": False},
        {"image": WIDE, "aspect_ratio": "1:1", "go_fast": False, **PNG},
    ),
    (
        "qwen-image-edit-plus edit",
        {"image": [WIDE, TALL]},
        {"image": [WIDE, TALL], "aspect_ratio": "match_input_image", **PNG},
    ),
    ("qwen-image-edit-plus edit", {"size": "9:16"}, {"image": [WIDE], "aspect_ratio": "9:16", **PNG}),
    ("qwen-image-2-pro edit", {}, {"image": WIDE, "size": "1200*800", "enable_prompt_expansion": False}),
    (
        "qwen-image-2-pro edit",
        {"size": "768x512"},
        {"image": WIDE, "size": "768*512", "enable_prompt_expansion": False},
    ),
    (
        "flux-dev image_to_image",
        {"strength": 0.3, "guidance": 4},
        {"image": WIDE, "prompt_strength": 0.3, "guidance": 4, "num_outputs": 1, **PNG},
    ),
    (
        "flux-kontext-pro edit",
        {},
        {"input_image": WIDE, "aspect_ratio": "match_input_image", "prompt_upsampling": False, **PNG},
    ),
    (
        "flux-kontext-pro edit",
        {"size": "3:2", "prompt_enhancement": "on"},
        {"input_image": WIDE, "aspect_ratio": "3:2", "prompt_upsampling": True, **PNG},
    ),
    (
        "flux-2-pro edit",
        {"image": [TALL, WIDE]},
        {"input_images": [TALL, WIDE], "aspect_ratio": "custom", "width": 608, "height": 992, **PNG},
    ),
    (
        "flux-2-pro edit",
        {"size": "1024x1024", "safety_tolerance": 5},
        {
            "input_images": [WIDE],
            "aspect_ratio": "custom",
            "width": 1024,
            "height": 1024,
            "safety_tolerance": 5,
            **PNG,
        },
    ),
    ("flux-2-dev edit", {"image": [GIF]}, {"input_images": [GIF], "aspect_ratio": "match_input_image", **PNG}),
    (
        "sdxl image_to_image",
        {"strength": 0.5, "cfg_scale": 6, "scheduler": "DDIM"},
        {"image": WIDE, "prompt_strength": 0.5, "guidance_scale": 6, "scheduler": "DDIM", "num_outputs": 1},
    ),
    (
        "sdxl-inpainting edit",
        {"mask": MASK},
        {"image": WIDE, "mask": MASK.prepared("mask_white"), "num_outputs": 1},
    ),
]


@pytest.mark.parametrize(("offer", "asked", "sent"), BODIES)
def test_the_whole_input_of_an_edit(offer: str, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    (call,) = plan_of(offer, **asked).calls()
    assert call.payload == {"prompt": "a fox", **sent}


@pytest.mark.parametrize(
    ("offer", "asked", "param", "works"),
    [
        ("qwen-image image_to_image", {"image": [WIDE, TALL]}, "image", "1 can be taken"),
        ("qwen-image image_to_image", {"loras": [LORA]}, "loras", "leave the source picture out"),
        ("qwen-image image_to_image", {"replicate_weights": "https://a.example/b"}, "replicate_weights", "from text"),
        ("qwen-image image_to_image", {"extra_lora_scale": [1]}, "extra_lora_scale", "from text"),
        ("qwen-image-edit edit", {"image": [WIDE, TALL]}, "image", "1 can be taken"),
        ("flux-2-pro edit", {"image": [WIDE] * 9}, "image", "1 to 8 can be taken"),
        ("flux-2-pro edit", {"safety_tolerance": 6}, "safety_tolerance", "from 1 to 5"),
        ("flux-kontext-pro edit", {"safety_tolerance": 3}, "safety_tolerance", "from 0 to 2"),
        ("flux-2-dev edit", {"image": [WIDE] * 5}, "image", "1 to 4 can be taken"),
        ("flux-kontext-pro edit", {"safety": "off"}, "safety", "use on"),
        ("qwen-image-edit edit", {"mask": MASK}, "mask", "takes no mask"),
        ("sdxl-inpainting edit", {}, "mask", "cannot work without"),
        ("sdxl image_to_image", {"scheduler": "euler"}, "scheduler", "K_EULER"),
        ("sdxl image_to_image", {"refine": "yes"}, "refine", "no_refiner"),
    ],
)
def test_what_cannot_be_honoured(offer: str, asked: dict[str, Any], param: str, works: str) -> None:
    error = refusal({"image": [WIDE], **asked}, OFFERS[f"replicate/{offer}"])
    assert (type(error), error.param) == (Refused, param)
    assert works in error.reason


def test_a_file_may_not_be_larger_than_the_files_api_takes() -> None:
    huge = Source("ee", "png", 9000, 9000, 100_000_001)
    error = refusal({"image": [huge]}, OFFERS["replicate/qwen-image-edit edit"])
    assert "100,000,000" in error.reason


def test_formats_that_are_not_read_become_png() -> None:
    avif = Source("ff", "avif", 500, 500, 10_000)
    assert plan_of("qwen-image-edit edit", image=[avif]).payload["image"] == avif.prepared("png")
    assert plan_of("flux-2-dev edit", image=[avif]).payload["input_images"] == [avif.prepared("png")]


def test_small_pictures_travel_inline_and_others_through_the_files_api() -> None:
    """A data URI of 256,000 characters, as far as Replicate advises it, holds less than 192,000 bytes."""
    for name, offer in OFFERS.items():
        if offer.provider == "replicate" and offer.operation != "generate":
            assert offer.sources.ways == ("data_uri", "upload"), name
            assert offer.sources.inline_bytes * 4 / 3 + 100 < 256_000, name


def test_the_provider_own_names_carry_the_same() -> None:
    made = planned({"input_images": [WIDE]}, OFFERS["replicate/flux-2-pro edit"])
    assert made.payload["input_images"] == [WIDE]
    assert row_of(made, "input_images").name == "image"


def test_a_community_model_is_named_by_its_version() -> None:
    for operation in ("generate", "image_to_image"):
        name, _colon, version = OFFERS[f"replicate/sdxl {operation}"].upstream.partition(":")
        assert (name, len(version)) == ("stability-ai/sdxl", 64)
