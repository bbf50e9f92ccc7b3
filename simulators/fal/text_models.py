"""fal's models that draw from text, as rows.

Source: each model's API page and OpenAPI on fal.ai, read 2026-11-21 (`fal-ai/qwen-image`: its API page).
"""

from simulators.fal.endpoint import Endpoint, endpoint
from simulators.fal.fields import (
    ALL_SPEEDS,
    ANY_LORAS,
    FOUR,
    JPEG,
    LORAS,
    PNG,
    PNG_3,
    SDXL_LORAS,
    FieldSpec,
    flag,
    number,
    one_of,
    prompt,
    size,
    text,
    text_up_to,
    tolerance,
    whole,
)
from simulators.fal.sizing import by_ratio

_LANDSCAPE = size("landscape_4_3")

BANANA_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16")

QWEN: dict[str, FieldSpec] = {
    "num_inference_steps": whole(2, 250, 30),
    "guidance_scale": number(0, 20, 2.5),
    "num_images": FOUR,
    "output_format": PNG,
    "acceleration": one_of(*ALL_SPEEDS, default="none"),
    "negative_prompt": text(" "),
    "use_turbo": flag(False),
    "loras": LORAS,
}
QWEN_2512: dict[str, FieldSpec] = {
    "image_size": _LANDSCAPE,
    "num_inference_steps": whole(1, 50, 28),
    "guidance_scale": number(0, 20, 4),
    "num_images": FOUR,
    "output_format": PNG_3,
    "acceleration": one_of(*ALL_SPEEDS, default="regular"),
    "negative_prompt": text(""),
}
QWEN_2: dict[str, FieldSpec] = {
    "prompt": prompt(1),
    "output_format": PNG_3,
    "negative_prompt": text_up_to(500),
    "enable_prompt_expansion": flag(True),
}
QWEN_2_PIXELS = (512**2, 2048**2)
FLUX: dict[str, FieldSpec] = {
    "num_images": FOUR,
    "output_format": JPEG,
    "acceleration": one_of(*ALL_SPEEDS, default="none"),
}
FLUX_2: dict[str, FieldSpec] = {
    "num_inference_steps": whole(4, 50, 28),
    "guidance_scale": number(0, 20, 2.5),
    "num_images": FOUR,
    "output_format": PNG_3,
    "acceleration": one_of(*ALL_SPEEDS, default="regular"),
    "enable_prompt_expansion": flag(False),
}
FLUX_2_SIDES = (512, 2048)
SDXL: dict[str, FieldSpec] = {
    "guidance_scale": number(0, 20, 7.5),
    "num_images": whole(1, 8, 1),
    "format": JPEG,
    "negative_prompt": text(""),
    "loras": SDXL_LORAS,
    "expand_prompt": flag(False),
    "safety_checker_version": one_of("v1", "v2", default="v1"),
}

TEXT_MODELS: tuple[Endpoint, ...] = (
    endpoint("fal-ai/qwen-image", QWEN, image_size=_LANDSCAPE),
    endpoint("fal-ai/qwen-image-2512", QWEN_2512),
    endpoint("fal-ai/qwen-image-2512/lora", QWEN_2512, loras=LORAS),
    *(
        endpoint(
            f"fal-ai/{name}/text-to-image",
            QWEN_2,
            facts={"answer": "file", "pixels": QWEN_2_PIXELS},
            image_size=size("square_hd"),
            num_images=FOUR,
        )
        for name in ("qwen-image-2", "qwen-image-2/pro")
    ),
    endpoint(
        "fal-ai/qwen-image-max/text-to-image",
        QWEN_2,
        facts={"answer": "file", "pixels": QWEN_2_PIXELS},
        prompt=prompt(1, 800),
        image_size=size("square_hd"),
        num_images=FOUR,
    ),
    endpoint(
        "fal-ai/flux/schnell",
        FLUX,
        image_size=_LANDSCAPE,
        num_inference_steps=whole(1, 12, 4),
        guidance_scale=number(1, 20, 3.5),
    ),
    endpoint(
        "fal-ai/flux/dev",
        FLUX,
        image_size=_LANDSCAPE,
        num_inference_steps=whole(1, 50, 28),
        guidance_scale=number(1, 20, 3.5),
    ),
    endpoint(
        "fal-ai/flux-lora",
        FLUX,
        image_size=_LANDSCAPE,
        num_inference_steps=whole(1, 50, 28),
        guidance_scale=number(0, 35, 3.5),
        acceleration=one_of("none", "regular", default="none"),
        loras=ANY_LORAS,
    ),
    endpoint(
        "fal-ai/flux-pro/v1.1",
        without=("enable_safety_checker",),
        image_size=_LANDSCAPE,
        num_images=FOUR,
        output_format=JPEG,
        safety_tolerance=tolerance(6, 2),
        enhance_prompt=flag(False),
    ),
    endpoint("fal-ai/flux-2", FLUX_2, facts={"sides": FLUX_2_SIDES}, image_size=_LANDSCAPE),
    endpoint(
        "fal-ai/flux-2-pro",
        facts={"answer": "file", "count_fields": ()},
        image_size=_LANDSCAPE,
        output_format=JPEG,
        safety_tolerance=tolerance(5, 2),
    ),
    endpoint(
        "fal-ai/nano-banana",
        without=("enable_safety_checker",),
        facts={"sizing": by_ratio("aspect_ratio"), "answer": "described"},
        prompt=prompt(3, 50_000),
        aspect_ratio=one_of(*BANANA_RATIOS, default="1:1"),
        num_images=FOUR,
        output_format=PNG_3,
        safety_tolerance=tolerance(6, 4),
        limit_generations=flag(False),
    ),
    endpoint(
        "fal-ai/fast-sdxl",
        SDXL,
        facts={"format_field": "format"},
        image_size=size("square_hd"),
        num_inference_steps=whole(1, 50, 25),
    ),
)
