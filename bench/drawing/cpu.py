"""`python -m bench.drawing.cpu MODEL`: the tiny model's figures on one CPU thread, as JSON on standard output.

The plain diffusers call and our step loop draw the same pictures with the same weights in memory, in an order that
chance deals anew each round, so that a machine's moods hit both alike.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import time
from operator import truediv
from typing import Any

import numpy as np
import torch
from diffusers import QwenImagePipeline

from bench.drawing.loop import Loop, looping
from workers.diffusion.devices import place
from workers.diffusion.engine import Diffusers
from workers.diffusion.loading import load

PROMPT = "a red circle on the left and a blue square on the right, white background"
ASKED: dict[str, Any] = {"prompt": PROMPT, "size": "64x64", "num_inference_steps": 20, "cfg_scale": 4.0}
NEGATIVE = " "
LONG = {"prompt": PROMPT, "size": "128x128", "num_inference_steps": 100}
CANCELLED_AFTER = (1, 7, 20)  # steps

Figures = dict[str, dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.drawing.cpu")
    parser.add_argument("model", help="a folder with the tiny model")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    json.dump(asyncio.run(measured(given.model, given.rounds)), sys.stdout)


async def measured(model: str, rounds: int) -> Figures:
    """Rows of seconds and differences by who is measured: `plain`, `loop`, or the loop `as shipped`."""
    loaded = load(model, place("cpu", "auto"), _untold)
    plain = QwenImagePipeline(**loaded.parts)
    plain.set_progress_bar_config(disable=True)
    async with (
        looping(Diffusers(loaded, device="cpu", still_vae=False)) as like,
        looping(Diffusers(model, device="cpu")) as shipped,
    ):
        await asyncio.to_thread(called, plain, 0)
        for loop in (like, shipped):
            await loop.draw(**ASKED, seed=0)
        return {
            **await per_picture(plain, like, shipped, rounds),
            **await together(shipped, 2 * rounds),
            **await batched(plain, like),
            "steps taken after a cancel, the most": {"loop": await after_cancels(shipped)},
        }


def called(plain: QwenImagePipeline, seed: int) -> tuple[float, np.ndarray[Any, Any]]:
    """The plain call, to the picture."""
    began = time.perf_counter()
    made: Any = plain(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        true_cfg_scale=ASKED["cfg_scale"],
        width=64,
        height=64,
        num_inference_steps=ASKED["num_inference_steps"],
        generator=torch.Generator().manual_seed(seed),
    )
    return time.perf_counter() - began, np.asarray(made.images[0])


async def per_picture(plain: QwenImagePipeline, like: Loop, shipped: Loop, rounds: int) -> Figures:
    seconds: dict[str, list[float]] = {"plain": [], "loop": [], "shipped": []}
    busy: dict[str, list[float]] = {"plain": [], "loop": [], "shipped": []}
    apart, dealt = 0, random.Random(rounds)  # noqa: S311 - an order, no secret
    for seed in range(1, rounds + 1):
        pictures: dict[str, np.ndarray[Any, Any]] = {}
        for name, loop in dealt.sample([("plain", None), ("loop", like), ("shipped", shipped)], 3):
            began = time.process_time()
            if loop is None:
                took, picture = await asyncio.to_thread(called, plain, seed)
            else:
                took, [picture] = await loop.draw(**ASKED, seed=seed)
            busy[name].append(time.process_time() - began)
            seconds[name].append(took)
            pictures[name] = picture
        apart = max(apart, difference(pictures["plain"], pictures["loop"]))
    return {
        "ms per picture": {name: 1000 * statistics.median(took) for name, took in seconds.items()},
        "CPU ms per picture": {name: 1000 * statistics.median(took) for name, took in busy.items()},
        "loop / plain, of each pair": {"loop": statistics.median(map(truediv, seconds["loop"], seconds["plain"]))},
        "largest difference of a channel": {"loop": apart},
    }


async def together(loop: Loop, rounds: int) -> Figures:
    one: list[float] = []
    two: list[float] = []
    for seed in range(1, rounds + 1):
        took, _pictures = await loop.draw(**ASKED, seed=seed)
        one.append(took)
        began = time.perf_counter()
        jobs = [loop.put_in(**ASKED, seed=seed + 1000 * number) for number in (1, 2)]
        await asyncio.gather(*(job.done() for job in jobs))
        two.append(time.perf_counter() - began)
    return {
        "ms for one request": {"loop": 1000 * statistics.median(one)},
        "ms for two at once": {"loop": 1000 * statistics.median(two)},
        "two at once / one": {"loop": statistics.median(map(truediv, two, one))},
    }


async def batched(plain: QwenImagePipeline, loop: Loop) -> Figures:
    """Four in one batch, each beside the same drawn alone by the plain call."""
    _took, four = await loop.draw(**ASKED, seed=50, n=4)
    alone = [called(plain, 50 + number)[1] for number in range(4)]
    most = max(difference(one, other) for one, other in zip(four, alone, strict=True))
    return {"largest difference, batched": {"loop": most}}


async def after_cancels(loop: Loop) -> float:
    """How many steps a job takes after it was cancelled, and nothing else: the device is free then."""
    most = 0.0
    for wanted in CANCELLED_AFTER:
        job = loop.put_in(**LONG, seed=wanted)
        async for event in job.follow():
            if event["step"] == wanted:
                break
        cancelled_at = loop.steps()
        loop.worker.desk.cancel(job.id)
        await loop.draw(**{**ASKED, "num_inference_steps": 1}, seed=1)
        most = max(most, loop.steps() - 1 - cancelled_at)
    return most


def _untold(_what: str, _share: float | None) -> None:
    return


def difference(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


if __name__ == "__main__":
    main()
