"""Lumenfall's "Additional Parameters" of qwen-image (page read 2026-11-21): each has one decision on each offer."""

from typing import Any

import pytest

from normalizers.errors import Refused
from tests.normalizers.offers import planned, refusal, row_of

LORA_URL = "https://example.com/lora.safetensors"

# | parameter | value | on fal | on lumenfall |, each the behavior and the wire field
TABLE: list[tuple[str, Any, tuple[str, str | None], tuple[str, str | None]]] = [
    # Universal
    ("cfg_scale", 4, ("renamed", "guidance_scale"), ("passthrough", "cfg_scale")),
    ("prompt_enhancement", "off", ("dropped", None), ("passthrough", "prompt_enhancement")),
    ("num_inference_steps", 28, ("passthrough", "num_inference_steps"), ("passthrough", "num_inference_steps")),
    # alibaba
    ("watermark", True, ("dropped", None), ("dropped", None)),
    # fal
    ("acceleration", "high", ("passthrough", "acceleration"), ("dropped", None)),
    ("enable_safety_checker", True, ("passthrough", "enable_safety_checker"), ("dropped", None)),
    ("loras", [{"path": LORA_URL, "scale": 1}], ("passthrough", "loras"), ("refused", None)),
    ("sync_mode", True, ("passthrough", "sync_mode"), ("dropped", None)),
    ("use_turbo", True, ("passthrough", "use_turbo"), ("dropped", None)),
    # replicate
    ("disable_safety_checker", True, ("converted", "enable_safety_checker"), ("dropped", None)),
    ("extra_lora_scale", [0.5, 0.7], ("dropped", None), ("dropped", None)),
    ("extra_lora_weights", [LORA_URL], ("dropped", None), ("dropped", None)),
    ("go_fast", True, ("dropped", None), ("dropped", None)),
    ("image_size", "optimize_for_quality", ("refused", None), ("refused", None)),
    ("lora_weights", LORA_URL, ("converted", "loras"), ("refused", None)),
    ("output_quality", 90, ("dropped", None), ("dropped", None)),
    ("replicate_weights", LORA_URL, ("dropped", None), ("dropped", None)),
]


@pytest.mark.parametrize(("name", "value", "on_fal", "on_lumenfall"), TABLE)
@pytest.mark.parametrize("offer", ["fal/qwen-image", "lumenfall/qwen-image"])
def test_an_additional_parameter(
    offer: str, name: str, value: Any, on_fal: tuple[str, str | None], on_lumenfall: tuple[str, str | None]
) -> None:
    behavior, sent_as = on_fal if offer.startswith("fal") else on_lumenfall
    if behavior == "refused":
        error = refusal({name: value}, offer)
        assert (type(error), error.param) == (Refused, name)
        return
    made = planned({name: value}, offer)
    row = row_of(made, name)
    assert (row.behavior, row.asked, row.sent_as) == (behavior, value, sent_as)
    (call,) = made.calls()
    if sent_as is None:
        assert row.note
        assert name not in call.payload
    else:
        assert call.payload[sent_as] == row.sent


@pytest.mark.parametrize(
    "field", ["watermark", "sync_mode", "use_turbo", "go_fast", "extra_lora_weights", "replicate_weights"]
)
def test_what_is_said_to_lumenfall_itself_reaches_it(field: str) -> None:
    """It passes on what the provider that it routes to may know."""
    value = next(row[1] for row in TABLE if row[0] == field)
    made = planned({"lumenfall": {field: value}}, "lumenfall/qwen-image")
    assert made.calls()[0].payload[field] == value
    row = row_of(made, f"lumenfall.{field}")
    assert (row.behavior, row.sent_as) == ("passthrough", field)


def test_a_loras_scale_goes_with_its_weights() -> None:
    made = planned({"lora_scale": 0.5, "lora_weights": LORA_URL}, "fal/qwen-image")
    assert made.payload["loras"] == [{"path": LORA_URL, "scale": 0.5}]
    assert [(row.given_as, row.name, row.asked) for row in made.decisions[1:]] == [
        ("lora_scale", "loras", 0.5),
        ("lora_weights", "loras", LORA_URL),
    ]
    assert "lora_weights" in refusal({"lora_scale": 0.5}, "fal/qwen-image").reason


def test_prompt_enhancement_is_off_wherever_there_is_a_switch() -> None:
    made = planned({}, "lumenfall/qwen-image")
    assert made.payload["prompt_enhancement"] == "off"
    assert ("prompt_enhancement", "prompt_enhancement", "off", "gateway") in made.defaults
    assert planned({"prompt_enhancement": "on"}, "lumenfall/qwen-image").payload["prompt_enhancement"] == "on"
    assert "use off" in refusal({"prompt_enhancement": "on"}, "fal/qwen-image").reason


# Core, output and format: the rest of the page's tables.
CORE: list[tuple[str, Any, str, Any]] = [
    ("negative_prompt", "blur", "negative_prompt", "blur"),
    ("seed", 42, "seed", 42),
    ("output_format", "png", "output_format", "png"),
    ("output_format", "jpeg", "output_format", "jpeg"),
    ("output_format", "gif", "output_format", "gif"),
    ("output_format", "webp", "output_format", "webp"),
    ("output_format", "avif", "output_format", "png"),  # it converts AVIF of up to 1600 px only, so the gateway does it
    ("n", 1, "n", 1),
    ("n", 10, "n", 10),
]


@pytest.mark.parametrize(("name", "asked", "sent_as", "sent"), CORE)
def test_a_core_parameter_on_lumenfall(name: str, asked: Any, sent_as: str, sent: Any) -> None:
    made = planned({name: asked}, "lumenfall/qwen-image")
    assert made.calls()[0].payload[sent_as] == sent
    assert row_of(made, name).behavior == ("passthrough" if asked == sent else "emulated")


def test_compression_needs_a_lossy_format() -> None:
    made = planned({"output_compression": 80, "output_format": "jpeg"}, "lumenfall/qwen-image")
    assert made.payload["output_compression"] == 80
    assert row_of(made, "output_compression").behavior == "passthrough"
    png = planned({"output_compression": 80, "output_format": "png"}, "lumenfall/qwen-image")
    assert "output_compression" not in png.payload
    assert "jpeg, webp and avif" in (row_of(png, "output_compression").note or "")
