"""fal's endpoints as a table: what each takes, and what its answer looks like.

Source: each model's API page and OpenAPI on fal.ai, read 2026-11-21 (`fal-ai/qwen-image`: its API page).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, create_model

from simulators.fal.fields import (
    ALL_SPEEDS,
    IMAGE_URL,
    JPEG_PNG,
    JPEG_PNG_WEBP,
    LORAS,
    OPTIONAL_SIZE,
    SEED,
    FieldSpec,
    flag,
    image_urls,
    number,
    one_of,
    prompt,
    size,
    text,
    whole,
)

Sizing = Literal["default", "first_input", "last_input"]
Answer = Literal["image", "file"]


@dataclass(frozen=True)
class Endpoint:
    """One model endpoint.

    `sizing` says where the size comes from when none is asked: the field's default, or an input picture; `pixels` is
    the least and the most that may be asked for. The `image` answer has width and height per picture, timings, NSFW
    flags and the prompt; the `file` one has none.
    """

    id: str
    input: type[BaseModel]
    sizing: Sizing
    answer: Answer
    format_field: str
    pixels: tuple[int, int] | None


def endpoint(
    endpoint_id: str,
    shared: Mapping[str, FieldSpec] = MappingProxyType({}),
    *,
    sizing: Sizing = "default",
    answer: Answer = "image",
    format_field: str = "output_format",
    pixels: tuple[int, int] | None = None,
    **fields: FieldSpec,
) -> Endpoint:
    every: dict[str, FieldSpec] = {
        "prompt": prompt(),
        "seed": SEED,
        "sync_mode": flag(False),
        "enable_safety_checker": flag(True),
        **shared,
        **fields,
    }
    return Endpoint(endpoint_id, create_model(f"Input of {endpoint_id}", **every), sizing, answer, format_field, pixels)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownArgumentType, reportUnknownVariableType]  # fields are known only here


_FOUR = whole(1, 4, 1)
_LANDSCAPE = size("landscape_4_3")
_PNG = one_of(*JPEG_PNG, default="png")
_PNG_3 = one_of(*JPEG_PNG_WEBP, default="png")
_JPEG = one_of(*JPEG_PNG, default="jpeg")


def _speed(default: str) -> FieldSpec:
    return one_of(*ALL_SPEEDS, default=default)


_QWEN: dict[str, FieldSpec] = {
    "num_inference_steps": whole(2, 250, 30),
    "guidance_scale": number(0, 20, 2.5),
    "num_images": _FOUR,
    "output_format": _PNG,
    "acceleration": _speed("none"),
    "negative_prompt": text(" "),
    "use_turbo": flag(False),
    "loras": LORAS,
}
_QWEN_EDIT: dict[str, FieldSpec] = {
    "num_inference_steps": whole(2, 50, 30),
    "guidance_scale": number(0, 20, 4),
    "num_images": _FOUR,
    "output_format": _PNG,
    "negative_prompt": text(" "),
}
_QWEN_2: dict[str, FieldSpec] = {
    "output_format": _PNG_3,
    "negative_prompt": text(""),
    "enable_prompt_expansion": flag(True),
}
_FLUX: dict[str, FieldSpec] = {
    "num_images": _FOUR,
    "output_format": _JPEG,
    "acceleration": _speed("none"),
}

ENDPOINTS: dict[str, Endpoint] = {
    row.id: row
    for row in (
        endpoint(
            "fal-ai/qwen-image",
            _QWEN,
            image_size=_LANDSCAPE,
        ),
        endpoint(
            "fal-ai/qwen-image/image-to-image",
            _QWEN,
            sizing="first_input",
            image_url=IMAGE_URL,
            image_size=OPTIONAL_SIZE,
            strength=number(0, 1, 0.6),
        ),
        endpoint(
            "fal-ai/qwen-image-edit",
            _QWEN_EDIT,
            sizing="first_input",
            image_url=IMAGE_URL,
            image_size=OPTIONAL_SIZE,
            acceleration=_speed("regular"),
        ),
        endpoint(
            "fal-ai/qwen-image-edit/image-to-image",
            _QWEN_EDIT,
            sizing="first_input",
            image_url=IMAGE_URL,
            image_size=OPTIONAL_SIZE,
            strength=number(0.01, 1, 0.94),
            acceleration=_speed("regular"),
        ),
        endpoint(
            "fal-ai/qwen-image-edit/inpaint",
            _QWEN_EDIT,
            sizing="first_input",
            image_url=IMAGE_URL,
            mask_url=IMAGE_URL,
            image_size=OPTIONAL_SIZE,
            strength=number(0.01, 1, 0.93),
            acceleration=_speed("regular"),
        ),
        endpoint(
            "fal-ai/qwen-image-edit-lora",
            _QWEN_EDIT,
            sizing="first_input",
            image_url=IMAGE_URL,
            image_size=OPTIONAL_SIZE,
            acceleration=_speed("none"),
            loras=LORAS,
        ),
        *(
            endpoint(
                name,
                {**_QWEN_EDIT, "num_inference_steps": whole(2, 100, 50)},
                image_urls=image_urls(),
                image_size=size("square_hd"),
                acceleration=one_of("none", "regular", default="regular"),
            )
            for name in ("fal-ai/qwen-image-edit-plus", "fal-ai/qwen-image-edit-2509")
        ),
        endpoint(
            "fal-ai/qwen-image-edit-2511",
            sizing="first_input",
            image_urls=image_urls(),
            image_size=OPTIONAL_SIZE,
            num_inference_steps=whole(1, 50, 28),
            guidance_scale=number(1, 20, 4.5),
            num_images=_FOUR,
            output_format=_PNG_3,
            acceleration=_speed("regular"),
            negative_prompt=text(""),
        ),
        endpoint(
            "fal-ai/qwen-image-2512",
            image_size=_LANDSCAPE,
            num_inference_steps=whole(1, 50, 28),
            guidance_scale=number(0, 20, 4),
            num_images=_FOUR,
            output_format=_PNG_3,
            acceleration=_speed("regular"),
            negative_prompt=text(""),
        ),
        endpoint(
            "fal-ai/qwen-image-2/text-to-image",
            _QWEN_2,
            answer="file",
            pixels=(512**2, 2048**2),
            prompt=prompt(1),
            image_size=size("square_hd"),
            num_images=_FOUR,
        ),
        endpoint(
            "fal-ai/qwen-image-2/edit",
            _QWEN_2,
            answer="file",
            pixels=(512**2, 2048**2),
            sizing="last_input",
            prompt=prompt(1),
            image_urls=image_urls(3),
            image_size=OPTIONAL_SIZE,
            num_images=whole(1, 6, 1),
        ),
        endpoint(
            "fal-ai/flux/schnell",
            _FLUX,
            image_size=_LANDSCAPE,
            num_inference_steps=whole(1, 12, 4),
            guidance_scale=number(1, 20, 3.5),
        ),
        endpoint(
            "fal-ai/flux/dev",
            _FLUX,
            image_size=_LANDSCAPE,
            num_inference_steps=whole(1, 50, 28),
            guidance_scale=number(1, 20, 3.5),
        ),
        endpoint(
            "fal-ai/flux/dev/image-to-image",
            _FLUX,
            sizing="first_input",
            image_url=IMAGE_URL,
            strength=number(0.01, 1, 0.95),
            num_inference_steps=whole(10, 50, 40),
            guidance_scale=number(1, 20, 3.5),
        ),
        endpoint(
            "fal-ai/flux-lora",
            _FLUX,
            image_size=_LANDSCAPE,
            num_inference_steps=whole(1, 50, 28),
            guidance_scale=number(0, 35, 3.5),
            acceleration=one_of("none", "regular", default="none"),
            loras=LORAS,
        ),
        endpoint(
            "fal-ai/fast-sdxl",
            format_field="format",
            image_size=size("square_hd"),
            num_inference_steps=whole(1, 50, 25),
            guidance_scale=number(0, 20, 7.5),
            num_images=whole(1, 8, 1),
            format=_JPEG,
            negative_prompt=text(""),
            loras=LORAS,
            expand_prompt=flag(False),
            safety_checker_version=one_of("v1", "v2", default="v1"),
        ),
    )
}
