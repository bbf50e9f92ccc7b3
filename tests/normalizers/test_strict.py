"""`X-Easel-Strict: true`: what would be lost is an error that names the parameter; what asks for nothing is not."""

from typing import Any

import pytest

from normalizers.errors import Refused
from tests.normalizers.offers import planned, refusal, row_of

FAL, LUMENFALL, OPENAI, SKETCH = "fal/qwen-image", "lumenfall/qwen-image", "openai/gpt-image-1.5", "local/sketch"

# | body | offer | param | what works, in the reason |
LOST: list[tuple[dict[str, Any], str, str, str]] = [
    ({"quality": "high"}, FAL, "quality", "use num_inference_steps"),
    ({"style": "vivid"}, FAL, "style", "put the style into the prompt"),
    ({"user": "ada"}, FAL, "user", "leave it out"),
    ({"steps": 20}, OPENAI, "steps", "use quality"),
    ({"seed": 5}, OPENAI, "seed", "leave it out"),
    ({"strength": 0.5}, LUMENFALL, "strength", "leave it out"),
    ({"cfg_scale": 4}, SKETCH, "cfg_scale", "leave it out"),
    ({"use_turbo": True}, LUMENFALL, "use_turbo", "leave it out"),
    ({"odd": 1}, "my-vllm-omni/qwen-image", "odd", "leave it out"),
    ({"output_compression": 50}, FAL, "output_compression", "jpeg, webp and avif"),
    ({"output_compression": 50, "output_format": "gif"}, SKETCH, "output_compression", "jpeg, webp and avif"),
    ({"size": "512x512"}, OPENAI, "size", "nearest that the provider draws: 1024x1024"),
    ({"size": "7:1"}, OPENAI, "size", "nearest that the provider draws: 1536x1024"),
    ({"aspect_ratio": "16:9"}, OPENAI, "aspect_ratio", "1536x1024"),
    ({"resolution": "4K"}, OPENAI, "resolution", "1024x1024"),
    ({"size": "16:9", "resolution": "4K"}, OPENAI, "size", "1536x1024"),
    ({"size": "1000x1000"}, "openai/gpt-image-2", "size", "1008x1008"),
    ({"size": "32x32"}, SKETCH, "size", "64x64"),
    ({"size": "1024x768", "aspect_ratio": "16:9"}, FAL, "aspect_ratio", "leave it out"),
    ({"size": "1024x768", "resolution": "1K"}, FAL, "resolution", "leave it out"),
    ({"width": 1024, "height": 768, "ratio": "4:3"}, FAL, "ratio", "leave it out"),
    ({"image_size": "square", "aspect_ratio": "1:1"}, FAL, "aspect_ratio", "leave it out"),
]


@pytest.mark.parametrize(("body", "offer", "param", "works"), LOST)
def test_what_would_be_lost_is_an_error(body: dict[str, Any], offer: str, param: str, works: str) -> None:
    error = refusal(body, offer, strict=True)
    assert (type(error), error.param) == (Refused, param)
    assert works in error.reason


@pytest.mark.parametrize(("body", "offer", "param", "works"), LOST)
def test_without_strict_the_row_says_it(body: dict[str, Any], offer: str, param: str, works: str) -> None:
    del works
    row = row_of(planned(body, offer), param)
    assert row.note
    assert row.behavior in {"dropped", "converted"}


KEPT: list[tuple[dict[str, Any], str]] = [
    ({"quality": "auto"}, FAL),
    ({"quality": "standard"}, FAL),
    ({"background": "opaque"}, FAL),
    ({"background": "auto"}, FAL),
    ({"prompt_enhancement": "off"}, FAL),
    ({"input_fidelity": "low"}, FAL),
    ({"complexity": "low"}, FAL),
    ({"version": "latest"}, FAL),
    ({"acceleration": "none"}, LUMENFALL),
    ({"safety": "on"}, LUMENFALL),
    ({"loras": []}, LUMENFALL),
    ({"loras": []}, "fal/flux-dev"),
    ({"control_nets": []}, FAL),
    ({"negative_prompt": ""}, "fal/flux-dev"),
    ({"negative_prompt": " "}, OPENAI),
    ({"style": "vivid"}, OPENAI),
    ({"seed": None}, OPENAI),
    ({"output_compression": 100}, FAL),
    ({"size": "1024x1024"}, OPENAI),
    ({"size": "3:2"}, OPENAI),
    ({"aspect_ratio": "2:3"}, OPENAI),
    ({"resolution": "1K"}, OPENAI),
    ({"aspect_ratio": "16:9"}, "openai/gpt-image-2"),  # 1360x768: a ratio is met up to the step of a side
    ({"size": "512x512", "size_fit": "exact"}, OPENAI),
    ({"size": "1024x768", "aspect_ratio": "auto"}, FAL),
    ({"size": "auto"}, OPENAI),
    ({"size": "auto", "aspect_ratio": "auto", "resolution": "auto"}, FAL),
    ({"output_format": "avif"}, FAL),
    ({"n": 10, "response_format": "both"}, FAL),
    ({"fal": {"use_turbo": True}}, LUMENFALL),
]


@pytest.mark.parametrize(("body", "offer"), KEPT)
def test_what_loses_nothing_is_no_error(body: dict[str, Any], offer: str) -> None:
    assert [row.given_as for row in planned(body, offer, strict=True).decisions] == ["prompt", *body]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"loras": [{"path": "a"}]}, "loras"),
        ({"negative_prompt": "blur"}, "negative_prompt"),
        ({"background": "transparent"}, "background"),
        ({"scheduler": "euler"}, "scheduler"),
        ({"frame_count": 4}, "frame_count"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_would_give_another_picture_is_refused_either_way(body: dict[str, Any], param: str, strict: bool) -> None:
    error = refusal(body, "fal/flux-dev", strict=strict)
    assert (type(error), error.param) == (Refused, param)
    assert "fal/flux-dev" in error.reason
