"""Oxen's parameter tables (the pages of its models, read 2026-11-21): what reaches the wire, and how."""

from typing import Any

import pytest

from normalizers.errors import BadValue, Owned, Refused
from normalizers.rules import How
from tests.normalizers.offers import FOX, MODELS, OFFERS, carried, planned, refusal, row_of

QWEN = "oxen/qwen-image"
LAKE = "A beautiful landscape painting of a serene lake with mountains in the background"

# | asked | wire field | sent | behavior |
ROWS: list[tuple[str, Any, str, Any, How]] = [
    ("prompt", LAKE, "prompt", LAKE, "passthrough"),
    ("negative_prompt", " ", "negative_prompt", " ", "passthrough"),
    ("negativePrompt", "blur", "negative_prompt", "blur", "renamed"),
    *(("aspect_ratio", word, "aspect_ratio", word, "passthrough") for word in ("1:1", "16:9", "9:16", "4:3", "3:4")),
    ("aspect_ratio", "3:2", "aspect_ratio", "3:2", "passthrough"),
    ("aspect_ratio", "2:3", "aspect_ratio", "2:3", "passthrough"),
    ("aspect_ratio", "7:1", "aspect_ratio", "16:9", "converted"),
    ("size", "4:3", "aspect_ratio", "4:3", "renamed"),
    ("size", "1365x768", "aspect_ratio", "16:9", "converted"),
    ("size", "512x512", "aspect_ratio", "1:1", "converted"),
    ("image_size", "optimize_for_quality", "image_size", "optimize_for_quality", "passthrough"),
    ("image_size", "optimize_for_speed", "image_size", "optimize_for_speed", "passthrough"),
    ("num_inference_steps", 1, "num_inference_steps", 1, "passthrough"),
    ("num_inference_steps", 50, "num_inference_steps", 50, "passthrough"),
    ("steps", 28, "num_inference_steps", 28, "renamed"),
    ("guidance", 0, "guidance", 0, "passthrough"),
    ("guidance", 10, "guidance", 10, "passthrough"),
    ("guidance_scale", 2.5, "guidance", 2.5, "renamed"),
    ("cfg_scale", 3.5, "guidance", 3.5, "renamed"),
    ("seed", 0, "seed", 0, "passthrough"),
    ("seed", 2147483647, "seed", 2147483647, "passthrough"),
    ("output_format", "png", "output_format", "png", "passthrough"),
    ("output_format", "webp", "output_format", "webp", "passthrough"),
    ("output_format", "jpg", "output_format", "jpg", "passthrough"),
    ("output_format", "jpeg", "output_format", "jpg", "converted"),
    ("output_format", "avif", "output_format", "png", "emulated"),
    ("disable_safety_checker", True, "disable_safety_checker", True, "passthrough"),
    ("disable_safety_checker", False, "disable_safety_checker", False, "passthrough"),
    ("safety", "off", "disable_safety_checker", True, "converted"),
    ("n", 1, "num_generations", 1, "renamed"),
]


@pytest.mark.parametrize(("asked_as", "asked", "sent_as", "sent", "behavior"), ROWS)
def test_a_row_of_the_page(asked_as: str, asked: Any, sent_as: str, sent: Any, behavior: How) -> None:
    carried(QWEN, asked_as, asked, sent=(sent_as, sent), behavior=behavior)


def test_the_whole_example_of_the_page() -> None:
    example = {
        "prompt": LAKE,
        "negative_prompt": " ",
        "aspect_ratio": "16:9",
        "image_size": "optimize_for_quality",
        "num_inference_steps": 30,
        "guidance": 3,
        "output_format": "jpg",
        "output_quality": 80,
        "disable_safety_checker": False,
    }
    made = planned(example, QWEN, strict=True)
    assert made.calls()[0].payload == {**example, "num_generations": 1}
    assert {row.behavior for row in made.decisions} == {"passthrough"}


@pytest.mark.parametrize(("quality", "sent"), [(0, 0), (100, 100)])
def test_quality_is_the_providers_except_for_png(quality: int, sent: int) -> None:
    made = planned({"output_format": "webp", "output_compression": quality}, QWEN)
    assert (made.payload["output_quality"], made.finishing and made.finishing.quality) == (sent, None)
    assert "output_quality" not in planned({"output_format": "png", "output_quality": 80}, QWEN).payload


def test_what_is_sent_without_being_asked_and_what_oxen_does_by_itself() -> None:
    made = planned({}, QWEN)
    assert made.calls()[0].payload == {
        "prompt": "a fox",
        "aspect_ratio": "1:1",
        "output_format": "png",
        "num_generations": 1,
    }
    assert {row.name: row.value for row in made.defaults if row.source == "provider"} == {
        "safety": "on",
        "negative_prompt": " ",
        "image_size": "optimize_for_quality",
        "num_inference_steps": 30,
        "cfg_scale": 3,
    }


