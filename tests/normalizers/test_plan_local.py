"""Workers of one's own, row by row: what becomes of each parameter on its way to the engine `diffusers`."""

from typing import Any

import pytest

from normalizers.errors import Refused
from normalizers.offer import Offer
from normalizers.source import Source
from tests.normalizers.offers import GENERATE, OFFERS, carried, planned, refusal, row_of

PHOTO = Source("photo", "png", 512, 384, 10_000)
MASK = Source("mask", "png", 512, 384, 500)
REST = {"response_format": "b64_json", "n": 1, "output_format": "png", "prompt": "a fox"}
DRAWS = ("qwen-image", "qwen-image-2512", "qwen-image-tiny", "flux-dev", "sdxl")
LORAS = [{"path": "fox.safetensors", "scale": 0.8}, {"path": "https://models.example/ink.safetensors"}]


def offered(model: str, operation: str = "edit") -> Offer:
    return OFFERS[f"local/{model} {operation}"]


def sent(body: dict[str, Any], offer: str | Offer) -> dict[str, Any]:
    (call,) = planned(body, offer).calls()
    return call.payload


def test_the_whole_body_of_a_generation() -> None:
    body = {"n": 3, "seed": 7, "num_inference_steps": 20, "cfg_scale": 2.5, "negative_prompt": "fog", "size": "512x768"}
    body |= {"scheduler": "euler/karras", "acceleration": "regular", "loras": LORAS, "output_compression": 80}
    assert sent({**body, "output_format": "jpeg"}, "local/qwen-image") == {
        **REST,
        "n": 3,
        "seed": 7,
        "size": "512x768",
        "num_inference_steps": 20,
        "cfg_scale": 2.5,
        "negative_prompt": "fog",
        "scheduler": "euler_karras",
        "acceleration": "regular",
        "loras": [
            {"model": "fox.safetensors", "weight": 0.8},
            {"model": "https://models.example/ink.safetensors", "weight": 1},
        ],
        "output_format": "jpeg",
        "output_compression": 80,
    }


def test_what_is_left_out_is_the_engines() -> None:
    made = planned({}, "local/qwen-image")
    assert dict(made.payload) == {"prompt": "a fox", "size": "1024x1024", "output_format": "png"}
    told = {row.name: (row.value, row.source) for row in made.defaults}
    assert (told["num_inference_steps"], told["cfg_scale"]) == ((50, "provider"), (4, "provider"))
    assert told["size"] == ("1024x1024", "gateway")
    assert made.price == 0


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ({"size": "1000x1000"}, "1008x1008"),
        ({"aspect_ratio": "16:9"}, "1360x768"),
        ({"resolution": "2K"}, "2048x2048"),
        ({"size": "4096x4096"}, "2048x2048"),
        ({"size": "3072x1024"}, "3072x1024"),
        ({"width": 640, "height": 448}, "640x448"),
    ],
)
def test_sizes_are_multiples_of_sixteen_within_four_megapixels(asked: dict[str, Any], size: str) -> None:
    assert sent(asked, "local/qwen-image")["size"] == size


def test_the_tiny_one_draws_within_its_own_sizes() -> None:
    assert sent({}, "local/qwen-image-tiny")["size"] == "64x64"
    assert sent({"size": "1024x512"}, "local/qwen-image-tiny")["size"] == "256x128"


@pytest.mark.parametrize(
    ("asked", "words"),
    [("euler", "euler"), ("FlowMatchEulerDiscreteScheduler", "euler"), ("dpm++2m", "dpmpp_2m"), ("unipc", "unipc")],
)
def test_schedulers_have_one_vocabulary(asked: str, words: str) -> None:
    behavior = "passthrough" if asked == words else "converted"
    carried("local/qwen-image", "scheduler", asked, sent=("scheduler", words), behavior=behavior)


def test_schedulers_of_another_kind_of_model_are_refused_with_those_there_are() -> None:
    told = refusal({"scheduler": "ddim"}, "local/qwen-image")
    assert (type(told), told.param) == (Refused, "scheduler")
    assert "euler_karras" in told.reason
    assert sent({"scheduler": "ddim"}, "local/sdxl")["scheduler"] == "ddim"
    assert sent({"scheduler": "dpm++2m/karras"}, "local/sdxl")["scheduler"] == "dpmpp_2m_karras"


@pytest.mark.parametrize(
    ("model", "asked", "param"),
    [
        ("qwen-image", {"guidance": 4}, "guidance"),
        ("qwen-image", {"num_inference_steps": 101}, "num_inference_steps"),
        ("qwen-image", {"cfg_scale": 21}, "cfg_scale"),
        ("qwen-image", {"acceleration": "extreme"}, "acceleration"),
        ("qwen-image", {"loras": [{"path": "a", "scale": 5}]}, "loras"),
        ("qwen-image", {"loras": [{"path": "http://models.example/a"}]}, "loras"),
        ("qwen-image", {"loras": [{"path": name} for name in "abcd"]}, "loras"),
        ("qwen-image", {"background": "transparent"}, "background"),
        ("qwen-image", {"prompt_enhancement": "on"}, "prompt_enhancement"),
        ("qwen-image", {"version": "2509"}, "version"),
        ("qwen-image", {"outpaint": {"left": 64}}, "outpaint"),
        ("flux-dev", {"cfg_scale": 4}, "cfg_scale"),
        ("flux-dev", {"negative_prompt": "fog"}, "negative_prompt"),
        ("qwen-image-2.1", {"loras": LORAS}, "loras"),
    ],
)
def test_what_would_give_another_picture_is_refused(model: str, asked: dict[str, Any], param: str) -> None:
    told = refusal(asked, f"local/{model}")
    assert (type(told), told.param) == (Refused, param)


