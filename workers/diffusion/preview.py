"""Previews without decoding: colours as a linear function of the latents, fitted to the model's own autoencoder."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from workers.diffusion.picture import Picture

_SIDE = 128  # pixels of the pictures that it is fitted to
_PICTURES = 6
_LONGEST = 512  # pixels of a preview


class Previews:
    """Every latent becomes a pixel of it, which is then enlarged to a size that is worth a look."""

    def __init__(self, vae: nn.Module, device: torch.device) -> None:
        self._vae = vae
        self._colours = _fit(vae, device)

    def show(self, picture: Picture) -> Image.Image:
        clean = picture.progress.clean()
        drawing = picture.drawing
        if clean is None:
            return Image.new("RGB", (drawing.width, drawing.height), (128, 128, 128))
        latents = _unpacked(picture, clean).float()[0]
        pixels = _with_one(latents.flatten(1).T) @ self._colours
        small = pixels.T.reshape(3, *latents.shape[1:]).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
        scale = min(1.0, _LONGEST / max(drawing.width, drawing.height))
        size = (max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale)))
        return Image.fromarray(small.cpu().numpy()).resize(size, Image.Resampling.BICUBIC)


def normalised(vae: Any, latents: Tensor) -> Tensor:
    """Latents of the autoencoder as the denoiser knows them."""
    config = vae.config
    if getattr(config, "latents_mean", None) is not None and getattr(config, "latents_std", None) is not None:
        shape = (1, -1) + (1,) * (latents.ndim - 2)
        mean = torch.tensor(config.latents_mean).view(shape).to(latents)
        return (latents - mean) / torch.tensor(config.latents_std).view(shape).to(latents)
    return (latents - (getattr(config, "shift_factor", None) or 0.0)) * getattr(config, "scaling_factor", 1.0)


def _unpacked(picture: Picture, latents: Tensor) -> Tensor:
    """As rows and columns; most pipelines keep them as a list of patches."""
    pipeline, drawing = picture.pipeline, picture.drawing
    if latents.ndim == 3:
        latents = pipeline._unpack_latents(latents, drawing.height, drawing.width, pipeline.vae_scale_factor)
    return latents[:, :, 0] if latents.ndim == 5 else latents


def _fit(vae: Any, device: torch.device) -> Tensor:
    """Least squares over soft blots of colour: (channels + 1) x 3, onto 0 … 1."""
    pictures = _blots()
    channels = int(getattr(vae.encoder.conv_in, "in_channels", 3))
    opaque = torch.nn.functional.pad(pictures, (0, 0, 0, 0, 0, channels - 3), value=1.0)
    video = isinstance(vae.encoder.conv_in, nn.Conv3d)
    encoded = vae.encode((opaque[:, :, None] if video else opaque).to(device, vae.dtype)).latent_dist.mode()
    latents = normalised(vae, encoded.float())
    latents = latents[:, :, 0] if video else latents
    small = torch.nn.functional.interpolate(pictures.to(device), latents.shape[2:], mode="area")
    known = _with_one(latents.permute(0, 2, 3, 1).flatten(0, 2))
    wanted = (small / 2 + 0.5).permute(0, 2, 3, 1).flatten(0, 2)
    # Solved on the CPU, where it is the same everywhere, and with a little weight against large numbers.
    square = (known.T @ known).cpu().double()
    weight = 1e-4 * square.diagonal().mean() * torch.eye(len(square), dtype=torch.float64)
    return torch.linalg.solve(square + weight, (known.T @ wanted).cpu().double()).float().to(device)


def _blots() -> Tensor:
    chance = torch.Generator("cpu").manual_seed(0)
    coarse = torch.rand(_PICTURES, 3, 6, 6, generator=chance) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (_SIDE, _SIDE), mode="bicubic").clamp(-1, 1)


def _with_one(rows: Tensor) -> Tensor:
    return torch.cat([rows, rows.new_ones(len(rows), 1)], dim=1)
