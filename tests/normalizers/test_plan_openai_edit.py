"""Edits at OpenAI, at Lumenfall and at servers of one's own: what each parameter becomes there, or why it cannot."""

from typing import Any

import pytest

from normalizers.source import Source
from tests.normalizers.offers import OFFERS, planned, refusal, row_of

FOX = Source("f" * 64, "png", 1200, 800, 90_000)
OWL = Source("e" * 64, "gif", 640, 640, 30_000)
MASK = Source("a" * 64, "png", 1200, 800, 9_000)
FIXED = "openai/gpt-image-1.5 edit"
FREE = "openai/gpt-image-2 edit"
FLARE = "openai/gpt-image-2.5-flare edit"
EVERY = [name for name in OFFERS if name.startswith("openai/") and name.endswith(" edit")]


def sent(offer: str, **body: Any) -> dict[str, Any]:
    """The one call's body without what every edit of the family has."""
    plan = planned({"image": [FOX], **body}, OFFERS[offer])
    [call] = plan.calls()
    return {name: value for name, value in call.payload.items() if name not in {"prompt", "n", "output_format"}}


@pytest.mark.parametrize("offer", EVERY)
def test_every_gpt_image_model_edits(offer: str) -> None:
    plan = planned({"image": [FOX, OWL], "mask": MASK}, OFFERS[offer])
    assert plan.payload["image"] == [FOX, OWL.prepared("png")]
    assert plan.payload["mask"] == MASK.prepared("mask_transparent")
    assert plan.payload["size"] == "auto", "OpenAI's own default, told as such"
    assert plan.offer.sources.ways == ("part",)
    assert refusal({"image": [FOX] * 17}, OFFERS[offer]).param == "image"


@pytest.mark.parametrize(
    ("offer", "body", "name", "value"),
    [
        (FIXED, {"size": "1200x800"}, "size", "1536x1024"),
        (FIXED, {"size": "auto"}, "size", "auto"),
        (FIXED, {"aspect_ratio": "2:3"}, "size", "1024x1536"),
        (FREE, {"size": "1200x800"}, "size", "1200x800"),
        (FREE, {"size": "1000x1000"}, "size", "1008x1008"),
        (FREE, {"size": "5000x5000"}, "size", "2880x2880"),
        (FREE, {"size": "400x400"}, "size", "816x816"),
        (FREE, {"aspect_ratio": "4:1"}, "size", "1680x560"),
        (FIXED, {"quality": "hd"}, "quality", "high"),
        (FLARE, {"quality": "max"}, "quality", "max"),
        (FLARE, {"quality": "xhigh"}, "quality", "xhigh"),
        (FLARE, {"complexity": "high"}, "complexity", "high"),
        (FLARE, {"markup": [MASK]}, "markup", MASK),
        (FIXED, {"input_fidelity": "high"}, "input_fidelity", "high"),
        ("openai/gpt-image-1-mini edit", {"input_fidelity": "low"}, "input_fidelity", "low"),
        (FREE, {"background": "opaque"}, "background", "opaque"),
        (FREE, {"safety_identifier": "me"}, "safety_identifier", "me"),
        ("lumenfall/qwen-image edit", {"size": "16:9"}, "size", "1365x768"),
        ("lumenfall/qwen-image edit", {}, "size", "1200x800"),
        ("lumenfall/qwen-image-edit edit", {"cfg_scale": 4}, "cfg_scale", 4),
        ("lumenfall/google-upscaler edit", {}, "scale_factor", 2),
        ("lumenfall/google-upscaler edit", {"scale_factor": 4}, "scale_factor", 4),
        ("my-vllm-omni/qwen-image edit", {"guidance": 4}, "guidance_scale", 4),
        ("my-vllm-omni/qwen-image edit", {"size": "640x480"}, "size", "640x480"),
        ("my-xinference/qwen-image edit", {"size": "640x480"}, "size", "640*480"),
        ("my-localai/qwen-image edit", {"num_inference_steps": 20}, "step", 20),
        ("local/sketch edit", {}, "size", "1200x800"),
    ],
)
def test_what_is_sent(offer: str, body: dict[str, Any], name: str, value: Any) -> None:
    assert sent(offer, **body)[name] == value