# | offer | asked | the reason names |
OUTSIDE: list[tuple[str, str, Any, str]] = [
    ("qwen-image", "num_inference_steps", 51, "from 1 to 50"),
    ("qwen-image", "guidance", 10.1, "from 0 to 10"),
    ("qwen-image", "cfg_scale", 11, "from 0 to 10"),
    ("qwen-image", "image_size", "1024x1024", "optimize_for_quality, optimize_for_speed"),
    ("qwen-image", "seed", 2147483648, "from 0 to 2147483647"),
    ("qwen-image", "loras", ["https://example.com/a.safetensors"], "no LoRAs"),
    ("qwen-image", "scheduler", "euler", "leave it out"),
    ("qwen-image", "prompt_enhancement", "on", "use off"),
    ("qwen-image", "background", "transparent", "opaque"),
    ("qwen-image", "never_heard_of", 1, "leave it out"),
    ("qwen-image-2", "safety", "off", "use on"),
    ("flux-dev", "cfg_scale", 3, "use guidance"),
    ("flux-2-pro", "negative_prompt", "blur", "no negative prompt"),
    ("flux-2-klein-4b", "quality", "low", "standard, high"),
    ("gpt-image-2", "quality", "best", "low, medium, high"),
]


@pytest.mark.parametrize(("model", "asked_as", "asked", "works"), OUTSIDE)
def test_beyond_the_edges_it_is_refused_here_and_never_clamped(
    model: str, asked_as: str, asked: Any, works: str
) -> None:
    error = refusal({asked_as: asked}, f"oxen/{model}")
    assert (type(error), error.param) == (Refused, asked_as)
    assert works in error.reason


@pytest.mark.parametrize("field", ["num_generations", "target_namespace"])
def test_fields_of_the_gateways_own(field: str) -> None:
    for body in ({field: 2}, {"oxen": {field: 2}}):
        assert type(refusal(body, QWEN)) is Owned


def test_each_picture_is_a_generation_of_its_own() -> None:
    calls = planned({"n": 3, "seed": 7}, QWEN).calls()
    assert [(call.payload["seed"], call.payload["num_generations"]) for call in calls] == [(7, 1), (8, 1), (9, 1)]
    assert row_of(planned({"n": 3}, QWEN), "n").behavior == "emulated"


# | offer | asked | part of what is sent |
SIZES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("flux-2-pro", {}, {"aspect_ratio": "1:1", "resolution": "1 MP"}),
    ("flux-2-pro", {"size": "16:9"}, {"aspect_ratio": "16:9", "resolution": "1 MP"}),
    ("flux-2-pro", {"aspect_ratio": "3:2", "resolution": "2"}, {"aspect_ratio": "3:2", "resolution": "2 MP"}),
    ("flux-2-dev", {"size": "700x700"}, {"aspect_ratio": "1:1", "resolution": "0.5 MP"}),
    ("flux-2-klein-4b", {"size": "3:2"}, {"aspect_ratio": "4:3"}),
    ("qwen-image-2", {"size": "1024x512"}, {"aspect_ratio": "2:1"}),
    ("gpt-image-1.5", {"size": "1600x900"}, {"size": "landscape"}),
    ("gpt-image-1.5", {"size": "auto"}, {"size": "auto"}),
    ("gpt-image-2", {"size": "4096x4096"}, {"aspect_ratio": "1:1", "resolution": "4K"}),
    ("gpt-image-2", {"size": "auto"}, {"aspect_ratio": "auto"}),
]


