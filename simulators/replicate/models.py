"""Replicate's models as a table: what each takes, what size that draws, and whether it answers a list or one URL.

Source: the models' pages and version API tabs on replicate.com, read 2026-11-21; for qwen/qwen-image also Oxen's
page of it, which repeats its schema.
"""

from dataclasses import dataclass

from simulators.replicate.schema import Field, Input
from simulators.replicate.sizing import (
    FLUX_SIZES,
    QWEN_SIZES,
    Sizing,
    by_ratio,
    by_resolution,
    by_sides,
    by_star,
    like_the_source,
)


@dataclass(frozen=True)
class Model:
    """`version` is None for an official model, which needs none and shows `hidden`; `several`: the output is a list."""

    name: str
    input: Input
    size: Sizing
    several: bool = True
    version: str | None = None


def one_of(*words: str, default: str) -> Field:
    return Field("string", default, words=words)


def whole(low: int, high: int, default: int) -> Field:
    return Field("integer", default, low=low, high=high)


def number(low: float | None, high: float | None, default: float) -> Field:
    return Field("number", default, low=low, high=high)


FORMATS = ("webp", "jpg", "png")
PROMPT = Field("string", required=True)
SEED = Field("integer")
PICTURE = Field("uri")
COMMON: dict[str, Field] = {
    "prompt": PROMPT,
    "seed": SEED,
    "go_fast": Field("boolean", default=True),
    "output_format": one_of(*FORMATS, default="webp"),
    "output_quality": whole(0, 100, 80),
    "disable_safety_checker": Field("boolean", default=False),
}
FLUX: dict[str, Field] = COMMON | {
    "aspect_ratio": one_of(*FLUX_SIZES, default="1:1"),
    "num_outputs": whole(1, 4, 1),
    "megapixels": one_of("1", "0.25", default="1"),
}
EDIT: dict[str, Field] = COMMON | {
    "output_quality": whole(0, 100, 95),
    "aspect_ratio": one_of("match_input_image", *QWEN_SIZES, default="match_input_image"),
}
FLUX_2_RATIOS = ("1:1", "16:9", "3:2", "2:3", "4:5", "5:4", "9:16", "3:4", "4:3")
CUSTOM_SIDE = Field("integer", low=256, high=1440)

QWEN_MODELS: tuple[Model, ...] = (
    Model(
        "qwen/qwen-image",
        {
            **COMMON,
            "output_format": one_of(*FORMATS, default="jpg"),
            "negative_prompt": Field("string", " "),
            "aspect_ratio": one_of(*QWEN_SIZES, default="16:9"),
            "image_size": one_of("optimize_for_quality", "optimize_for_speed", default="optimize_for_quality"),
            "num_inference_steps": whole(1, 50, 30),
            "guidance": number(0, 10, 3),
            "enhance_prompt": Field("boolean", default=False),
            "image": PICTURE,
            "strength": number(None, 1, 0.9),
            "lora_weights": Field("string"),
            "replicate_weights": Field("string"),
            "lora_scale": number(None, None, 1),
            "extra_lora_weights": Field("array"),
            "extra_lora_scale": Field("array", items="number"),
        },
        by_ratio(QWEN_SIZES),  # nothing is said about the picture's own
    ),
    Model("qwen/qwen-image-edit", {**EDIT, "image": Field("uri", required=True)}, by_ratio(QWEN_SIZES)),
    Model("qwen/qwen-image-edit-plus", {**EDIT, "image": Field("array", required=True)}, by_ratio(QWEN_SIZES)),
    Model(
        "qwen/qwen-image-2-pro",
        {
            "prompt": PROMPT,
            "size": Field("string", "1024*1024"),
            "negative_prompt": Field("string", ""),
            "enable_prompt_expansion": Field("boolean", default=True),
            "seed": Field("integer", low=0, high=2147483647),
            "image": PICTURE,
        },
        by_star,
        several=False,
    ),
)

