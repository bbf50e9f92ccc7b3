"""The VAE of Qwen-Image on pictures, in two dimensions: the same weights and the same result, many times faster.

The model is made for video: its convolutions look back in time. Before the first frame there is nothing but zeros, so a
picture meets only the last temporal slice of each kernel, and a two-dimensional convolution with that slice is all
that is left. Nothing here holds weights; gradients flow into the model's own.
"""

from typing import Any

import torch
from diffusers import AutoencoderKLQwenImage
from torch import Tensor, nn
from torch.nn import functional

_NEVER_ZERO = 1e-24
"""The square of the length below which diffusers stops dividing by it."""


def encode(vae: AutoencoderKLQwenImage, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance of the latents of pictures in -1..1, n × 3 × height × width."""
    encoder: Any = vae.encoder
    hidden = _convolve(encoder.conv_in, pictures)
    for layer in encoder.down_blocks:
        hidden = _apply(layer, hidden)
    hidden = _head(encoder, _middle(encoder.mid_block, hidden))
    mean, log_variance = _convolve(vae.quant_conv, hidden).chunk(2, dim=1)
    return mean, log_variance.clamp(-30, 20)


def decode(vae: AutoencoderKLQwenImage, latents: Tensor) -> Tensor:
    """Pictures of about -1..1, not yet clamped, from latents as `encode` gives them."""
    decoder: Any = vae.decoder
    hidden = _convolve(decoder.conv_in, _convolve(vae.post_quant_conv, latents))
    hidden = _middle(decoder.mid_block, hidden)
    for block in decoder.up_blocks:
        for layer in block.resnets:
            hidden = _residual(layer, hidden)
        for layer in block.upsamplers or ():
            hidden = _resample(layer, hidden)
    return _head(decoder, hidden)


def forget_the_past(vae: AutoencoderKLQwenImage) -> None:
    """Zero what a picture never meets, so that it neither depends on chance nor costs space when compressed."""
    with torch.no_grad():
        for module in vae.modules():
            if isinstance(module, nn.Conv3d):
                module.weight[:, :, :-1].zero_()


def _apply(layer: Any, hidden: Tensor) -> Tensor:
    return _resample(layer, hidden) if hasattr(layer, "resample") else _residual(layer, hidden)


def _middle(block: Any, hidden: Tensor) -> Tensor:
    hidden = _residual(block.resnets[0], hidden)
    for attention, residual in zip(block.attentions, block.resnets[1:], strict=True):
        # Attention is two-dimensional already: it only wants a time axis to fold away.
        hidden = _residual(residual, attention(hidden[:, :, None])[:, :, 0])
    return hidden


def _residual(block: Any, hidden: Tensor) -> Tensor:
    shortcut = block.conv_shortcut
    kept = _convolve(shortcut, hidden) if isinstance(shortcut, nn.Conv3d) else hidden
    hidden = _convolve(block.conv1, functional.silu(_normalise(block.norm1, hidden)))
    hidden = _convolve(block.conv2, functional.silu(_normalise(block.norm2, hidden)))
    return hidden + kept


def _resample(layer: Any, hidden: Tensor) -> Tensor:
    return layer.resample(hidden)


def _head(model: Any, hidden: Tensor) -> Tensor:
    return _convolve(model.conv_out, functional.silu(_normalise(model.norm_out, hidden)))


def _normalise(norm: Any, hidden: Tensor) -> Tensor:
    """Written out, which is a quarter faster to train through than `functional.normalize`."""
    gamma = norm.gamma.view(1, -1, 1, 1)
    length = hidden.square().sum(dim=1, keepdim=True) + _NEVER_ZERO
    return hidden * (torch.rsqrt(length) * norm.scale) * gamma


def _convolve(convolution: nn.Module, hidden: Tensor) -> Tensor:
    assert isinstance(convolution, nn.Conv3d)  # noqa: S101 - for the type checker
    weight = convolution.weight[:, :, -1]
    return functional.conv2d(hidden, weight, convolution.bias, padding=weight.shape[-1] // 2)
