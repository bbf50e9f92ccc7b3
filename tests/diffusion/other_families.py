"""Stable Diffusion XL and FLUX of a few thousand random numbers, in folders of their own."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, T5Config
from transformers import T5EncoderModel as T5

# Classes of which the annotations are narrower than what they take.
_Unet: Any = UNet2DConditionModel
_Vae: Any = AutoencoderKL
_Sdxl: Any = StableDiffusionXLPipeline
_FACTS = 'title = "Tiny"\ndefault_size = [64, 64]\nsteps = 4\n'
_LETTERS = [chr(code) for code in range(33, 127)]
_WORDS = ["<|startoftext|>", "<|endoftext|>", *_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]


def sdxl(folder: Path) -> Path:
    torch.manual_seed(0)
    pipeline = _Sdxl(
        vae=_vae(),
        text_encoder=_clip(CLIPTextModel),
        text_encoder_2=_clip(CLIPTextModelWithProjection),
        tokenizer=_tokenizer(),
        tokenizer_2=_tokenizer(),
        unet=_Unet(
            block_out_channels=(32, 64),
            layers_per_block=1,
            sample_size=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 2),
            projection_class_embeddings_input_dim=80,
            cross_attention_dim=64,
            norm_num_groups=8,
        ),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            steps_offset=1,
            beta_schedule="scaled_linear",
            timestep_spacing="leading",
        ),
        add_watermarker=False,
    )
    return _saved(pipeline, folder)


def flux(folder: Path) -> Path:
    torch.manual_seed(0)
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=_vae(use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.06, scaling_factor=1.5),
        text_encoder=_clip(CLIPTextModel),
        tokenizer=_tokenizer(),
        text_encoder_2=T5(T5Config(vocab_size=len(_WORDS), d_model=32, d_ff=37, d_kv=8, num_layers=2, num_heads=4)),
        tokenizer_2=_tokenizer(),
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=2,
            num_single_layers=2,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
            guidance_embeds=True,
        ),
    )
    return _saved(pipeline, folder)


def _saved(pipeline: Any, folder: Path) -> Path:
    pipeline.save_pretrained(folder)
    (folder / "easel.toml").write_text(_FACTS)
    return folder


def _tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab={word: place for place, word in enumerate(_WORDS)}, merges=[], model_max_length=77)


def _clip(kind: Any) -> Any:
    return kind(
        CLIPTextConfig(
            vocab_size=len(_WORDS),
            hidden_size=32,
            intermediate_size=37,
            num_hidden_layers=2,
            num_attention_heads=4,
            projection_dim=32,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def _vae(**more: Any) -> Any:
    return _Vae(
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        **more,
    )
