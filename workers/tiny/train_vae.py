"""`python -m workers.tiny.train_vae`: train the autoencoder, say how good it is, and keep it for `train`.

Stopped and started again it goes on where it last kept a checkpoint.
"""

import argparse
import math
import time
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKLQwenImage
from torch import Tensor, nn
from torch.nn import functional

from workers.tiny import config as configuration
from workers.tiny.average import Average
from workers.tiny.config import Config
from workers.tiny.parts import make_vae
from workers.tiny.pictures import as_input, averages
from workers.tiny.progress import say
from workers.tiny.shapes import Pixels, draw
from workers.tiny.single_frame import decode, encode
from workers.tiny.tiles import tiles
from workers.tiny.wishes import any_wish, learnable_wish, scene

_KEEP_EVERY = 250
_LOG_VARIANCE = -8.0
"""What the encoder says of its own exactness: a deviation of 0.02."""

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
            loss = _loss(vae, pictures, asked.disturbance)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update(step)
        if (step + 1) % _KEEP_EVERY == 0 or step == asked.steps - 1:
            with average.applied():
                measured = ", ".join(f"{side}: {psnr(vae, config, side).mean():.2f} dB" for side in (64, 128, 256))
            say(f"step {step + 1} loss {loss.item():.4f} held out {measured}, {time.monotonic() - began:.0f} s")
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
    """By turns tiles and whole scenes. Every eighth time fewer, but twice as wide: attention has to see that, too."""
    count, side = config.train_vae.batch, config.train_vae.side
    if step % 8 == 7:
        count, side = max(1, count // 4), 2 * side
    if step % 4 < 2:
        return tiles(np.random.default_rng(config.seed + step), count, side)
    dice = Random(f"{config.seed} {step}")  # noqa: S311 - the same lesson after a restart
    return draw([scene(learnable_wish(dice), dice) for _ in range(count)], side, side)


@torch.no_grad()
def psnr(vae: AutoencoderKLQwenImage, config: Config, side: int, count: int = 32) -> Tensor:
    """Peak signal to noise in dB of each of `count` scenes that training never saw, without noise in the latents."""
    dice = Random(config.seed + _HELD_OUT)  # noqa: S311 - the same pictures every time
    pictures = as_input(draw([scene(any_wish(dice), dice) for _ in range(count)], side, side))
    rebuilt = decode(vae, encode(vae, pictures)[0]).clamp(-1, 1)
    return -10 * torch.log10(((rebuilt - pictures) / 2).square().mean(dim=(1, 2, 3)))


def _loss(vae: AutoencoderKLQwenImage, pictures: Tensor, disturbance: float) -> Tensor:
    """How far the encoder is from the averages, and the decoder from the pictures that it is to make of them."""
    wanted = averages(pictures)
    mean, log_variance = (half.float() for half in encode(vae, pictures))
    noise = disturbance * torch.rand(len(wanted), 1, 1, 1) * wanted.std()
    rebuilt = decode(vae, wanted + noise * torch.randn_like(wanted)).float()
    off = functional.l1_loss(mean, wanted) + 0.01 * (log_variance - _LOG_VARIANCE).square().mean()
    return functional.l1_loss(rebuilt, pictures) + functional.mse_loss(rebuilt, pictures) + off


def _resume(path: Path, vae: nn.Module, average: Average, optimizer: torch.optim.Optimizer) -> int:
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
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=configuration.OUTPUT)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    train(configuration.read(), given.output).save_pretrained(given.output / "vae")


if __name__ == "__main__":
    main()
