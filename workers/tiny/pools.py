"""Pictures encoded once, to be learned from many times: each with the wish that it fulfils, so that words may vary."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKLQwenImage
from torch import Tensor

from workers.tiny.config import Config, Size
from workers.tiny.pictures import as_input
from workers.tiny.progress import say
from workers.tiny.shapes import draw
from workers.tiny.single_frame import encode
from workers.tiny.wishes import Wish, learnable_wish, scene

_AT_ONCE = 32 * 64 * 64  # pixels, so that memory does not depend on the size


@dataclass(frozen=True)
class Pool:
    """`mean` and `spread` are those of the autoencoder's posterior, n × z × height / 8 × width / 8."""

    size: Size
    wishes: tuple[Wish, ...]
    mean: Tensor
    spread: Tensor


def make_pools(config: Config, vae: AutoencoderKLQwenImage, folder: Path) -> list[Pool]:
    """One for each size that is trained on. Latents that are in the folder already are not computed again."""
    return [_pool(config, size, vae, folder / f"latents-{size.width}x{size.height}.pt") for size in config.train.sizes]


def statistics(pools: list[Pool]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of the latents, over the pools alike."""
    flat = [pool.mean.float().transpose(0, 1).flatten(1)[:, :200_000] for pool in pools]
    joined = torch.cat(flat, dim=1)
    return joined.mean(dim=1).tolist(), joined.std(dim=1).tolist()


def _pool(config: Config, size: Size, vae: AutoencoderKLQwenImage, path: Path) -> Pool:
    dice = Random(f"{config.seed} {size.height} {size.width}")  # noqa: S311 - the same pool after a restart
    wishes = tuple(learnable_wish(dice) for _ in range(size.pool))
    if path.exists():
        mean, spread = torch.load(path, weights_only=True)
        return Pool(size, wishes, mean, spread)
    scenes = [scene(wish, dice) for wish in wishes]
    stride = max(1, _AT_ONCE // (size.height * size.width))
    halves: list[tuple[Tensor, Tensor]] = []
    with torch.no_grad():
        for start in range(0, len(scenes), stride):
            pictures = as_input(draw(scenes[start : start + stride], size.height, size.width))
            mean, log_variance = encode(vae, pictures)
            halves.append((mean.half(), torch.exp(0.5 * log_variance).half()))
    mean, spread = (torch.cat(half) for half in zip(*halves, strict=True))
    torch.save((mean, spread), path)
    say(f"encoded {size.pool} pictures of {size.width}x{size.height}")
    return Pool(size, wishes, mean, spread)
