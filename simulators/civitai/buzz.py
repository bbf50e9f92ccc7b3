"""What a step costs, in Buzz.

Source: Civitai developer docs, the Cost sections of Qwen, SDXL and Flux 2 image generation, read 2026-11-21. They give
no figures for Qwen2 on fal and for FLUX.2 [pro]: those of the docs' page of Alibaba's own engine, and three times
FLUX.2 [dev], stand in for them. Totals are whole; that they are rounded up is our choice.
"""

import math
from typing import Any

from simulators.civitai.schemas import Flux2Pro, Input, Qwen2, Qwen20b, Qwen20bEdit, Sdxl

Pixels = tuple[int, int]
QWEN2 = {"createImage": 45.5, "editImage": 45.5, "proCreateImage": 97.5, "proEditImage": 97.5}
FLUX2_PRO = 60.0  # a begun million pixels


def cost_of(asked: Input, size: Pixels) -> dict[str, Any]:
    """The cost of a step as the workflow tells it: its base, the factors on it, and the total."""
    base, factors = _factors(asked, size)
    total = math.ceil(round(base * math.prod(factors.values()) * asked.quantity, 6))
    told = {"base": base} | {name: round(factor, 6) for name, factor in factors.items()}
    return {
        "base": total,
        "factors": told | {"quantity": asked.quantity},
        "fixed": {},
        "tips": {"civitai": 0, "creators": 0},
        "total": total,
    }


def _factors(asked: Input, size: Pixels) -> tuple[float, dict[str, float]]:
    area = size[0] * size[1]
    match asked:
        case Qwen20bEdit():
            more = 1 + 0.1 * (len(asked.images) - 1)
            return 40, {"pixels": area / 1024**2, "steps": asked.steps / 20, "images": more}
        case Qwen20b():
            return 30, {"pixels": area / 1328**2, "steps": asked.steps / 20}
        case Sdxl():
            return 8, {"pixels": area / 1024**2, "steps": asked.steps / 20}
        case Qwen2():
            return QWEN2[asked.operation], {}
        case Flux2Pro():
            return FLUX2_PRO, {"pixels": math.ceil(area / 1_000_000)}
        case _:
            raise AssertionError(type(asked))
