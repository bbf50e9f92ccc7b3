"""fal's models that take pictures, as rows. Source: each model's OpenAPI on fal.ai, read 2026-11-21.

The limits of Qwen-Image-2's pictures are its descriptions' words. Where a size has no default that is published, the
input's is assumed.
"""

from simulators.fal.endpoint import Endpoint, Loads, endpoint
from simulators.fal.fields import (
    ALL_SPEEDS,
    ANY_LORAS,
    FOUR,
    IMAGE_URL,
    JPEG,
    LORAS,
    OPTIONAL_SIZE,
    PNG,
    PNG_3,
    FieldSpec,
    ImageSize,
    flag,
    image_urls,
    number,
    one_of,
    or_null,
    prompt,
    size,
    size_or,
    text,
    tolerance,
    whole,
)
from simulators.fal.sizing import by_default, by_ratio, like_first, like_last, seedream, times_scale
from simulators.fal.text_models import BANANA_RATIOS, FLUX, FLUX_2, FLUX_2_SIDES, QWEN, QWEN_2, QWEN_2_PIXELS, SDXL

_KONTEXT_RATIOS = ("21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21")
_FIRST = {"sizing": like_first}
_LAST = {"sizing": like_last}

_ONE: dict[str, FieldSpec] = {"image_url": IMAGE_URL, "image_size": OPTIONAL_SIZE}
_SEVERAL: dict[str, FieldSpec] = {"image_urls": image_urls(), "image_size": OPTIONAL_SIZE}
_EDIT: dict[str, FieldSpec] = {
    "num_inference_steps": whole(2, 50, 30),
    "guidance_scale": number(0, 20, 4),
    "num_images": FOUR,
    "output_format": PNG,
    "negative_prompt": text(" "),
    "acceleration": one_of(*ALL_SPEEDS, default="regular"),
}
_EDIT_2511: dict[str, FieldSpec] = {
    **_SEVERAL,
    "num_inference_steps": whole(1, 50, 28),
    "guidance_scale": number(1, 20, 4.5),
    "num_images": FOUR,
    "output_format": PNG_3,
    "acceleration": one_of(*ALL_SPEEDS, default="regular"),
    "negative_prompt": text(""),
}
_PLUS_SPEED = one_of("none", "regular", default="regular")
_QWEN_2_LOADS = Loads((384, 5000), 10 * 1024 * 1024, ("JPEG", "PNG", "WEBP"), transparent=False)
_QWEN_2_FACTS = {"sizing": like_last, "answer": "file", "pixels": QWEN_2_PIXELS, "loads": _QWEN_2_LOADS}
_KONTEXT: dict[str, FieldSpec] = {
    "image_url": IMAGE_URL,
    "aspect_ratio": or_null(one_of(*_KONTEXT_RATIOS, default="1:1")),
    "guidance_scale": number(1, 20, 3.5),
    "num_images": FOUR,
    "output_format": JPEG,
    "safety_tolerance": tolerance(6, 2),
    "enhance_prompt": flag(False),
}

_QWEN_MODELS: tuple[Endpoint, ...] = (
    endpoint("fal-ai/qwen-image/image-to-image", QWEN | _ONE, facts=_FIRST, strength=number(0, 1, 0.6)),
    endpoint("fal-ai/qwen-image-edit", _EDIT | _ONE, facts=_FIRST),
    endpoint("fal-ai/qwen-image-edit/image-to-image", _EDIT | _ONE, facts=_FIRST, strength=number(0.01, 1, 0.94)),
    endpoint(
        "fal-ai/qwen-image-edit/inpaint",
        _EDIT | _ONE,
        facts=_FIRST,
        mask_url=IMAGE_URL,
        strength=number(0.01, 1, 0.93),
    ),
    endpoint(
        "fal-ai/qwen-image-edit-lora",
        _EDIT | _ONE,
        facts=_FIRST,
        acceleration=one_of(*ALL_SPEEDS, default="none"),
        loras=LORAS,
    ),
    *(
        endpoint(
            name,
            _EDIT,
            facts={"sizing": by_default},
            image_urls=image_urls(),
            image_size=size("square_hd"),
            num_inference_steps=whole(2, 100, 50),
            acceleration=_PLUS_SPEED,
        )
        for name in ("fal-ai/qwen-image-edit-plus", "fal-ai/qwen-image-edit-2509")
    ),
    *(
        endpoint(
            name,
            _EDIT | _SEVERAL,
            facts=_LAST,
            num_inference_steps=whole(2, 50, 28),
            acceleration=_PLUS_SPEED,
            loras=LORAS,
        )
        for name in ("fal-ai/qwen-image-edit-plus-lora", "fal-ai/qwen-image-edit-2509-lora")
    ),
    endpoint("fal-ai/qwen-image-edit-2511", _EDIT_2511, facts=_FIRST),
    endpoint("fal-ai/qwen-image-edit-2511/lora", _EDIT_2511, facts=_FIRST, loras=LORAS),
    *(
        endpoint(
            f"fal-ai/{name}/edit",
            QWEN_2,
            facts=_QWEN_2_FACTS,
            prompt=prompt(1, longest),
            image_urls=image_urls(3),
            image_size=OPTIONAL_SIZE,
            num_images=whole(1, 6, 1),
        )
        for name, longest in (("qwen-image-2", None), ("qwen-image-2/pro", None), ("qwen-image-max", 800))
    ),
    endpoint(
        "fal-ai/qwen-image-layered",
        facts={"sizing": like_first, "count_fields": ("num_layers",)},
        prompt=or_null(text("")),
        image_url=IMAGE_URL,
        num_inference_steps=whole(1, 50, 28),
        guidance_scale=number(1, 20, 5),
        num_layers=whole(1, 10, 4),
        output_format=one_of("png", "webp", default="png"),
        negative_prompt=text(""),
        acceleration=one_of(*ALL_SPEEDS, default="regular"),
    ),
)