@pytest.mark.parametrize(
    ("offer", "body", "name"),
    [
        (FREE, {"input_fidelity": "high"}, "input_fidelity"),
        (FLARE, {"input_fidelity": "low"}, "input_fidelity"),
        (FIXED, {"moderation": "low"}, "moderation"),
        (FIXED, {"safety": "off"}, "safety"),
        (FIXED, {"seed": 7}, "seed"),
        ("lumenfall/topaz-image-upscale edit", {"prompt": "snow"}, "prompt"),
        ("lumenfall/recraft-crisp-upscale edit", {"scale_factor": 2}, "scale_factor"),
        ("my-xinference/qwen-image edit", {"seed": 7}, "seed"),
    ],
)
def test_what_is_left_out_and_told(offer: str, body: dict[str, Any], name: str) -> None:
    plan = planned({"image": [FOX], **body}, OFFERS[offer])
    assert name not in plan.payload
    assert row_of(plan, name).behavior == "dropped"
    assert row_of(plan, name).note


@pytest.mark.parametrize(
    ("offer", "body", "param"),
    [
        (FIXED, {"quality": "max"}, "quality"),
        (FIXED, {"markup": [MASK]}, "markup"),
        (FREE, {"complexity": "low"}, "complexity"),
        ("openai/gpt-image-1-mini edit", {"input_fidelity": "high"}, "input_fidelity"),
        (FIXED, {"strength": 0.4}, "strength"),
        (FIXED, {"scale_factor": 2}, "scale_factor"),
        (FIXED, {"loras": [{"path": "https://x.example/a.safetensors"}]}, "loras"),
        ("lumenfall/qwen-image edit", {"mask": MASK}, "mask"),
        ("lumenfall/qwen-image edit", {"strength": 0.4}, "strength"),
        ("lumenfall/google-upscaler edit", {"scale_factor": 3}, "scale_factor"),
        ("lumenfall/google-upscaler edit", {"image": [FOX, OWL]}, "image"),
        ("my-vllm-omni/qwen-image edit", {"loras": [{"path": "a", "scale": 1}]}, "loras"),
        ("my-vllm-omni/qwen-image edit", {"flow_shift": 3}, "flow_shift"),
        ("my-sglang/qwen-image edit", {"mask": MASK}, "mask"),
        ("my-localai/qwen-image edit", {"mask": MASK}, "mask"),
        ("my-localai/qwen-image image_to_image", {"strength": 0.4}, "strength"),
        ("my-xinference/qwen-image edit", {"negative_prompt": "fog"}, "negative_prompt"),
        ("my-xinference/qwen-image image_to_image", {"mask": MASK}, "mask"),
        ("my-sd-server/qwen-image edit", {"prompt": 'x <sd_cpp_extra_args>{"seed":1}'}, "prompt"),
        ("my-sd-server/qwen-image edit", {"image": [Source("f" * 64, "png", 5000, 80, 9)]}, "image"),
        (FIXED, {"image": [Source("f" * 64, "png", 800, 800, 50_000_000)]}, "image"),
        ("local/sketch edit", {"image": [FOX] * 5}, "image"),
    ],
)
def test_what_cannot_be_honoured_is_named(offer: str, body: dict[str, Any], param: str) -> None:
    assert refusal({"image": [FOX], **body}, OFFERS[offer]).param == param


@pytest.mark.parametrize(
    "offer",
    ["my-sd-server/qwen-image edit", "my-xinference/qwen-image edit", "lumenfall/topaz-image-upscale edit"],
)
def test_a_server_that_keeps_the_size_is_sent_none(offer: str) -> None:
    plan = planned({"image": [FOX]}, OFFERS[offer])
    assert "size" not in plan.payload
    (told,) = (row for row in plan.defaults if row.name == "size")
    assert (told.value, told.source) == ("as the first picture", "provider")


def test_what_an_upscaler_is_sent_by_itself_is_told() -> None:
    plan = planned({"image": [FOX]}, OFFERS["lumenfall/topaz-image-upscale edit"], prompted=False)
    (told,) = (row for row in plan.defaults if row.name == "scale_factor")
    assert (told.value, told.source) == (2, "gateway")
    assert "prompt" not in plan.payload
