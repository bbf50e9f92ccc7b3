"""Oxen's image models as a table: what each takes, and what size that draws.

Source: Oxen docs, the page of each model, read 2026-11-21. What the ratios and names draw in pixels is not published:
a megapixel in that shape stands in for it, and for Qwen-Image Lumenfall's 1K table. Nor are prices, which only the
models endpoint tells: these are made up.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.oxen.schema import Field, Fields

Size = tuple[int, int]
Sizing = Callable[[Mapping[str, Any], Size | None], Size]

SQUARE: Size = (1024, 1024)
MEGAPIXEL = 1024 * 1024
LARGEST_SIDE = 4096
SCALES = {"0.5 MP": 0.5, "1 MP": 1, "2 MP": 2, "512": 0.25, "1K": 1, "2K": 4, "4K": 16}
NAMES: dict[str, Size] = {"auto": SQUARE, "square": SQUARE, "portrait": (1024, 1536), "landscape": (1536, 1024)}

QWEN_SIZES: dict[str, Size] = {
    "1:1": SQUARE,
    "16:9": (1365, 768),
    "9:16": (768, 1365),
    "4:3": (1183, 887),
    "3:4": (887, 1182),
    "3:2": (1254, 836),
    "2:3": (836, 1254),
}


@dataclass(frozen=True)
class Model:
    """`price` is in dollars for a picture; `edits` says whether the model takes pictures at all."""

    id: str
    fields: Fields
    size: Sizing
    price: float = 0.03

    @property
    def edits(self) -> bool:
        return any(field.picture for field in self.fields.values())


def ratio_of(text: str) -> float:
    width, _colon, height = text.partition(":")
    return float(width) / float(height)


def shaped(ratio: float, area: float) -> Size:
    """That shape in so many pixels, each side even."""
    width, height = math.sqrt(area * ratio), math.sqrt(area / ratio)
    return 2 * round(width / 2), 2 * round(height / 2)


def by_ratio(given: Mapping[str, Any], source: Size | None) -> Size:
    """The ratio at its scale; the source's own shape where that is asked for, or chosen by `auto`."""
    area = MEGAPIXEL * SCALES.get(given.get("resolution") or "1 MP", 1)
    ratio = given["aspect_ratio"]
    if ratio in ("match_input_image", "auto") or given.get("match_input_image"):
        width, height = source or SQUARE
        return shaped(width / height, area)
    return shaped(ratio_of(ratio), area)


def by_qwen_ratio(given: Mapping[str, Any], source: Size | None) -> Size:
    del source
    return QWEN_SIZES[given["aspect_ratio"]]


def by_name(given: Mapping[str, Any], source: Size | None) -> Size:
    del source
    return NAMES[given["size"]]