_FLUX_MODELS: tuple[Endpoint, ...] = (
    endpoint(
        "fal-ai/flux/dev/image-to-image",
        FLUX,
        facts=_FIRST,
        image_url=IMAGE_URL,
        strength=number(0.01, 1, 0.95),
        num_inference_steps=whole(10, 50, 40),
        guidance_scale=number(1, 20, 3.5),
    ),
    endpoint(
        "fal-ai/flux-lora/image-to-image",
        FLUX | _ONE,
        facts=_FIRST,
        strength=number(0.01, 1, 0.85),
        num_inference_steps=whole(1, 50, 28),
        guidance_scale=number(0, 35, 3.5),
        acceleration=one_of("none", "regular", default="none"),
        loras=ANY_LORAS,
    ),
    *(
        endpoint(name, _KONTEXT, without=("enable_safety_checker",), facts={"sizing": by_ratio("aspect_ratio")})
        for name in ("fal-ai/flux-pro/kontext", "fal-ai/flux-pro/kontext/max")
    ),
    endpoint(
        "fal-ai/flux-kontext/dev",
        FLUX,
        facts={"sizing": by_ratio("resolution_mode")},
        image_url=IMAGE_URL,
        resolution_mode=one_of("auto", "match_input", *_KONTEXT_RATIOS, "4:5", "5:4", default="match_input"),
        num_inference_steps=whole(10, 50, 28),
        guidance_scale=number(1, 20, 2.5),
    ),
    endpoint("fal-ai/flux-2/edit", FLUX_2 | _SEVERAL, facts={**_FIRST, "sides": FLUX_2_SIDES}),
    endpoint(
        "fal-ai/flux-2-pro/edit",
        facts={"sizing": like_first, "answer": "file", "count_fields": ()},
        image_urls=image_urls(),
        image_size=size_or("auto", default="auto"),
        output_format=JPEG,
        safety_tolerance=tolerance(5, 2),
    ),
)

_OTHER_MODELS: tuple[Endpoint, ...] = (
    endpoint(
        "fal-ai/fast-sdxl/image-to-image",
        SDXL,
        facts={"sizing": by_default, "format_field": "format"},
        image_url=IMAGE_URL,
        image_size=size("square_hd"),
        strength=number(0.05, 1, 0.95),
        num_inference_steps=whole(1, 65, 25),
        preserve_aspect_ratio=flag(False),
        crop_output=flag(False),
    ),
    endpoint(
        "fal-ai/fast-sdxl/inpainting",
        SDXL,
        facts={"sizing": by_default, "format_field": "format"},
        image_url=IMAGE_URL,
        image_size=size("square_hd"),
        mask_url=IMAGE_URL,
        strength=number(0.01, 1, 0.95),
        num_inference_steps=whole(1, 65, 25),
    ),
    endpoint(
        "fal-ai/nano-banana/edit",
        without=("enable_safety_checker",),
        facts={"sizing": by_ratio("aspect_ratio"), "answer": "described"},
        prompt=prompt(3, 50_000),
        image_urls=image_urls(),
        aspect_ratio=one_of("auto", *BANANA_RATIOS, default="auto"),
        num_images=FOUR,
        output_format=PNG_3,
        safety_tolerance=tolerance(6, 4),
        limit_generations=flag(False),
    ),
    endpoint(
        "fal-ai/bytedance/seedream/v4/edit",
        facts={
            "sizing": seedream,
            "answer": "file",
            "format_field": "",
            "count_fields": ("num_images", "max_images"),
        },
        image_urls=image_urls(),
        image_size=size_or("auto", "auto_2K", "auto_4K", default=ImageSize(width=2048, height=2048)),
        num_images=whole(1, 6, 1),
        max_images=whole(1, 6, 1),
        enhance_prompt_mode=one_of("standard", "fast", default="standard"),
    ),
    endpoint(
        "fal-ai/esrgan",
        without=("prompt", "seed", "sync_mode", "enable_safety_checker"),
        facts={"sizing": times_scale, "answer": "single", "count_fields": ()},
        image_url=IMAGE_URL,
        scale=number(1, 8, 2),
        output_format=PNG,
    ),
)

EDIT_MODELS: tuple[Endpoint, ...] = (*_QWEN_MODELS, *_FLUX_MODELS, *_OTHER_MODELS)
