"""Pictures made into latents once, to be learned from many times: each with its wish, so that the words may vary."""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from workers.tiny.config import Config, Size
from workers.tiny.pictures import as_input, averages
from workers.tiny.progress import say
from workers.tiny.shapes import draw
from workers.tiny.wishes import Wish, learnable_wish, scene

_AT_ONCE = 64 * 64 * 64  # pixels, so that memory does not depend on the size


@dataclass(frozen=True)
class Pool:
    """`latents` are those that the autoencoder is taught, n × z × height / 8 × width / 8."""

    size: Size
    wishes: tuple[Wish, ...]
    latents: Tensor


def make_pools(config: Config) -> list[Pool]:
    """One for each size that is trained on."""
    return [_pool(config, size) for size in config.train.sizes]


def statistics(pools: list[Pool]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of the latents, over the pools alike."""
    joined = torch.cat([pool.latents[:500].float().transpose(0, 1).flatten(1) for pool in pools], dim=1)
    return joined.mean(dim=1).tolist(), joined.std(dim=1).tolist()


def _pool(config: Config, size: Size) -> Pool:
    dice = Random(f"{config.seed} {size.height} {size.width}")  # noqa: S311 - the same pool after a restart
    wishes = tuple(learnable_wish(dice) for _ in range(size.pool))
    scenes = [scene(wish, dice) for wish in wishes]
    stride = max(1, _AT_ONCE // (size.height * size.width))
    latents = [
        averages(as_input(draw(scenes[start : start + stride], size.height, size.width))).half()
        for start in range(0, len(scenes), stride)
    ]
    say(f"drew {size.pool} pictures of {size.width}x{size.height}")
    return Pool(size, wishes, torch.cat(latents))
