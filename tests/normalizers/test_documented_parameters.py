"""Each parameter of Runware's and of Lumenfall's page of Qwen-Image (read 2026-11-21) has its place."""

from typing import Any

import pytest

from normalizers.errors import NormalizerError, Owned
from normalizers.offer import Offer
from normalizers.source import Source
from tests.normalizers.offers import OFFERS, planned, refusal

FOX = Source("fox", "png", 512, 384, 10_000)
RUNWARE = [OFFERS[f"runware/qwen-image {operation}"] for operation in ("generate", "image_to_image", "edit")]
ALIBABA = [offer for offer in OFFERS.values() if offer.provider == "alibaba"]

# What the gateway sets itself, whoever asks.
OURS = {
    "taskType": "imageInference",
    "taskUUID": "a770f077-f413-47de-9dac-be0b26a35da6",
    "outputType": "URL",
    "webhookURL": "https://a.example/hook",
    "deliveryMethod": "sync",
    "uploadEndpoint": "https://a.example/put",
    "includeCost": False,
    "safety": {"checkContent": True, "mode": "fast"},
    "inputs": {"strength": 0.5},
    "numberResults": 2,
}
# | the page's field | a legal value | where the wire has it |
PAGE: list[tuple[str, Any, str]] = [
    ("outputFormat", "WEBP", "outputFormat"),
    ("ttl", 60, "ttl"),
    ("acceleratorOptions", {"teaCache": True}, "acceleratorOptions"),
    ("positivePrompt", "a fox", "positivePrompt"),
    ("negativePrompt", "fog", "negativePrompt"),
    ("seed", 7, "seed"),
    ("steps", 28, "steps"),
    ("scheduler", "Euler", "scheduler"),
    ("CFGScale", 7.5, "CFGScale"),
    ("lora", [{"model": "civitai:120096@135931", "weight": 0.8, "transformer": "both"}], "lora"),
    ("controlNet", [{"model": "runware:36@1", "guideImage": FOX, "startStep": 0, "endStep": 20}], "controlNet"),
    ("settings", {"trueCFGScale": 4.5}, "settings"),
    ("advancedFeatures", {"ultralytics": {"confidence": 0.9}}, "advancedFeatures"),
]
PICTURED: list[tuple[str, Any, str]] = [
    ("seedImage", [FOX], "inputs"),
    ("maskImage", FOX, "inputs"),
    ("strength", 0.8, "inputs"),
    ("maskMargin", 32, "maskMargin"),
    ("outpaint", {"top": 0, "right": 64, "bottom": 0, "left": 0}, "outpaint"),
]


def needed(offer: Offer, name: str = "") -> dict[str, Any]:
    """What else a request needs."""
    if offer.operation == "generate":
        return {}
    return (
        {"mask": FOX}
        if name == "seedImage"
        else {"image": [FOX]}
        if name == "maskImage"
        else {"image": [FOX], "mask": FOX}
    )


@pytest.mark.parametrize("offer", RUNWARE, ids=repr)
@pytest.mark.parametrize(("field", "value", "wire"), PAGE)
def test_a_field_of_runwares_page_is_sent_under_its_own_name(offer: Offer, field: str, value: Any, wire: str) -> None:
    """As a field of its own and in the provider's object."""
    for body in ({field: value}, {"runware": {field: value}}):
        made = planned({**needed(offer), **body}, offer, prompted=field != "positivePrompt")
        assert made.calls()[0].payload[wire] == value


@pytest.mark.parametrize("offer", RUNWARE[1:], ids=repr)
@pytest.mark.parametrize(("field", "value", "wire"), PICTURED)
def test_what_goes_with_a_picture(offer: Offer, field: str, value: Any, wire: str) -> None:
    made = planned({**needed(offer, field), field: value}, offer)
    assert wire in made.payload
    assert {row.given_as: row.behavior for row in made.decisions}[field] in {"passthrough", "renamed", "converted"}


@pytest.mark.parametrize("offer", RUNWARE, ids=repr)
@pytest.mark.parametrize("field", OURS)
def test_what_the_gateway_sets_cannot_be_set(offer: Offer, field: str) -> None:
    error = refusal({**needed(offer), "runware": {field: OURS[field]}}, offer)
    assert (type(error), error.param) == (Owned, f"runware.{field}")


# Lumenfall's table for Qwen-Image, with a value of each; LoRAs and their weights are refused below.
TABLE: dict[str, Any] = {
    "prompt": "a fox",
    "negative_prompt": "fog",
    "seed": 7,
    "size": "1365x768",
    "aspect_ratio": "16:9",
    "resolution": "1K",
    "response_format": "url",
    "output_format": "avif",
    "output_compression": 80,
    "n": 2,
    "cfg_scale": 4,
    "prompt_enhancement": "off",
    "num_inference_steps": 30,
    "watermark": True,
    "acceleration": "none",
    "enable_safety_checker": True,
    "sync_mode": True,
    "use_turbo": True,
    "disable_safety_checker": False,
    "go_fast": True,
    "image_size": "1024x1024",
    "output_quality": 80,
}


@pytest.mark.parametrize("offer", ALIBABA, ids=repr)
@pytest.mark.parametrize("name", TABLE)
def test_a_parameter_of_lumenfalls_page_gets_one_row_at_dashscope(offer: Offer, name: str) -> None:
    pictures = {} if offer.operation == "generate" else {"image": [Source("fox", "png", 512, 400, 10)]}
    lossy = {"output_format": "jpeg"} if name in {"output_compression", "output_quality"} else {}
    made = planned({**pictures, **lossy, name: TABLE[name]}, offer)
    (row,) = (row for row in made.decisions if row.given_as == name)
    assert row.behavior != "refused"
    assert (row.behavior != "dropped") or row.note


@pytest.mark.parametrize(
    "body",
    [
        {"loras": [{"path": "https://a.example/x.safetensors"}]},
        {"lora_weights": "https://a.example/x.safetensors", "lora_scale": 1},
    ],
)
def test_loras_would_make_another_picture_so_dashscope_refuses_them(body: dict[str, Any]) -> None:
    error: NormalizerError = refusal(body, "alibaba/qwen-image")
    assert "takes no LoRAs" in error.reason
