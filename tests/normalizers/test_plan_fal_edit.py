"""fal's models that take pictures (their OpenAPI, read 2026-11-21): the whole body of each, and what is refused."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Refused
from normalizers.plan import Plan
from normalizers.source import Source
from tests.normalizers.offers import OFFERS, planned, refusal, row_of

WIDE = Source("aa", "png", 1200, 800, 10_000)
TALL = Source("bb", "jpeg", 600, 1000, 10_000)
MASK = Source("dd", "png", 1200, 800, 1_000)
LORA = {"path": "https://example.com/a.safetensors", "scale": 0.5}
PNG = {"num_images": 1, "output_format": "png"}
JPEG = {"num_images": 1, "output_format": "jpeg"}
AS_WIDE = {"image_size": {"width": 1200, "height": 800}}


def plan_of(offer: str, **asked: Any) -> Plan:
    return planned({"image": [WIDE], **asked}, OFFERS[f"fal/{offer}"])


# | offer | asked | the whole body but for the prompt |
BODIES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "qwen-image image_to_image",
        {"strength": 0.4, "loras": [LORA], "use_turbo": True, "negative_prompt": "blur"},
        {"image_url": WIDE, "strength": 0.4, "loras": [LORA], "use_turbo": True, "negative_prompt": "blur", **PNG},
    ),
    ("qwen-image image_to_image", {"size": "square"}, {"image_url": WIDE, "image_size": "square", **PNG}),
    (
        "qwen-image-edit edit",
        {"steps": 50, "acceleration": "high"},
        {"image_url": WIDE, "num_inference_steps": 50, "acceleration": "high", **PNG},
    ),
    (
        "qwen-image-edit edit",
        {"size": "1280x720"},
        {"image_url": WIDE, "image_size": {"width": 1280, "height": 720}, **PNG},
    ),
    ("qwen-image-edit image_to_image", {"strength": 0.01}, {"image_url": WIDE, "strength": 0.01, **PNG}),
    (
        "qwen-image-edit-inpaint edit",
        {"mask": MASK, "strength": 1},
        {"image_url": WIDE, "mask_url": MASK.prepared("mask_white"), "strength": 1, **PNG},
    ),
    ("qwen-image-edit-lora edit", {"loras": [LORA]}, {"image_url": WIDE, "loras": [LORA], **PNG}),
    ("qwen-image-edit-plus edit", {"image": [WIDE, TALL]}, {"image_urls": [WIDE, TALL], **AS_WIDE, **PNG}),
    ("qwen-image-edit-plus edit", {"size": "1024x768"}, {"image_urls": [WIDE], "image_size": "landscape_4_3", **PNG}),
    ("qwen-image-edit-plus-lora edit", {"image": [WIDE, TALL]}, {"image_urls": [WIDE, TALL], **AS_WIDE, **PNG}),
    ("qwen-image-edit-2511 edit", {"cfg_scale": 1}, {"image_urls": [WIDE], "guidance_scale": 1, **PNG}),
    ("qwen-image-edit-2511-lora edit", {"loras": [LORA]}, {"image_urls": [WIDE], "loras": [LORA], **PNG}),
    (
        "qwen-image-2-edit edit",
        {"image": [WIDE, TALL, WIDE], "n": 6},
        {
            "image_urls": [WIDE, TALL, WIDE],
            **AS_WIDE,
            "num_images": 6,
            "output_format": "png",
            "enable_prompt_expansion": False,
        },
    ),
    (
        "qwen-image-2-pro edit",
        {"image": [TALL], "prompt_enhancement": "on"},
        {"image_urls": [TALL], "image_size": {"width": 600, "height": 1000}, "enable_prompt_expansion": True, **PNG},
    ),
    ("qwen-image-max edit", {}, {"image_urls": [WIDE], **AS_WIDE, "enable_prompt_expansion": False, **PNG}),
    ("flux-dev image_to_image", {"guidance": 4}, {"image_url": WIDE, "guidance_scale": 4, **JPEG}),
    ("flux-dev-lora image_to_image", {"loras": [LORA]}, {"image_url": WIDE, **AS_WIDE, "loras": [LORA], **JPEG}),
    (
        "flux-kontext-pro edit",
        {"safety_tolerance": "5"},
        {"image_url": WIDE, "safety_tolerance": "5", "enhance_prompt": False, **JPEG},
    ),
    (
        "flux-kontext-max edit",
        {"size": "2:3"},
        {"image_url": WIDE, "aspect_ratio": "2:3", "enhance_prompt": False, **JPEG},
    ),
    ("flux-kontext-dev edit", {}, {"image_url": WIDE, "resolution_mode": "match_input", **JPEG}),
    ("flux-kontext-dev edit", {"size": "16:9"}, {"image_url": WIDE, "resolution_mode": "16:9", **JPEG}),
    ("flux-kontext-dev edit", {"size": "5:4"}, {"image_url": WIDE, "resolution_mode": "5:4", **JPEG}),
    (
        "flux-2-dev edit",
        {"image": [WIDE] * 4},
        {"image_urls": [WIDE] * 4, **AS_WIDE, "enable_prompt_expansion": False, **PNG},
    ),
    (
        "flux-2-dev edit",
        {"size": "256x256"},
        {"image_urls": [WIDE], "image_size": "square", "enable_prompt_expansion": False, **PNG},
    ),
    ("flux-2-pro edit", {}, {"image_urls": [WIDE], "image_size": "auto", "output_format": "jpeg"}),
    (
        "flux-2-pro edit",
        {"size": "1024x1024"},
        {"image_urls": [WIDE], "image_size": "square_hd", "output_format": "jpeg"},
    ),
    (
        "sdxl image_to_image",
        {"strength": 0.5, "output_format": "png"},
        {"image_url": WIDE, **AS_WIDE, "strength": 0.5, "expand_prompt": False, "num_images": 1, "format": "png"},
    ),
    (
        "sdxl-inpainting edit",
        {"mask": MASK},
        {
            "image_url": WIDE,
            "mask_url": MASK.prepared("mask_white"),
            **AS_WIDE,
            "expand_prompt": False,
            "num_images": 1,
            "format": "jpeg",
        },
    ),
    ("nano-banana edit", {"image": [WIDE, TALL]}, {"image_urls": [WIDE, TALL], "aspect_ratio": "auto", **PNG}),
    ("seedream-4 edit", {"image": [WIDE]}, {"image_urls": [WIDE], **AS_WIDE, "num_images": 1}),
    ("seedream-4 edit", {"size": "auto"}, {"image_urls": [WIDE], "image_size": "auto", "num_images": 1}),
]


@pytest.mark.parametrize(("offer", "asked", "sent"), BODIES)
def test_the_whole_body_of_an_edit(offer: str, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    (call,) = plan_of(offer, **asked).calls()
    assert call.payload == {"prompt": "a fox", **sent}


def test_an_upscaler_needs_no_prompt_and_takes_a_factor() -> None:
    offer = OFFERS["fal/real-esrgan edit"]
    made = planned({"image": [WIDE], "scale_factor": 1.5}, offer, prompted=False)
    assert made.calls()[0].payload == {"image_url": WIDE, "scale": 1.5, "output_format": "png"}
    made = planned({"image": [WIDE], "prompt": "a fox", "size": "2400x1600"}, offer)
    assert made.calls()[0].payload == {"image_url": WIDE, "output_format": "png"}
    assert made.pixels == (2400, 1600), "it doubles what it is not told otherwise"
    assert row_of(made, "prompt").behavior == "dropped"


def test_an_upscaler_that_checks_nothing_says_so_to_who_wants_it_checked() -> None:
    offer = OFFERS["fal/real-esrgan edit"]
    unchecked = planned({"image": [WIDE], "safety": "off"}, offer, prompted=False, strict=True)
    assert row_of(unchecked, "safety").behavior == "dropped"
    with pytest.raises(Refused, match="checks nothing"):
        planned({"image": [WIDE], "safety": "on"}, offer, prompted=False, strict=True)


@pytest.mark.parametrize(
    ("offer", "asked", "param", "works"),
    [
        ("qwen-image image_to_image", {"image": [WIDE, TALL]}, "image", "1 can be taken"),
        ("qwen-image-edit image_to_image", {"strength": 0}, "strength", "from 0.01 to 1"),
        ("qwen-image-edit edit", {"loras": [LORA]}, "loras", "takes no LoRAs"),
        ("qwen-image-edit edit", {"mask": MASK}, "mask", "takes no mask"),
        ("qwen-image-edit-inpaint edit", {}, "mask", "cannot work without"),
        ("qwen-image-edit-plus edit", {"acceleration": "high"}, "acceleration", "none, regular"),
        ("qwen-image-edit-plus edit", {"steps": 101}, "steps", "from 2 to 100"),
        ("qwen-image-edit-2511 edit", {"cfg_scale": 0.9}, "cfg_scale", "from 1 to 20"),
        ("qwen-image-2-edit edit", {"image": [WIDE] * 4}, "image", "1 to 3 can be taken"),
        ("qwen-image-2-edit edit", {"negative_prompt": "n" * 501}, "negative_prompt", "500"),
        ("qwen-image-2-edit edit", {"image": [Source("ee", "png", 383, 800, 9)]}, "image", "from 384 to 5000"),
        ("qwen-image-2-edit edit", {"image": [Source("ee", "png", 800, 800, 10_485_761)]}, "image", "10,485,760"),
        ("qwen-image-edit edit", {"image": [Source("ee", "png", 800, 800, 52_428_801)]}, "image", "52,428,800"),
        ("qwen-image-max edit", {"prompt": "p" * 801}, "prompt", "800"),
        ("qwen-image-max edit", {"seed": 2**31}, "seed", "from 0 to 2147483647"),
        ("qwen-image-2 edit", {"prompt": "p" * 801}, "prompt", "800"),
        ("qwen-image-2 edit", {"seed": 2**31}, "seed", "from 0 to 2147483647"),
        ("qwen-image-2-edit edit", {"prompt": "p" * 801}, "prompt", "800"),
        ("qwen-image-2-edit edit", {"seed": 2**31}, "seed", "from 0 to 2147483647"),
        ("qwen-image-2-pro edit", {"seed": 2**31}, "seed", "from 0 to 2147483647"),
        ("sdxl image_to_image", {"loras": [{"path": "a", "scale": 1.1}]}, "loras", "from 0 to 1"),
        ("sdxl-inpainting edit", {"mask": MASK, "loras": [{"path": "a", "scale": 1.1}]}, "loras", "from 0 to 1"),
        ("flux-2-dev edit", {"image": [WIDE] * 5}, "image", "1 to 4 can be taken"),
        ("flux-dev image_to_image", {"steps": 9}, "steps", "from 10 to 50"),
        ("flux-kontext-pro edit", {"safety": "off"}, "safety", "use on"),
        ("flux-2-pro edit", {"safety_tolerance": "6"}, "safety_tolerance", "1, 2, 3, 4, 5"),
        ("sdxl image_to_image", {"strength": 0.04}, "strength", "from 0.05 to 1"),
        ("real-esrgan edit", {"scale_factor": 8.5}, "scale_factor", "from 1 to 8"),
        ("seedream-4 edit", {"image": [WIDE] * 11}, "image", "1 to 10 can be taken"),
    ],
)
def test_what_cannot_be_honoured(offer: str, asked: dict[str, Any], param: str, works: str) -> None:
    error = refusal({"image": [WIDE], **asked}, OFFERS[f"fal/{offer}"])
    assert (type(error), error.param) == (Refused, param)
    assert works in error.reason


def test_seedream_may_not_draw_more_than_was_asked() -> None:
    error = refusal({"image": [WIDE], "max_images": 3}, OFFERS["fal/seedream-4 edit"])
    assert error.param == "max_images"


def test_an_edit_without_a_picture_is_the_callers_mistake() -> None:
    error = refusal({}, OFFERS["fal/qwen-image-edit edit"])
    assert (type(error), error.param) == (BadValue, "image")


def test_the_providers_own_names_carry_the_same() -> None:
    made = planned({"image_urls": [WIDE]}, OFFERS["fal/qwen-image-edit-plus edit"])
    assert (made.payload["image_urls"], row_of(made, "image_urls").name) == ([WIDE], "image")
    made = planned({"image_url": [WIDE], "mask_url": MASK}, OFFERS["fal/qwen-image-edit-inpaint edit"])
    assert made.payload["mask_url"] == MASK.prepared("mask_white")
    assert row_of(made, "mask_url").name == "mask"


@pytest.mark.parametrize(
    ("size", "drawn"),
    [((400, 400), (512, 512)), ((4000, 3000), (2364, 1774)), ((1200, 800), (1200, 800))],
)
def test_qwen_image_2_draws_the_nearest_legal_size_to_its_first_picture(
    size: tuple[int, int], drawn: tuple[int, int]
) -> None:
    made = plan_of("qwen-image-2-edit edit", image=[Source("ee", "png", *size, 10_000), TALL])
    assert made.pixels == drawn


def test_small_pictures_travel_inline_and_others_through_fals_storage() -> None:
    for name, offer in OFFERS.items():
        if offer.provider == "fal" and offer.operation != "generate":
            assert offer.sources.ways == ("data_uri", "upload"), name


@pytest.mark.parametrize(
    ("offer", "micros", "basis"),
    [
        ("qwen-image-2-pro edit", 75_000, "published"),
        ("flux-kontext-max edit", 80_000, "published"),
        ("qwen-image-edit-2511 edit", 30_000, "estimated"),
        ("flux-kontext-pro edit", 300_000, "estimated"),
    ],
)
def test_a_price_says_whether_fal_publishes_it(offer: str, micros: int, basis: str) -> None:
    assert plan_of(offer).quote == (micros, basis)