def by_factor(given: Mapping[str, Any], source: Size | None) -> Size:
    """`2x` of the source, as far as a simulator draws it."""
    width, height = source or SQUARE
    factor = min(int(given["upscale_factor"].removesuffix("x")), LARGEST_SIDE / max(width, height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def one_of(*words: str, default: str) -> Field:
    return Field("string", default, words=words)


def whole(low: int, high: int, default: int | None) -> Field:
    return Field("integer", default, low=low, high=high)


def number(low: float, high: float, default: float) -> Field:
    return Field("number", default, low=low, high=high)


def ratios(*more: str) -> Field:
    return one_of("1:1", "16:9", "9:16", "4:3", "3:4", *more, default="16:9")


PROMPT = Field(required=True)
SEED = Field("integer")
SAFETY = Field("boolean", default=False)
PICTURE = Field(picture=True)
NEEDED_PICTURE = Field(required=True, picture=True)
PICTURES = Field("array", picture=True)
NEEDED_PICTURES = Field("array", required=True, picture=True)
WIDE_RATIOS = ratios("3:2", "2:3")

QWEN: dict[str, Field] = {
    "prompt": PROMPT,
    "negative_prompt": Field(default=" "),
    "aspect_ratio": WIDE_RATIOS,
    "image_size": one_of("optimize_for_quality", "optimize_for_speed", default="optimize_for_quality"),
    "num_inference_steps": whole(1, 50, 30),
    "guidance": number(0, 10, 3),
    "seed": SEED,
    "output_format": one_of("webp", "jpg", "png", default="webp"),
    "output_quality": whole(0, 100, 80),
    "disable_safety_checker": SAFETY,
}
QWEN_EDIT: dict[str, Field] = {
    "prompt": PROMPT,
    "input_image": NEEDED_PICTURES,
    "aspect_ratio": WIDE_RATIOS,
    "negative_prompt": Field(),
    "output_format": one_of("webp", "jpg", "png", default="png"),
}
FLUX_2: dict[str, Field] = {
    "prompt": PROMPT,
    "input_image": PICTURES,
    "aspect_ratio": ratios("3:2", "2:3", "match_input_image"),
    "resolution": one_of("1 MP", "2 MP", "0.5 MP", default="1 MP"),
    "num_inference_steps": whole(1, 50, 30),
    "guidance": number(0, 10, 2),
    "seed": SEED,
    "output_format": one_of("webp", "jpg", "png", default="webp"),
    "output_quality": whole(0, 100, 80),
    "disable_safety_checker": SAFETY,
}
KLEIN: dict[str, Field] = {
    "prompt": PROMPT,
    "input_image": PICTURES,
    "aspect_ratio": ratios(),
    "output_quality": one_of("standard", "high", default="standard"),
    "output_format": one_of("png", "jpg", "webp", default="png"),
    "seed": SEED,
    "num_inference_steps": whole(1, 50, 28),
    "guidance_scale": number(0, 10, 2),
}
KONTEXT: dict[str, Field] = {
    "input_image": NEEDED_PICTURE,
    "prompt": PROMPT,
    "aspect_ratio": ratios("21:9", "3:2", "2:3", "4:5", "5:4", "9:21", "match_input_image"),
    "num_inference_steps": whole(4, 50, 28),
    "guidance": number(0, 10, 2.5),
    "seed": SEED,
    "output_format": one_of("webp", "jpg", "png", default="webp"),
    "output_quality": whole(0, 100, 80),
    "disable_safety_checker": SAFETY,
}

MODELS: dict[str, Model] = {
    model.id: model
    for model in (
        Model("qwen-image", {**QWEN, "output_format": one_of("webp", "jpg", "png", default="jpg")}, by_qwen_ratio),
        Model("qwen-image-2512", {**QWEN, "negative_prompt": Field()}, by_ratio),
        Model(
            "qwen-image-edit",
            {name: QWEN[name] for name in ("prompt", "aspect_ratio")} | {"input_image": NEEDED_PICTURE},
            by_ratio,
        ),
        Model("qwen-image-edit-plus", QWEN_EDIT, by_ratio),
        Model("qwen-image-edit-2511", QWEN_EDIT, by_ratio),
        Model(
            "qwen-image-2",
            {
                "prompt": PROMPT,
                "input_image": PICTURE,
                "match_input_image": Field("boolean", default=False),
                "aspect_ratio": ratios("3:2", "2:3", "2:1", "1:2"),
                "enable_prompt_expansion": Field("boolean", default=True),
                "negative_prompt": Field(),
                "seed": whole(0, 2147483647, None),
            },
            by_ratio,
        ),
        Model("flux-1-dev", {**QWEN, "negative_prompt": Field()}, by_ratio),
        Model("flux-2-dev", FLUX_2, by_ratio),
        Model("flux-2-flex", FLUX_2, by_ratio),
        Model("flux-2-pro", FLUX_2, by_ratio),
        Model("black-forest-labs-flux-2-klein-4b", KLEIN, by_ratio),
        Model("black-forest-labs-flux-2-klein-9b", KLEIN, by_ratio),
        Model("flux-kontext-dev", KONTEXT, by_ratio),
        Model(
            "gpt-image-1-5",
            {
                "prompt": PROMPT,
                "input_image": PICTURES,
                "output_format": one_of("webp", "jpeg", "png", default="png"),
                "size": one_of("auto", "square", "portrait", "landscape", default="auto"),
            },
            by_name,
        ),
        Model(
            "gpt-image-2",
            {
                "prompt": PROMPT,
                "input_image": PICTURES,
                "aspect_ratio": one_of(
                    *("auto", "1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9", "9:21"), default="16:9"
                ),
                "resolution": one_of("1K", "2K", "4K", default="2K"),
                "quality": one_of("low", "medium", "high", default="high"),
                "output_format": one_of("png", "jpeg", "webp", default="png"),
                "mask_url": PICTURE,
            },
            by_ratio,
        ),
        Model(
            "topazlabs-image-upscale",
            {
                "input_image": NEEDED_PICTURE,
                "enhance_model": one_of(
                    *("Standard V2", "Low Resolution V2", "CGI", "High Fidelity V2", "Text Refine"),
                    default="High Fidelity V2",
                ),
                "upscale_factor": one_of("4x", "2x", default="2x"),
                "output_format": one_of("jpg", "png", default="png"),
            },
            by_factor,
        ),
    )
}