@pytest.mark.parametrize(("model", "asked", "sent"), SIZES)
def test_the_other_forms_of_a_size(model: str, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    payload = planned(asked, f"oxen/{model}").payload
    assert {name: payload.get(name) for name in ("aspect_ratio", "resolution", "size") if name in payload} == sent


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        (
            "qwen-image-2512",
            {"steps": 50, "safety": "off"},
            {"num_inference_steps": 50, "disable_safety_checker": True},
        ),
        ("qwen-image-2", {}, {"enable_prompt_expansion": False}),
        ("qwen-image-2", {"prompt_enhancement": "on"}, {"enable_prompt_expansion": True}),
        ("flux-dev", {"guidance_scale": 4}, {"guidance": 4}),
        ("flux-2-klein-4b", {"guidance": 4, "quality": "high"}, {"guidance_scale": 4, "output_quality": "high"}),
        ("flux-2-klein-4b", {"guidance_scale": 4}, {"guidance_scale": 4}),
        ("gpt-image-2", {"quality": "hd"}, {"quality": "high"}),
        ("gpt-image-1.5", {"output_format": "jpeg"}, {"output_format": "jpeg"}),
    ],
)
def test_the_other_models_own_words(model: str, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    payload = planned(asked, f"oxen/{model}").payload
    assert {name: payload.get(name) for name in sent} == sent


# | offer | asked beside a picture of 1200x800 | part of what is sent |
EDITS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("qwen-image-edit", {}, {"input_image": FOX, "aspect_ratio": "3:2"}),
    ("qwen-image-edit", {"size": "1:1"}, {"input_image": FOX, "aspect_ratio": "1:1"}),
    ("qwen-image-edit-plus", {"negative_prompt": "blur"}, {"input_image": [FOX], "negative_prompt": "blur"}),
    ("qwen-image-edit-2511", {"image": [FOX, FOX]}, {"input_image": [FOX, FOX], "output_format": "png"}),
    ("qwen-image-2-edit", {"seed": 3}, {"input_image": FOX, "aspect_ratio": "3:2", "enable_prompt_expansion": False}),
    ("qwen-image-2-edit", {"match_input_image": True}, {"input_image": FOX, "match_input_image": True}),
    ("flux-2-pro", {}, {"input_image": [FOX], "aspect_ratio": "match_input_image"}),
    ("flux-2-dev", {"size": "1:1"}, {"input_image": [FOX], "aspect_ratio": "1:1", "resolution": "1 MP"}),
    ("flux-2-klein-4b", {}, {"input_image": [FOX], "aspect_ratio": "4:3"}),
    ("flux-kontext-dev", {"steps": 4}, {"input_image": FOX, "aspect_ratio": "match_input_image"}),
    ("gpt-image-1.5", {}, {"input_image": [FOX], "size": "landscape"}),
    ("gpt-image-2", {}, {"input_image": [FOX], "aspect_ratio": "3:2", "resolution": "1K"}),
]


@pytest.mark.parametrize(("model", "asked", "sent"), EDITS)
def test_edits(model: str, asked: dict[str, Any], sent: dict[str, Any]) -> None:
    payload = planned({"image": [FOX], **asked}, OFFERS[f"oxen/{model} edit"]).payload
    assert {name: payload.get(name) for name in sent} == sent


@pytest.mark.parametrize(
    ("model", "asked", "param", "works"),
    [
        ("qwen-image-edit", {"image": [FOX, FOX]}, "image", "holds 2 pictures; 1 can be taken"),
        ("qwen-image-edit", {"mask": FOX}, "mask", "no mask"),
        ("gpt-image-2", {"mask": FOX}, "mask", "not documented"),
        ("flux-kontext-dev", {"steps": 3}, "steps", "from 4 to 50"),
    ],
)
def test_edits_that_cannot_be_honoured(model: str, asked: dict[str, Any], param: str, works: str) -> None:
    error = refusal({"image": [FOX], **asked}, OFFERS[f"oxen/{model} edit"])
    assert (type(error), error.param) == (Refused, param)
    assert works in error.reason


TOPAZ = "oxen/topaz-image-upscale edit"


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, None),
        ({"scale_factor": 2}, "2x"),
        ({"scale_factor": 4.0}, "4x"),
        ({"scale": 4}, "4x"),
        ({"upscale_factor": "4x"}, "4x"),
        ({"oxen": {"upscale_factor": "2x"}}, "2x"),
    ],
)
def test_an_upscalers_factor(asked: dict[str, Any], sent: str | None) -> None:
    made = planned({"image": [FOX], **asked}, OFFERS[TOPAZ], strict=True, prompted=False)
    assert made.payload.get("upscale_factor") == sent
    assert made.payload == {
        "input_image": FOX,
        "output_format": "png",
        **({"upscale_factor": sent} if sent else {}),
    }


def test_an_upscaler_takes_no_prompt_and_no_other_size() -> None:
    made = planned({"image": [FOX], "scale_factor": 4, "size": "4800x3200"}, OFFERS[TOPAZ])
    assert (made.pixels, row_of(made, "size").note) == ((4800, 3200), None)
    usual = planned({"image": [FOX], "size": "2400x1600", "enhance_model": "CGI"}, OFFERS[TOPAZ])
    assert (usual.pixels, usual.payload["enhance_model"]) == ((2400, 1600), "CGI"), "it doubles by itself"
    assert row_of(planned({"prompt": "a fox", "image": [FOX]}, OFFERS[TOPAZ]), "prompt").behavior == "dropped"
    for factor in (3, 2.5, 16):
        error = refusal({"image": [FOX], "scale_factor": factor}, OFFERS[TOPAZ])
        assert (type(error), error.reason[:20]) == (Refused, "must be one of 2, 4 ")
    assert type(refusal({"image": [FOX], "scale_factor": 2, "upscale_factor": "4x"}, OFFERS[TOPAZ])) is BadValue


def test_prices_that_nobody_publishes_are_a_maximum_and_say_so() -> None:
    offers = [offer for offer in OFFERS.values() if offer.provider == "oxen"]
    assert offers
    for offer in offers:
        assert not offer.price.published
        assert (offer.price.max or 0) > 0
        assert offer.model in MODELS, "a model has a title wherever it is served"
