"""Pictures as the autoencoder takes and gives them."""

import torch
from torch import Tensor
from torch.nn import functional

from workers.tiny.shapes import Pixels


def as_input(pictures: Pixels) -> Tensor:
    """n × height × width × 3 in 0..1 to what the autoencoder takes: n × 3 × height × width in -1..1."""
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2) * 2 - 1).contiguous()


def as_pixels(pictures: Tensor) -> Pixels:
    """What the autoencoder gives to n × height × width × 3 in 0..1."""
    return ((pictures.clamp(-1, 1) + 1) / 2).permute(0, 2, 3, 1).float().numpy()


def averages(pictures: Tensor) -> Tensor:
    """The latents that the autoencoder is taught: colours, averaged over 4 × 4 pixels, four of them to a latent.

    n × 3 × height × width to n × 12 × height / 8 × width / 8. An autoencoder left to itself finds latents that it can
    read, but that a small transformer hardly learns to write.
    """
    return functional.pixel_unshuffle(functional.avg_pool2d(pictures, 4), 2)
