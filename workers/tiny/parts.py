"""The parts of the tiny pipeline, untrained, from nothing but the configuration."""

import torch
from diffusers import (
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    QwenImageControlNetModel,
    QwenImageTransformer2DModel,
)
from torch import nn
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2Tokenizer

from workers.tiny.config import Config
from workers.tiny.single_frame import forget_the_past
from workers.tiny.tokenizer import SPECIAL

_EYES = 32
"""The width of the part of the text encoder that looks at reference pictures; no training of ours reaches it."""


def make_vae(config: Config) -> AutoencoderKLQwenImage:
    """Random weights drawn from the configured seed. No part of it looks at time: the tiny model draws no video."""
    torch.manual_seed(config.seed)
    made = AutoencoderKLQwenImage(
        base_dim=config.vae.base_dim,
        z_dim=config.vae.z_dim,
        dim_mult=list(config.vae.dim_mult),
        num_res_blocks=config.vae.num_res_blocks,
        temperal_downsample=[False, False, False],  # their number, not their value, makes the factor 8
        latents_mean=[0.0] * config.vae.z_dim,
        latents_std=[1.0] * config.vae.z_dim,
    )
    _begin_in_two_dimensions(made)
    return made.eval()


def make_text_encoder(config: Config, tokenizer: Qwen2Tokenizer) -> Qwen2_5_VLForConditionalGeneration:
    """It knows the ids of this tokenizer; another one needs another encoder."""
    torch.manual_seed(config.seed + 1)
    width = config.text_encoder.hidden
    ids = {name: tokenizer.get_vocab()[token] for name, token in SPECIAL.items()}
    text = {
        "vocab_size": 64 * -(-len(tokenizer) // 64),
        "hidden_size": width,
        "intermediate_size": config.text_encoder.intermediate,
        "num_hidden_layers": config.text_encoder.layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "bos_token_id": ids["endoftext"],
        "eos_token_id": ids["endoftext"],
        "pad_token_id": ids["endoftext"],
    }
    vision = {
        "depth": 2,
        "hidden_size": _EYES,
        "intermediate_size": 2 * _EYES,
        "num_heads": 2,
        "out_hidden_size": width,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
    }
    wanted = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        tie_word_embeddings=True,
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    return Qwen2_5_VLForConditionalGeneration(wanted).eval()


def make_transformer(config: Config) -> QwenImageTransformer2DModel:
    """Random weights; a token is 2 × 2 latents, so 16 × 16 pixels."""
    torch.manual_seed(config.seed + 2)
    asked = config.transformer
    return QwenImageTransformer2DModel(
        in_channels=4 * config.vae.z_dim,
        out_channels=config.vae.z_dim,
        num_layers=asked.layers,
        num_attention_heads=asked.heads,
        attention_head_dim=asked.head_dim,
        joint_attention_dim=config.text_encoder.hidden,
        axes_dims_rope=asked.rope_axes,
    ).eval()


def make_scheduler(config: Config) -> FlowMatchEulerDiscreteScheduler:
    """Shifted by the size of the picture, as the full model's is."""
    asked = config.scheduler
    return FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        time_shift_type="exponential",
        base_shift=asked.base_shift,
        max_shift=asked.max_shift,
        base_image_seq_len=asked.base_image_seq_len,
        max_image_seq_len=asked.max_image_seq_len,
        shift_terminal=asked.shift_terminal,
    )


def make_controlnet(transformer: QwenImageTransformer2DModel, seed: int = 0) -> QwenImageControlNetModel:
    """An untrained ControlNet of one layer that fits this transformer.

    diffusers' own `from_transformer` assumes widths of the full model and fails on a small one.
    """
    torch.manual_seed(seed)
    own = transformer.config
    return QwenImageControlNetModel(
        in_channels=own["in_channels"],
        out_channels=own["out_channels"],
        num_layers=1,
        num_attention_heads=own["num_attention_heads"],
        attention_head_dim=own["attention_head_dim"],
        joint_attention_dim=own["joint_attention_dim"],
        axes_dims_rope=tuple(own["axes_dims_rope"]),
    ).eval()


@torch.no_grad()
def _begin_in_two_dimensions(vae: AutoencoderKLQwenImage) -> None:
    """Weights as large as a picture needs them; those for three dimensions leave latents far below their noise."""
    forget_the_past(vae)
    for module in vae.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            weight = module.weight[:, :, -1] if isinstance(module, nn.Conv3d) else module.weight
            weight.copy_(torch.randn_like(weight) * (weight[0].numel() ** -0.5))
            assert module.bias is not None  # noqa: S101 - for the type checker
            module.bias.zero_()
    quant_bias = vae.quant_conv.bias
    assert quant_bias is not None  # noqa: S101 - for the type checker
    quant_bias[quant_bias.shape[0] // 2 :] = -6.0  # a noise of 0.05 beside latents of about 1
