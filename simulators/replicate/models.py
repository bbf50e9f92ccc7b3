"""Replicate's models as a table: what each takes, what size that draws, and whether it answers a list or one URL.

Source: the models' pages and version API tabs on replicate.com, read 2026-11-21; for qwen/qwen-image also Oxen's
page of it, which repeats its schema. The pixels of FLUX's ratios are those of replicate/cog-flux. Qwen's are not
published: Lumenfall's 1K table stands in for them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.replicate.schema import Field, Input
from simulators.replicate.source import Size, size_of

Sizing = Callable[[Mapping[str, Any]], Size]

SQUARE: Size = (1024, 1024)
QWEN_SIZES: dict[str, Size] = {
    "1:1": SQUARE,
    "16:9": (1365, 768),
    "9:16": (768, 1365),
    "4:3": (1183, 887),
    "3:4": (887, 1182),
    "3:2": (1254, 836),
    "2:3": (836, 1254),
}
FLUX_SIZES: dict[str, Size] = {
    "1:1": SQUARE,
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "3:2": (1216, 832),
    "2:3": (832, 1216),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "3:4": (896, 1152),
    "4:3": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}


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


def by_ratio(sizes: Mapping[str, Size], source: str = "image") -> Sizing:
    """The ratio's pixels, a quarter of them at 0.25 megapixels; an input picture's own where that is asked for."""

    def size(given: Mapping[str, Any]) -> Size:
        ratio = given["aspect_ratio"]
        if ratio == "match_input_image":
            return size_of(given.get(source)) or SQUARE
        width, height = sizes[ratio]
        return (width // 2, height // 2) if given.get("megapixels") == "0.25" else (width, height)

    return size


def like_the_source(otherwise: Sizing) -> Sizing:
    """Image-to-image keeps the shape of its source."""

    def size(given: Mapping[str, Any]) -> Size:
        return size_of(given.get("image")) or otherwise(given)

    return size


def by_sides(given: Mapping[str, Any]) -> Size:
    return int(given["width"]), int(given["height"])


def by_star(given: Mapping[str, Any]) -> Size:
    """`1024*768`."""
    width, _star, height = str(given["size"]).partition("*")
    return int(width), int(height)


FORMATS = ("webp", "jpg", "png")
PROMPT = Field("string", required=True)
SEED = Field("integer")
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
EDIT_RATIOS = one_of("match_input_image", *QWEN_SIZES, default="match_input_image")

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
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
                "image": Field("uri"),
                "strength": number(None, 1, 0.9),
                "lora_weights": Field("string"),
                "replicate_weights": Field("string"),
                "lora_scale": number(None, None, 1),
                "extra_lora_weights": Field("array", items="uri"),
                "extra_lora_scale": Field("array", items="number"),
            },
            like_the_source(by_ratio(QWEN_SIZES)),
        ),
        Model(
            "qwen/qwen-image-edit",
            {
                **COMMON,
                "output_quality": whole(0, 100, 95),
                "image": Field("uri", required=True),
                "aspect_ratio": EDIT_RATIOS,
            },
            by_ratio(QWEN_SIZES),
        ),
        Model(
            "qwen/qwen-image-edit-plus",
            {
                **COMMON,
                "output_quality": whole(0, 100, 95),
                "image": Field("array", required=True),
                "aspect_ratio": EDIT_RATIOS,
            },
            by_ratio(QWEN_SIZES),
        ),
        Model(
            "qwen/qwen-image-2-pro",
            {
                "prompt": PROMPT,
                "size": Field("string", "1024*1024"),
                "negative_prompt": Field("string", ""),
                "enable_prompt_expansion": Field("boolean", default=True),
                "seed": Field("integer", low=0, high=2147483647),
                "image": Field("uri"),
            },
            by_star,
            several=False,
        ),
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
                "image": Field("uri"),
                "prompt_strength": number(0, 1, 0.8),
            },
            like_the_source(by_ratio(FLUX_SIZES)),
        ),
        Model(
            "black-forest-labs/flux-kontext-pro",
            {
                "prompt": PROMPT,
                "input_image": Field("uri"),
                "aspect_ratio": one_of("match_input_image", *FLUX_SIZES, default="match_input_image"),
                "output_format": one_of("jpg", "png", default="png"),
                "safety_tolerance": whole(0, 6, 2),
                "seed": SEED,
            },
            by_ratio(FLUX_SIZES, "input_image"),
            several=False,
        ),
        Model(
            "black-forest-labs/flux-2-pro",
            {
                "prompt": PROMPT,
                "input_images": Field("array"),
                "width": whole(256, 1440, 1024),
                "height": whole(256, 1440, 768),
                "output_format": one_of(*FORMATS, default="webp"),
                "seed": SEED,
            },
            by_sides,
            several=False,
        ),
        Model(
            "stability-ai/sdxl",
            {
                "prompt": PROMPT,
                "negative_prompt": Field("string", ""),
                "width": Field("integer", 1024),
                "height": Field("integer", 1024),
                "num_outputs": whole(1, 4, 1),
                "guidance_scale": number(1, 50, 7.5),
                "num_inference_steps": whole(1, 500, 50),
                "seed": SEED,
                "disable_safety_checker": Field("boolean", default=False),
            },
            by_sides,
            version="5d11" * 16,  # made up; a community model runs by its version alone
        ),
    )
}


def of_version(version: object) -> Model | None:
    """The model of a `version`: 64 hexadecimal digits, `owner/name:digits`, or `owner/name` of an official model."""
    name, _colon, digits = str(version).rpartition(":")
    for model in MODELS.values():
        if model.version and digits == model.version and name in ("", model.name):
            return model
    official = MODELS.get(str(version))
    return official if official and official.version is None else None