@pytest.mark.parametrize("name", ["quality", "style", "user", "safety"])
def test_what_has_no_effect_is_dropped_and_says_so(name: str) -> None:
    asked = {"quality": "high", "style": "vivid", "user": "ada", "safety": "on"}[name]
    row = row_of(planned({name: asked}, "local/qwen-image"), name)
    assert (row.behavior, row.sent_as, bool(row.note)) == ("dropped", None, True)
    assert refusal({name: asked}, "local/qwen-image", strict=True).param == name


@pytest.mark.parametrize(
    ("model", "name"), [("qwen-image", "cfg_scale"), ("flux-dev", "guidance"), ("sdxl", "cfg_scale")]
)
def test_guidance_scale_means_what_the_model_has(model: str, name: str) -> None:
    assert sent({"guidance_scale": 3}, f"local/{model}")[name] == 3


def test_several_calls_count_on_from_the_seed() -> None:
    calls = planned({"n": 10, "seed": 2**32 - 3}, "local/qwen-image").calls()
    assert [(call.seed, len(call.indexes)) for call in calls] == [(2**32 - 3, 3), (0, 7)]


def test_control_nets_are_told_as_a_worker_reads_them() -> None:
    asked = [{"model": "canny", "image": PHOTO, "start": 0.1, "end": 0.5}]
    payload = sent({"control_nets": asked}, "local/qwen-image")
    assert payload["control_nets"] == [{"model": "canny", "image": PHOTO, "weight": 1, "start": 0.1, "end": 0.5}]


@pytest.mark.parametrize(
    "wrong",
    [
        "canny",
        {"image": PHOTO},
        {"model": "canny"},
        {"model": "", "image": PHOTO},
        {"model": "canny", "image": "https://example.com/a.png"},
        {"model": "canny", "image": PHOTO, "mode": "prompt"},
        {"model": "canny", "image": PHOTO, "weight": 5},
        {"model": "canny", "image": PHOTO, "weight": True},
        {"model": "canny", "image": PHOTO, "start": 0.5, "end": 0.5},
        {"model": "canny", "image": PHOTO, "end": 1.1},
        {"model": "canny", "image": PHOTO, "preprocess": "canny"},
    ],
)
def test_control_nets_that_are_wrong(wrong: Any) -> None:
    assert refusal({"control_nets": [wrong]}, "local/qwen-image").param == "control_nets"


def test_at_most_four_control_nets_and_none_beside_a_picture() -> None:
    one = {"model": "canny", "image": PHOTO}
    assert refusal({"control_nets": [one] * 5}, "local/qwen-image").param == "control_nets"
    beside = refusal({"image": [PHOTO], "control_nets": [one]}, offered("qwen-image", "image_to_image"))
    assert (type(beside), beside.param) == (Refused, "control_nets")


@pytest.mark.parametrize("model", [model for model in DRAWS if model != "qwen-image-tiny"])
def test_image_to_image_keeps_the_shape_and_takes_a_mask(model: str) -> None:
    body = {"image": [PHOTO], "mask": MASK, "strength": 0.4}
    assert sent(body, offered(model, "image_to_image")) == REST | {
        "image": PHOTO,
        "mask": MASK.prepared("mask_transparent"),
        "strength": 0.4,
        "size": "512x384",
    }


@pytest.mark.parametrize("model", ["qwen-image", "qwen-image-tiny", "flux-dev", "sdxl"])
def test_an_edit_redraws_what_is_masked_or_added(model: str) -> None:
    small = Source("small", "png", 128, 96, 500)
    assert refusal({"image": [small]}, offered(model)).param == "mask"
    assert sent({"image": [small], "mask": MASK}, offered(model))["size"] == "128x96"
    added = sent({"image": [small], "outpaint": {"left": 64, "bottom": 32}}, offered(model))
    assert (added["outpaint"], added["size"]) == ({"left": 64, "bottom": 32}, "192x128")
    told = refusal({"image": [small], "outpaint": {"left": 3}}, offered(model))
    assert (type(told), told.param) == (Refused, "outpaint")
    assert refusal({"image": [small], "mask": MASK, "mask_margin": 32}, offered(model)).param == "mask_margin"


def test_edit_models_look_at_pictures() -> None:
    assert sent({"image": [PHOTO]}, offered("qwen-image-edit"))["image"] == PHOTO
    assert refusal({"image": [PHOTO] * 2}, offered("qwen-image-edit")).param == "image"
    for model in ("qwen-image-edit-plus", "qwen-image-edit-2511", "qwen-image-2.1"):
        assert sent({"image": [PHOTO] * 3}, offered(model))["image"] == [PHOTO] * 3
        assert refusal({"image": [PHOTO] * 4}, offered(model)).param == "image"
        assert refusal({"image": [PHOTO], "mask": MASK}, offered(model)).param == "mask"
        assert refusal({"image": [PHOTO], "strength": 0.5}, offered(model)).param == "strength"


def test_every_model_is_asked_for_by_its_own_name() -> None:
    """A worker is told the name (`--name`), so that one name is right everywhere."""
    assert all(GENERATE[f"local/{model}"].upstream == model for model in (*DRAWS, "qwen-image-2.1"))
