"""Every spelling of other services means the same plan as ours."""

from typing import Any

import pytest

from normalizers.errors import BadValue
from tests.normalizers.offers import FOX, OFFERS, planned, refusal, row_of

FAL = "fal/qwen-image"
IMAGE = [FOX]
LORA = {"path": "https://example.com/a.safetensors", "scale": 0.5}

# | canonical | value | other spellings, with the value where it differs |
SPELLINGS: list[tuple[str, Any, list[str | tuple[str, Any]]]] = [
    ("size", "1280x720", ["image_size", ("image_size", {"width": 1280, "height": 720})]),
    ("size", "16:9", ["image_size", "aspect_ratio", "aspectRatio", "ratio"]),
    ("aspect_ratio", "16:9", ["aspectRatio", "ratio", "size"]),
    ("resolution", "2K", ["image_resolution", ("resolution", "2k"), ("image_resolution", " 2k"), "size"]),
    ("resolution", 0.25, ["megapixels", ("megapixels", "0.25"), ("resolution", "0.5K"), ("resolution", "512")]),
    ("num_inference_steps", 20, ["steps", "step", "sample_steps", "inference_steps"]),
    ("cfg_scale", 4.5, ["guidance_scale", "true_cfg_scale", "cfgScale", "cfg", "txt_cfg"]),
    ("negative_prompt", "blur", ["negativePrompt"]),
    ("seed", 5, ["random_seed"]),
    ("n", 3, ["samples", "batch_size", "num_images", "number_results", "num_outputs"]),
    ("response_format", "b64_json", [("response_format", word) for word in ("base64", "b64", "b64_ephemeral")]),
    ("output_format", "jpeg", [("output_format", "jpg"), "response_extension", ("image_format", "jpg")]),
    ("output_format", "webp", ["response_extension", "image_format"]),
    ("loras", [LORA], ["image_loras", ("lora", LORA), ("loras", [{"name": LORA["path"], "weight": 0.5}])]),
    ("loras", [{"path": "a"}], [("lora_adapter_name", "a"), ("lora", "a"), ("lora_weights", "a")]),
    ("safety", "on", [("enable_safety_checker", True), ("disable_safety_checker", False), ("safety_check", True)]),
    ("safety", "off", [("enable_safety_checker", False), ("disable_safety_checker", True), ("moderation", "low")]),
    ("safety", "on", [("moderation", "auto"), ("safety_check", "on")]),
    ("prompt_enhancement", "off", [("enhance_prompt", False), ("prompt_extend", False), ("prompt_optimizer", "off")]),
]


@pytest.mark.parametrize(
    ("canonical", "value", "spelling"),
    [(canonical, value, spelling) for canonical, value, spellings in SPELLINGS for spelling in spellings],
)
def test_a_spelling_means_the_canonical_parameter(canonical: str, value: Any, spelling: str | tuple[str, Any]) -> None:
    name, spelled = spelling if isinstance(spelling, tuple) else (spelling, value)
    ours, theirs = planned({canonical: value}, FAL), planned({name: spelled}, FAL)
    assert theirs.fingerprint == ours.fingerprint
    assert theirs.calls() == ours.calls()
    assert (theirs.response_format, theirs.finishing) == (ours.response_format, ours.finishing)
    row = row_of(theirs, name)
    assert (row.given_as, row.asked) == (name, spelled)


def test_jpeg_quality_spellings() -> None:
    ours = planned({"output_format": "jpeg", "output_compression": 70}, FAL)
    for name in ("output_quality", "jpeg_quality", "compression"):
        theirs = planned({"output_format": "jpeg", name: 70}, FAL)
        assert (theirs.fingerprint, theirs.finishing) == (ours.fingerprint, ours.finishing)


@pytest.mark.parametrize(
    "name",
    [
        "image[]",
        "images",
        "images[]",
        "image_url",
        "imageDataUrl",
        "init_image",
        "file",
        "files[]",
        "ref_images[]",
        "reference_images",
        "reference_images[]",
        "input_references",
        "reference_image",
        "url",
        "url[]",
    ],
)
def test_a_source_picture_in_every_spelling(name: str) -> None:
    offer = OFFERS["fal/qwen-image image_to_image"]
    made = planned({name: IMAGE}, offer)
    assert made.payload["image_url"] == FOX
    assert made.fingerprint == planned({"image": IMAGE}, offer).fingerprint
    assert row_of(made, name).name == "image"


