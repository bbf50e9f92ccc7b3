"""`python -m workers.tiny.train_vae`: train the autoencoder, say how good it is, and keep it for `train`.

Stopped and started again it goes on where it last kept a checkpoint.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKLQwenImage
from torch import Tensor, nn
from torch.nn import functional

from workers.tiny import config as configuration
from workers.tiny.average import Average
from workers.tiny.config import Config, TrainVae
from workers.tiny.parts import make_vae
from workers.tiny.pictures import as_input
from workers.tiny.progress import say
from workers.tiny.shapes import Pixels, draw
from workers.tiny.single_frame import decode, encode
from workers.tiny.tiles import tiles
from workers.tiny.wishes import any_wish, learnable_wish, scene

_KEEP_EVERY = 250
_HELD_OUT = 10_000_000  # added to the seed; training's own dice use seed + step


@dataclass(frozen=True)
class Stage:
    """First both halves learn; then the decoder alone goes on, while others already use what the encoder gives."""

    name: str
    asked: TrainVae
    learner: nn.Module
    lesson: Callable[[int], Pixels]
    loss: Callable[[Tensor], Tensor]


def both(config: Config, vae: AutoencoderKLQwenImage) -> Stage:
    """Encoder and decoder, from nothing."""
    asked = config.train_vae
    return Stage("vae", asked, vae, partial(_tiles, config), lambda pictures: _rebuild(vae, pictures, asked))


def sharpen(config: Config, vae: AutoencoderKLQwenImage) -> Stage:
    """The decoder alone."""
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    learner = nn.ModuleList([vae.decoder, vae.post_quant_conv])
    asked = config.sharpen
    return Stage("sharp", asked, learner, partial(_scenes, config), lambda pictures: _rebuild(vae, pictures, asked))


def train(stage: Stage, vae: AutoencoderKLQwenImage, config: Config, folder: Path) -> None:
    """Leaves the averaged weights after all steps in the autoencoder."""
    asked = stage.asked
    average = Average(stage.learner, asked.decay)
    optimizer = torch.optim.Adam(stage.learner.parameters(), lr=asked.learning_rate, betas=(0.9, 0.99))
    start = _resume(folder / f"{stage.name}.pt", stage.learner, average, optimizer)
    began = time.monotonic()
    for step in range(start, asked.steps):
        for group in optimizer.param_groups:
            group["lr"] = asked.learning_rate * warm_cosine(step, asked.warm_up_steps, asked.steps)
        pictures = as_input(stage.lesson(step))
        with torch.autocast("cpu", torch.bfloat16):
            loss = stage.loss(pictures)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(stage.learner.parameters(), 1.0)
        optimizer.step()
        average.update(step)
        if (step + 1) % _KEEP_EVERY == 0 or step == asked.steps - 1:
            with average.applied():
                measured = ", ".join(f"{side}: {psnr(vae, config, side).mean():.2f} dB" for side in (64, 128, 256))
            say(f"step {step + 1} loss {loss.item():.4f} held out {measured}, {time.monotonic() - began:.0f} s")
            kept = {
                "step": step + 1,
                "learner": stage.learner.state_dict(),
                "average": average.state(),
                "optimizer": optimizer.state_dict(),
            }
            torch.save(kept, folder / f"{stage.name}.new")
            (folder / f"{stage.name}.new").replace(folder / f"{stage.name}.pt")
    average.copy()


def warm_cosine(step: int, warm_up_steps: int, steps: int) -> float:
    """The part of the learning rate to use: up in a line, then down along half a cosine to a hundredth."""
    if step < warm_up_steps:
        return (step + 1) / warm_up_steps
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm_up_steps) / max(1, steps - warm_up_steps)))


def _tiles(config: Config, step: int) -> Pixels:
    """The pictures of a step. Every eighth time they are fewer and twice as wide: attention has to see that, too."""
    dice = np.random.default_rng(config.seed + step)
    if step % 8 == 7:
        return tiles(dice, max(1, config.train_vae.batch // 4), 2 * config.train_vae.side)
    return tiles(dice, config.train_vae.batch, config.train_vae.side)


def _scenes(config: Config, step: int) -> Pixels:
    """By turns tiles and whole scenes."""
    if step % 2:
        return _tiles(config, step)
    dice = Random(f"sharpen {config.seed} {step}")  # noqa: S311 - the same lesson after a restart
    scenes = [scene(learnable_wish(dice), dice) for _ in range(config.sharpen.batch)]
    return draw(scenes, config.sharpen.side, config.sharpen.side)


@torch.no_grad()
def psnr(vae: AutoencoderKLQwenImage, config: Config, side: int, count: int = 32) -> Tensor:
    """Peak signal to noise in dB of each of `count` scenes that training never saw, without noise in the latents."""
    dice = Random(config.seed + _HELD_OUT)  # noqa: S311 - the same pictures every time
    pictures = as_input(draw([scene(any_wish(dice), dice) for _ in range(count)], side, side))
    rebuilt = decode(vae, encode(vae, pictures)[0]).clamp(-1, 1)
    return -10 * torch.log10(((rebuilt - pictures) / 2).square().mean(dim=(1, 2, 3)))


def _rebuild(vae: AutoencoderKLQwenImage, pictures: Tensor, asked: TrainVae) -> Tensor:
    mean, log_variance = (half.float() for half in encode(vae, pictures))
    latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    if asked.disturbance:
        scale = asked.disturbance * torch.rand(len(mean), 1, 1, 1) * mean.detach().std(dim=(0, 2, 3), keepdim=True)
        latents = latents + scale * torch.randn_like(mean)
    rebuilt = decode(vae, latents).float()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
    return functional.l1_loss(rebuilt, pictures) + functional.mse_loss(rebuilt, pictures) + asked.kl_weight * kl


def _resume(path: Path, learner: nn.Module, average: Average, optimizer: torch.optim.Optimizer) -> int:
    """The step to go on from; 0 without a checkpoint."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    learner.load_state_dict(kept["learner"])
    average.load(kept["average"])
    optimizer.load_state_dict(kept["optimizer"])
    return kept["step"]


def main() -> None:
    """Trains as the configuration says."""
    parser = argparse.ArgumentParser(description="Train the tiny model's autoencoder.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=configuration.OUTPUT)
    parser.add_argument("--sharpen", action="store_true", help="go on with the decoder alone; train may run meanwhile")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    config = configuration.read()
    if given.sharpen:
        vae = AutoencoderKLQwenImage.from_pretrained(given.output / "vae")
        train(sharpen(config, vae), vae, config, given.output)
        vae.save_pretrained(given.output / "vae-sharp")
    else:
        vae = make_vae(config)
        train(both(config, vae), vae, config, given.output)
        vae.save_pretrained(given.output / "vae")


if __name__ == "__main__":
    main()
