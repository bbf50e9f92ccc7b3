"""What the demo asks for: one request through every simulated provider, two edits and an upscale."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Wish:
    """One request in OpenAI's words; `more` are fields that OpenAI's client has no argument for.

    `of` names the wish whose first picture is edited, `masked` marks the middle of it as what may change. `previews` is
    how many pictures of it half done are asked for.
    """

    title: str
    model: str
    prompt: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    strict: bool = False
    name: str = ""
    of: str = ""
    masked: bool = False
    previews: int = 0

    @property
    def kind(self) -> str:
        """What a caption adds: ` · edit with a mask`."""
        if not self.of:
            return ""
        if "strength" in self.more:
            return " · image-to-image"
        return " · upscale" if "scale_factor" in self.more else " · edit with a mask" if self.masked else " · edit"


LIGHTHOUSE = "a lighthouse on a cliff at dawn, gulls, long exposure"
NIGHT = "at night, under stars"

WISHES = [
    Wish(
        "Qwen-Image over fal's queue; fal has no webp, so the gateway encodes it",
        "fal/qwen-image",
        LIGHTHOUSE,
        {"size": "16:9", "n": 2, "output_format": "webp"},
        {"seed": 7, "steps": 30, "negative_prompt": "people"},
    ),
    Wish(
        "GPT Image 1.5 over OpenAI: the nearest of its three sizes, and a format that it does not have",
        "gpt-image-1.5",
        LIGHTHOUSE,
        {"size": "1600x900", "quality": "high", "output_format": "avif"},
    ),
    Wish(
        "Qwen-Image over Lumenfall: a shape and a scale instead of pixels",
        "lumenfall/qwen-image",
        LIGHTHOUSE,
        {},
        {"aspect_ratio": "3:2", "resolution": "1K", "guidance_scale": 4},
    ),
    Wish(
        "Qwen-Image-2.0 over DashScope: two pictures in one call, priced in yuan",
        "alibaba/qwen-image-2",
        LIGHTHOUSE,
        {"size": "4:3", "n": 2},
    ),
    Wish(
        "FLUX.1 [schnell] over Replicate: a shape by name, and its own word for jpeg",
        "replicate/flux-schnell",
        LIGHTHOUSE,
        {"size": "3:2", "output_format": "jpeg"},
        {"seed": 3, "steps": 4},
    ),
    Wish(
        "Qwen-Image over Runware: with a LoRA, in steps of 16 pixels",
        "runware/qwen-image",
        LIGHTHOUSE,
        {"size": "1000x1000"},
        {"seed": 12, "loras": [{"path": "civitai:120096@135931", "scale": 0.8}]},
    ),
    Wish(
        "Qwen-Image over Civitai's own engine: the same LoRA, and a sampler with its schedule, priced in Buzz",
        "civitai/qwen-image",
        LIGHTHOUSE,
        {"size": "3:4"},
        {"seed": 42, "steps": 20, "scheduler": "euler/simple", "loras": [{"path": "civitai:120096@135931"}]},
    ),
    Wish(
        "Qwen-Image-2.0 over Oxen: one picture a call there, so the gateway makes two calls",
        "oxen/qwen-image-2",
        LIGHTHOUSE,
        {"size": "1024x1024", "n": 2},
        {"seed": 20},
    ),
    Wish(
        "Qwen-Image over a vLLM-Omni server of your own",
        "vllm-omni/qwen-image",
        LIGHTHOUSE,
        {"size": "768x1024", "output_format": "jpeg"},
        {"seed": 29, "num_inference_steps": 20, "cfg_scale": 4},
    ),
    Wish(
        "A placeholder from the local worker; a parameter that has no effect there",
        "sketch",
        LIGHTHOUSE,
        {"size": "1024x768", "output_format": "webp", "output_compression": 90},
        {"seed": 7, "loras": [{"path": "https://example.com/a.safetensors"}]},
        name="sketch",
    ),
    Wish(
        "An edit of that picture over fal: without a size it keeps the shape of its source",
        "fal/qwen-image-edit",
        NIGHT,
        {},
        {"seed": 7},
        of="sketch",
    ),
    Wish(
        "An edit of a part of it by the local worker: what is transparent in the mask is drawn anew",
        "sketch",
        NIGHT,
        {},
        {"seed": 31},
        of="sketch",
        masked=True,
    ),
    Wish(
        "The same picture through Oxen's upscaler, twice as wide and twice as high",
        "oxen/topaz-image-upscale",
        "sharper",
        {},
        {"scale_factor": 2},
        of="sketch",
    ),
    Wish(
        "Strict: no picture rather than a parameter without effect",
        "fal/qwen-image",
        LIGHTHOUSE,
        {"size": "1024x1024", "quality": "high"},
        strict=True,
    ),
]

TINY = "qwen-image-tiny"  # comes with the package; what draws with it is the extra `worker`
RED_AND_BLUE = "a red circle on the left and a blue square on the right, white background"

TINY_WISHES = [
    Wish(
        "Drawn here, by real denoising on the CPU, with a tiny model of Qwen-Image's make: two in one batch",
        TINY,
        RED_AND_BLUE,
        {"size": "128x128", "n": 2},
        {"seed": 7},
        name="tiny",
    ),
    Wish(
        "Another as it grows: previews from the latents",
        TINY,
        "three green triangles on a black background",
        {"size": "256x256"},
        {"seed": 11},
        previews=3,
    ),
    Wish(
        "Image-to-image: the first of them, drawn over",
        TINY,
        "a yellow circle on the left and a blue square on the right, white background",
        {"size": "128x128"},
        {"seed": 3, "strength": 0.8},
        of="tiny",
    ),
]
