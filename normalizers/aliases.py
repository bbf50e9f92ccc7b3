"""Other services' spellings of our parameters, so that a client that speaks their dialect is understood.

Collected from OpenRouter, Together, Fireworks, Nebius, xAI, vLLM-Omni, SGLang, LocalAI, sd-server, ImageRouter and
the providers' own vocabularies (documentation read 2026-11-21). A native field of the chosen offer beats a spelling.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Spelling(NamedTuple):
    """`names`: the canonical parameter, or several of which the first that the offer honours is meant."""

    names: tuple[str, ...]
    read: Callable[[Any], Any] | None = None


def switch(value: Any) -> Any:
    """`true` is on; a word is passed on and checked as every other value."""
    return ("on" if value else "off") if isinstance(value, bool) else value


def inverse_switch(value: Any) -> Any:
    return ("off" if value else "on") if isinstance(value, bool) else value


def moderation_switch(value: Any) -> Any:
    """OpenAI's `moderation`: `low` is the weakest it has, `auto` its usual one."""
    return {"low": "off", "auto": "on"}.get(value, value) if isinstance(value, str) else value


def one_in_a_list(value: Any) -> Any:
    return [value] if isinstance(value, (dict, str)) else value


def spelled(name: str, read: Callable[[Any], Any] | None = None) -> Spelling:
    return Spelling((name,), read)


SPELLINGS: dict[str, Spelling] = {
    "image_size": spelled("size"),
    "aspectRatio": spelled("aspect_ratio"),
    "ratio": spelled("aspect_ratio"),
    "image_resolution": spelled("resolution"),
    "megapixels": spelled("resolution"),
    "steps": spelled("num_inference_steps"),
    "step": spelled("num_inference_steps"),
    "sample_steps": spelled("num_inference_steps"),
    "inference_steps": spelled("num_inference_steps"),
    # One word for two things: real classifier-free guidance, or the embedded scale of a distilled model.
    "guidance_scale": Spelling(("cfg_scale", "guidance")),
    "true_cfg_scale": spelled("cfg_scale"),
    "cfgScale": spelled("cfg_scale"),
    "cfg": spelled("cfg_scale"),
    "txt_cfg": spelled("cfg_scale"),
    "distilled_guidance": spelled("guidance"),
    "negativePrompt": spelled("negative_prompt"),
    "random_seed": spelled("seed"),
    "samples": spelled("n"),
    "batch_size": spelled("n"),
    "num_images": spelled("n"),
    "number_results": spelled("n"),
    "numberResults": spelled("n"),
    "num_outputs": spelled("n"),
    "response_extension": spelled("output_format"),
    "image_format": spelled("output_format"),
    "output_quality": spelled("output_compression"),
    "jpeg_quality": spelled("output_compression"),
    "compression": spelled("output_compression"),
    "image[]": spelled("image"),
    "images": spelled("image"),
    "images[]": spelled("image"),
    "image_url": spelled("image"),
    "imageDataUrl": spelled("image"),
    "init_image": spelled("image"),
    "file": spelled("image"),
    "files[]": spelled("image"),
    "ref_images[]": spelled("image"),
    "reference_images": spelled("image"),
    "reference_images[]": spelled("image"),
    "input_references": spelled("image"),
    "reference_image": spelled("image"),
    "url": spelled("image"),
    "url[]": spelled("image"),
    "seedImage": spelled("image"),
    "referenceImages": spelled("image"),
    "mask_image": spelled("mask"),
    "maskImage": spelled("mask"),
    "denoising_strength": spelled("strength"),
    "image_strength": spelled("strength"),
    "prompt_strength": spelled("strength"),
    "lora": spelled("loras", one_in_a_list),
    "image_loras": spelled("loras"),
    "controlNet": spelled("control_nets"),
    "lora_adapter_name": spelled("loras", one_in_a_list),
    "sampler": spelled("scheduler"),
    "sampler_name": spelled("scheduler"),
    "sample_method": spelled("scheduler"),
    "enable_safety_checker": spelled("safety", switch),
    "disable_safety_checker": spelled("safety", inverse_switch),
    "safety_check": spelled("safety", switch),
    "moderation": spelled("safety", moderation_switch),
    "upscaling_scale": spelled("scale_factor"),
    "upscale_factor": spelled("scale_factor"),
    "scale": spelled("scale_factor"),
    "enhance_prompt": spelled("prompt_enhancement", switch),
    "prompt_extend": spelled("prompt_enhancement", switch),
    "enable_prompt_expansion": spelled("prompt_enhancement", switch),
    "prompt_optimizer": spelled("prompt_enhancement", switch),
}

# Two fields that mean one parameter together.
PAIRS: dict[str, tuple[str, str]] = {
    "width": ("width", "height"),
    "height": ("width", "height"),
    "img_width": ("img_width", "img_height"),
    "img_height": ("img_width", "img_height"),
    "lora_weights": ("lora_weights", "lora_scale"),
    "lora_scale": ("lora_weights", "lora_scale"),
}
PAIR_MEANS: dict[tuple[str, str], str] = {
    ("width", "height"): "size",
    ("img_width", "img_height"): "size",
    ("lora_weights", "lora_scale"): "loras",
}

# Values that are other words for ours, whichever spelling of the parameter they come under.
WORDS: dict[str, dict[Any, str]] = {
    "response_format": {"base64": "b64_json", "b64": "b64_json", "b64_ephemeral": "b64_json"},
    "output_format": {"jpg": "jpeg", "JPG": "jpeg", "JPEG": "jpeg", "PNG": "png", "WEBP": "webp"},
}