@pytest.mark.parametrize("name", ["denoising_strength", "image_strength", "prompt_strength"])
def test_strength_in_every_spelling(name: str) -> None:
    offer = OFFERS["fal/qwen-image image_to_image"]
    made = planned({"image": IMAGE, name: 0.4}, offer)
    assert made.fingerprint == planned({"image": IMAGE, "strength": 0.4}, offer).fingerprint


@pytest.mark.parametrize(
    ("canonical", "names"),
    [
        ("scheduler", ["sampler", "sampler_name", "sample_method"]),
        ("mask", ["mask_image"]),
        ("scale_factor", ["upscaling_scale", "upscale_factor", "scale"]),
    ],
)
def test_spellings_of_what_fal_refuses_are_refused_alike(canonical: str, names: list[str]) -> None:
    value: Any = 2 if canonical == "scale_factor" else "x"
    ours = refusal({canonical: value}, FAL)
    for name in names:
        theirs = refusal({name: value}, FAL)
        assert (type(theirs), theirs.reason, theirs.param) == (type(ours), ours.reason, name)


@pytest.mark.parametrize(("first", "second"), [("width", "height"), ("img_width", "img_height")])
def test_a_size_in_two_fields(first: str, second: str) -> None:
    made = planned({second: 720, first: 1280}, FAL)
    assert made.fingerprint == planned({"size": "1280x720"}, FAL).fingerprint
    assert [(row.given_as, row.name, row.asked) for row in made.decisions[1:]] == [
        (second, "size", 720),
        (first, "size", 1280),
    ]
    alone = refusal({first: 1280}, FAL)
    assert (type(alone), alone.param) == (BadValue, first)
    assert second in alone.reason


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2, "num_images": 2},
        {"size": "1024x768", "width": 1024, "height": 768},
        {"size": "1024x768", "image_size": {"width": 1024, "height": 768}},
        {"size": "1024x768", "image_size": "1024×768"},
        {"output_format": "jpg", "image_format": "jpeg"},
        {"enable_safety_checker": True, "disable_safety_checker": False},
        {"cfg_scale": 4, "guidance_scale": 4.0},
    ],
)
def test_two_spellings_that_agree(body: dict[str, Any]) -> None:
    made = planned(body, FAL)
    assert [row.given_as for row in made.decisions[1:]] == list(body)
    assert len({row.name for row in made.decisions[1:]}) == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2, "num_images": 3}, "num_images"),
        ({"steps": 20, "num_inference_steps": 30}, "num_inference_steps"),
        ({"size": "1024x768", "width": 768, "height": 1024}, "width"),
        ({"size": "1024x768", "image_size": "16:9"}, "image_size"),
        ({"size": "1K", "resolution": "2K"}, "resolution"),
        ({"size": "16:9", "aspect_ratio": "4:3"}, "aspect_ratio"),
        ({"enable_safety_checker": True, "disable_safety_checker": True}, "disable_safety_checker"),
        ({"n": 1, "num_images": True}, "num_images"),
        ({"n": 1, "num_images": 1.0}, "n"),
    ],
)
def test_two_spellings_that_disagree(body: dict[str, Any], param: str) -> None:
    error = refusal(body, FAL)
    assert (type(error), error.param) == (BadValue, param)


def test_a_native_field_of_the_offer_beats_a_spelling() -> None:
    both = {"true_cfg_scale": 4, "guidance_scale": 1}
    vllm = planned(both, "my-vllm-omni/qwen-image")
    assert [(row.name, row.sent_as, row.behavior) for row in vllm.decisions[1:]] == [
        ("cfg_scale", "true_cfg_scale", "passthrough"),
        ("guidance", "guidance_scale", "passthrough"),
    ]
    assert refusal(both, FAL).param == "guidance_scale"
