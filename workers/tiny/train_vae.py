"""`python -m workers.tiny.train_vae`: train the autoencoder, say how good it is, and keep it for `train`.

Stopped and started again it goes on where it last kept a checkpoint.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLQwenImage
from torch import Tensor
from torch.nn import functional

from workers.tiny import config as configuration
from workers.tiny.average import Average
from workers.tiny.config import Config
from workers.tiny.parts import make_vae
from workers.tiny.pictures import as_input
from workers.tiny.progress import say
from workers.tiny.shapes import Pixels
from workers.tiny.single_frame import decode, encode
from workers.tiny.tiles import tiles

_KEEP_EVERY = 250
_HELD_OUT = 10_000_000  # added to the seed; training's own dice use seed + step


def train(config: Config, folder: Path) -> AutoencoderKLQwenImage:
    """The averaged weights after all steps."""
    asked = config.train_vae
    vae = make_vae(config)
    average = Average(vae, asked.decay)
    optimizer = torch.optim.Adam(vae.parameters(), lr=asked.learning_rate, betas=(0.9, 0.99))
    start = _resume(folder / "vae.pt", vae, average, optimizer)
    began = time.monotonic()
    for step in range(start, asked.steps):
        for group in optimizer.param_groups:
            group["lr"] = asked.learning_rate * warm_cosine(step, asked.warm_up_steps, asked.steps)
        pictures = as_input(_lesson(config, step))
        with torch.autocast("cpu", torch.bfloat16):
            loss = _rebuild(vae, pictures, asked.kl_weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update(step)
        if step % 100 == 0 or step == asked.steps - 1:
            say(f"step {step} loss {loss.item():.4f} {time.monotonic() - began:.0f} s")
        if (step + 1) % _KEEP_EVERY == 0 or step == asked.steps - 1:
            with average.applied():
                say(f"step {step + 1} held out {psnr(vae, config).mean():.2f} dB")
            kept = {
                "step": step + 1,
                "vae": vae.state_dict(),
                "average": average.state(),
                "optimizer": optimizer.state_dict(),
            }
            torch.save(kept, folder / "vae.new")
            (folder / "vae.new").replace(folder / "vae.pt")
    average.copy()
    return vae


def warm_cosine(step: int, warm_up_steps: int, steps: int) -> float:
    """The part of the learning rate to use: up in a line, then down along half a cosine to a hundredth."""
    if step < warm_up_steps:
        return (step + 1) / warm_up_steps
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm_up_steps) / max(1, steps - warm_up_steps)))


def _lesson(config: Config, step: int) -> Pixels:
    """The pictures of a step. Every eighth time they are fewer and twice as wide: attention has to see that, too."""
    dice = np.random.default_rng(config.seed + step)
    if step % 8 == 7:
        return tiles(dice, max(1, config.train_vae.batch // 4), 2 * config.train_vae.side)
    return tiles(dice, config.train_vae.batch, config.train_vae.side)


@torch.no_grad()
def psnr(vae: AutoencoderKLQwenImage, config: Config, *, count: int = 32, side: int = 64) -> Tensor:
    """Peak signal to noise in dB of each of `count` held-out tiles, without sampling from the posterior."""
    pictures = as_input(tiles(np.random.default_rng(config.seed + _HELD_OUT), count, side))
    rebuilt = decode(vae, encode(vae, pictures)[0]).clamp(-1, 1)
    return -10 * torch.log10(((rebuilt - pictures) / 2).square().mean(dim=(1, 2, 3)))


def _rebuild(vae: AutoencoderKLQwenImage, pictures: Tensor, kl_weight: float) -> Tensor:
    mean, log_variance = (half.float() for half in encode(vae, pictures))
    latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    rebuilt = decode(vae, latents).float()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    return functional.l1_loss(rebuilt, pictures) + functional.mse_loss(rebuilt, pictures) + kl_weight * kl


def _resume(path: Path, vae: AutoencoderKLQwenImage, average: Average, optimizer: torch.optim.Optimizer) -> int:
    """The step to go on from; 0 without a checkpoint."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    vae.load_state_dict(kept["vae"])
    average.load(kept["average"])
    optimizer.load_state_dict(kept["optimizer"])
    return kept["step"]


def main() -> None:
    """Trains as the configuration says."""
    parser = argparse.ArgumentParser(description="Train the tiny model's autoencoder.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=configuration.OUTPUT)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    vae = train(configuration.read(), given.output)
    vae.save_pretrained(given.output / "vae")


if __name__ == "__main__":
    main()
