"""Qwen-Image in its real size with random weights, made on the device: for speed it does not matter what they are.

Nothing is downloaded, and nothing of its 58 GB is written. The tokenizer is the tiny model's: it cuts a prompt into
other tokens than Qwen's, which `PROMPT` is long enough to make up for.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
)
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from workers.tiny import config as tiny
from workers.tiny.pipeline import build
from workers.tiny.tokenizer import make_tokenizer

SEED = 20261121
PROMPT = "a lighthouse on a cliff at dawn, gulls over the surf, long exposure, the lamp still lit, wet rocks in front"
_TEXT = {
    "vocab_size": 152_064,
    "hidden_size": 3584,
    "intermediate_size": 18_944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    "max_position_embeddings": 128_000,
}
_VISION = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 3584}
_SCHEDULER: dict[str, Any] = {
    "use_dynamic_shifting": True,
    "time_shift_type": "exponential",
    "base_shift": 0.5,
    "max_shift": 0.9,
    "base_image_seq_len": 256,
    "max_image_seq_len": 8192,
    "shift_terminal": 0.02,
}


def real(device: torch.device, dtype: torch.dtype) -> QwenImagePipeline:
    """20.4 billion parameters of the transformer, 8.3 of the text encoder, 0.13 of the VAE."""
    tokenizer = make_tokenizer(tiny.read().seed)
    with _made_on(device, dtype):
        transformer = _random(QwenImageTransformer2DModel()).eval()
        text_encoder = Qwen2_5_VLForConditionalGeneration(
            Qwen2_5_VLConfig(text_config=dict(_TEXT), vision_config=dict(_VISION), tie_word_embeddings=False)
        ).eval()
        vae = AutoencoderKLQwenImage().eval()
    made = QwenImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**_SCHEDULER),
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        transformer=transformer,
    )
    made.set_progress_bar_config(disable=True)
    return made


def small(device: torch.device, dtype: torch.dtype) -> QwenImagePipeline:
    """The same in small, so that whatever measures the real one can be tried on a CPU."""
    made = build(SEED).to(device, dtype)
    made.set_progress_bar_config(disable=True)
    return made


@contextmanager
def _made_on(device: torch.device, dtype: torch.dtype) -> Generator[None]:
    before = torch.get_default_dtype()
    torch.manual_seed(SEED)
    torch.set_default_dtype(dtype)
    try:
        with device, torch.no_grad():
            yield
    finally:
        torch.set_default_dtype(before)


def _random(module: QwenImageTransformer2DModel) -> QwenImageTransformer2DModel:
    """Small enough that sixty blocks on top of one another stay finite: NaN would be a picture of nothing."""
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return module
