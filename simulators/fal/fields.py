"""The vocabulary of fal's input schemas, as pydantic fields: fal's own models are pydantic, so its error texts are too.

Source: fal's API pages and per-model OpenAPI, read 2026-11-21. Unknown keys are ignored, null is legal for `seed`.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

FieldSpec = tuple[Any, Any]
MAX_SIDE = 14142

PRESETS: dict[str, tuple[int, int]] = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}


class ImageSize(BaseModel):
    """Free pixels."""

    width: Annotated[int, Field(gt=0, le=MAX_SIDE)] = 512
    height: Annotated[int, Field(gt=0, le=MAX_SIDE)] = 512


class LoraWeight(BaseModel):
    """One LoRA: a URL or path, and how much of it."""

    path: str
    scale: Annotated[float, Field(ge=0, le=4)] = 1


class SdxlLoraWeight(BaseModel):
    """Fast SDXL's own, of which there is never more than the whole."""

    path: str
    scale: Annotated[float, Field(ge=0, le=1)] = 1
    force: bool = False


Preset = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]


def whole(low: int, high: int, default: int) -> FieldSpec:
    return (Annotated[int, Field(ge=low, le=high)], default)


def number(low: float, high: float, default: float) -> FieldSpec:
    return (Annotated[float, Field(ge=low, le=high)], default)


def one_of(*words: str, default: str) -> FieldSpec:
    return (Literal[words], default)


def flag(default: bool) -> FieldSpec:
    return (bool, default)


def text(default: str) -> FieldSpec:
    return (str, default)


def text_up_to(longest: int) -> FieldSpec:
    """Null is the same as nothing."""
    return (Annotated[str | None, Field(max_length=longest)], "")


def prompt(shortest: int = 0, longest: int | None = None) -> FieldSpec:
    return (Annotated[str, Field(min_length=shortest, max_length=longest)], ...)


SIZE_UNION = ImageSize | Preset
LORAS: FieldSpec = (Annotated[list[LoraWeight], Field(max_length=3)], [])
ANY_LORAS: FieldSpec = (list[LoraWeight], [])
SDXL_LORAS: FieldSpec = (list[SdxlLoraWeight], [])
SEED: FieldSpec = (int | None, None)
IMAGE_URL: FieldSpec = (Annotated[str, Field(min_length=1)], ...)
JPEG_PNG = ("jpeg", "png")
JPEG_PNG_WEBP = ("jpeg", "png", "webp")
ALL_SPEEDS = ("none", "regular", "high")
FOUR = whole(1, 4, 1)
PNG = one_of(*JPEG_PNG, default="png")
PNG_3 = one_of(*JPEG_PNG_WEBP, default="png")
JPEG = one_of(*JPEG_PNG, default="jpeg")


def or_null(spec: FieldSpec) -> FieldSpec:
    """The same where null is legal, and what the field is without a value."""
    return (spec[0] | None, None)


def image_urls(most: int | None = None) -> FieldSpec:
    return (Annotated[list[str], Field(min_length=1, max_length=most)], ...)


def size(default: str) -> FieldSpec:
    return (SIZE_UNION, default)


def size_or(*words: str, default: Any) -> FieldSpec:
    """A size, or one of the words for the model's own choice."""
    return (SIZE_UNION | Literal[words], default)


def tolerance(most: int, default: int) -> FieldSpec:
    """How much the safety check lets through: a number, as a string."""
    return one_of(*(str(level) for level in range(1, most + 1)), default=str(default))


OPTIONAL_SIZE: FieldSpec = (SIZE_UNION | None, None)