FLUX_MODELS: tuple[Model, ...] = (
    Model(
        "black-forest-labs/flux-schnell",
        {**FLUX, "num_inference_steps": whole(1, 4, 4)},
        by_ratio(FLUX_SIZES),
    ),
    Model(
        "black-forest-labs/flux-dev",
        {
            **FLUX,
            "num_inference_steps": whole(1, 50, 28),
            "guidance": number(0, 10, 3),
            "image": PICTURE,
            "prompt_strength": number(0, 1, 0.8),
        },
        like_the_source(by_ratio(FLUX_SIZES)),
    ),
    Model(
        "black-forest-labs/flux-1.1-pro",
        {
            "prompt": PROMPT,
            "aspect_ratio": one_of("custom", *FLUX_SIZES, default="1:1"),
            "width": CUSTOM_SIDE,
            "height": CUSTOM_SIDE,
            "output_format": one_of(*FORMATS, default="webp"),
            "output_quality": whole(0, 100, 80),
            "safety_tolerance": whole(1, 6, 2),
            "prompt_upsampling": Field("boolean", default=False),
            "image_prompt": PICTURE,
            "seed": SEED,
        },
        by_ratio(FLUX_SIZES),
        several=False,
    ),
    Model(
        "black-forest-labs/flux-kontext-pro",
        {
            "prompt": PROMPT,
            "input_image": PICTURE,
            "aspect_ratio": one_of("match_input_image", *FLUX_SIZES, default="match_input_image"),
            "prompt_upsampling": Field("boolean", default=False),
            "output_format": one_of("jpg", "png", default="png"),
            "safety_tolerance": whole(0, 6, 2),
            "seed": SEED,
        },
        by_ratio(FLUX_SIZES),
        several=False,
    ),
    Model(
        "black-forest-labs/flux-2-pro",
        {
            "prompt": PROMPT,
            "input_images": Field("array", most=8),
            "aspect_ratio": one_of("match_input_image", "custom", *FLUX_2_RATIOS, default="1:1"),
            "resolution": one_of("match_input_image", "0.5 MP", "1 MP", "2 MP", "4 MP", default="1 MP"),
            "width": Field("integer", low=256, high=2048),
            "height": Field("integer", low=256, high=2048),
            "safety_tolerance": whole(1, 5, 2),
            "output_format": one_of(*FORMATS, default="webp"),
            "output_quality": whole(0, 100, 80),
            "seed": SEED,
        },
        by_resolution,
        several=False,
    ),
    Model(
        "black-forest-labs/flux-2-dev",
        {
            **COMMON,
            "input_images": Field("array", most=4),
            "aspect_ratio": one_of("match_input_image", "custom", *FLUX_SIZES, default="1:1"),
            "width": CUSTOM_SIDE,
            "height": CUSTOM_SIDE,
        },
        by_ratio(FLUX_SIZES),
        several=False,
    ),
)

SAMPLERS = ("DDIM", "DPMSolverMultistep", "HeunDiscrete", "KarrasDPM", "K_EULER_ANCESTRAL", "K_EULER", "PNDM")
SDXL = Model(
    "stability-ai/sdxl",
    {
        "prompt": PROMPT,
        "negative_prompt": Field("string", ""),
        "width": Field("integer", 1024),
        "height": Field("integer", 1024),
        "num_outputs": whole(1, 4, 1),
        "guidance_scale": number(1, 50, 7.5),
        "num_inference_steps": whole(1, 500, 50),
        "image": PICTURE,
        "mask": PICTURE,
        "prompt_strength": number(0, 1, 0.8),
        "seed": SEED,
        "scheduler": one_of(*SAMPLERS, default="K_EULER"),
        "refine": one_of("no_refiner", "expert_ensemble_refiner", "base_image_refiner", default="no_refiner"),
        "refine_steps": Field("integer"),
        "lora_scale": number(0, 1, 0.6),
        "high_noise_frac": number(0, 1, 0.8),
        "apply_watermark": Field("boolean", default=True),
        "disable_safety_checker": Field("boolean", default=False),
    },
    like_the_source(by_sides),
    version="7762fd07cf82c948538e41f63f77d685e02b063e37e496e96eefd46c929f9bdc",
)

MODELS: dict[str, Model] = {model.name: model for model in (*QWEN_MODELS, *FLUX_MODELS, SDXL)}


def of_version(version: object) -> Model | None:
    """The model of a `version`: 64 hexadecimal digits, `owner/name:digits`, or `owner/name` of an official model."""
    name, _colon, digits = str(version).rpartition(":")
    for model in MODELS.values():
        if model.version and digits == model.version and name in ("", model.name):
            return model
    official = MODELS.get(str(version))
    return official if official and official.version is None else None
