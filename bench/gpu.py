"""`python -m bench.gpu`: what a picture of Qwen-Image costs on this GPU, by plain diffusers and by our step loop.

The weights are random and of the real size, made on the device: 60 GB of it are needed, and nothing is downloaded. What
the acceleration skips depends on weights; here it skips whenever it may, and the share of forwards is told. `--tiny`
does the same with the tiny model on a CPU, to try the program.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bench.drawing import floor, real_size
from bench.drawing.loop import Loop, looping
from workers.diffusion import caching
from workers.diffusion.engine import Diffusers
from workers.diffusion.families import family_of
from workers.diffusion.loading import Loaded
from workers.diffusion.picture import Picture
from workers.engine import Acceleration

OUTPUT = Path("bench-output") / "gpu.json"
CFG = 4.0
ALWAYS: dict[Acceleration, caching.Level] = {
    name: caching.Level(float("inf"), level.in_a_row, level.first) for name, level in caching.LEVELS.items()
}


@dataclass(frozen=True, slots=True)
class Row:
    """Of one way to draw: seconds a picture (the median), and how they compare. `skipped` is a share of forwards."""

    way: str
    steps: int
    seconds: float
    to_plain: float
    to_floor: float
    skipped: float
    peak_gb: float


class Counting(Diffusers):
    """Remembers how many forwards its pictures took, and how many of them were skipped."""

    forwards = skipped = 0

    def drop(self, picture: Picture) -> None:
        if picture.memory is not None:
            self.forwards += picture.memory.forwards
            self.skipped += picture.memory.skipped
        super().drop(picture)


class Run:
    """All ways to draw with one set of weights."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.side: int = 64 if given.tiny else given.side
        self.device = torch.device("cpu" if given.tiny else "cuda")
        dtype = torch.float32 if given.tiny else torch.bfloat16
        self.plain: Any = (real_size.small if given.tiny else real_size.real)(self.device, dtype)
        self.rows: list[Row] = []

    async def all(self) -> list[Row]:
        self.measure_plain()
        for compiled in (False,) if self.given.tiny else (False, True):
            async with self.engine(compiled=compiled) as (loop, engine):
                for acceleration in ("none", "regular", "high"):
                    if compiled or self.given.tiny or acceleration == "none":
                        await self.measure(loop, engine, acceleration, compiled=compiled)
        if self.given.tiny:
            print("our loop, compiled: left out, the engine compiles for GPUs only", flush=True)
        return self.rows

    def measure_plain(self) -> None:
        """Before anything is compiled: the blocks are the same objects."""
        self.call(2, 0)
        for steps in self.given.steps:
            _forget_peak()
            self.note("plain diffusers", steps, [self.call(steps, seed) for seed in range(self.given.rounds)], 0.0)

    def call(self, steps: int, seed: int) -> float:
        began = time.perf_counter()
        self.plain(
            prompt=real_size.PROMPT,
            negative_prompt=" ",
            true_cfg_scale=CFG,
            width=self.side,
            height=self.side,
            num_inference_steps=steps,
            generator=torch.Generator(self.device).manual_seed(seed),
        )
        return time.perf_counter() - began

    async def measure(self, loop: Loop, engine: Counting, acceleration: str, *, compiled: bool) -> None:
        way = f"our loop{', compiled' if compiled else ''}{f', {acceleration}' if acceleration != 'none' else ''}"
        await self.draw(loop, 4, 0, acceleration)
        for steps in self.given.steps:
            _forget_peak()
            engine.forwards = engine.skipped = 0
            took = [await self.draw(loop, steps, seed, acceleration) for seed in range(self.given.rounds)]
            self.note(way, steps, took, engine.skipped / engine.forwards if engine.forwards else 0.0)

    async def draw(self, loop: Loop, steps: int, seed: int, acceleration: str) -> float:
        took, _pictures = await loop.draw(
            prompt=real_size.PROMPT,
            size=f"{self.side}x{self.side}",
            num_inference_steps=steps,
            cfg_scale=CFG,
            seed=seed,
            acceleration=acceleration,
            output_format="jpeg",
        )
        return took

    @asynccontextmanager
    async def engine(self, *, compiled: bool) -> AsyncGenerator[tuple[Loop, Counting]]:
        """Over the same weights, compiled or not."""
        loaded = Loaded(family_of("QwenImagePipeline"), Path(), dict(self.plain.components), {})
        made = Counting(loaded, device=str(self.device), compile=compiled, levels=ALWAYS)
        async with looping(made) as loop:
            yield loop, made

    def note(self, way: str, steps: int, took: list[float], skipped: float) -> None:
        seconds = statistics.median(took)
        plain = next((row.seconds for row in self.rows if row.steps == steps), seconds)
        text = len(self.plain.tokenizer(real_size.PROMPT)["input_ids"])
        least = floor.seconds(self.side, self.side, steps, text, self.given.tflops)
        peak = 0.0 if self.given.tiny else torch.cuda.max_memory_allocated() / 1e9
        row = Row(way, steps, seconds, seconds / plain, seconds / least, skipped, peak)
        self.rows.append(row)
        print(told(row), flush=True)


def told(row: Row) -> str:
    return (
        f"{row.way:32} {row.steps:3} steps {row.seconds:8.2f} s   {row.to_plain:5.2f} × plain   "
        f"{row.to_floor:8.2f} × floor   {row.skipped:4.0%} skipped   peak {row.peak_gb:5.1f} GB"
    )


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description="seconds a picture on this GPU")
    parser.add_argument("--tiny", action="store_true", help="the tiny model on the CPU: tries this program")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--steps", type=int, nargs="+", help="20 and 50; with --tiny 4 and 8")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tflops", type=float, default=floor.SUSTAINED_TFLOPS, help="what the floor reckons with")
    given = parser.parse_args()
    given.steps = given.steps or ([4, 8] if given.tiny else [20, 50])
    if not given.tiny and not torch.cuda.is_available():
        parser.error("there is no GPU that torch can use; --tiny tries this program on a CPU")
    torch.set_grad_enabled(False)
    rows = asyncio.run(Run(given).all())
    OUTPUT.parent.mkdir(exist_ok=True)
    device = "cpu" if given.tiny else torch.cuda.get_device_name()
    found = {"device": device, "torch": torch.__version__, "rows": [asdict(row) for row in rows]}
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    print(f"written to {OUTPUT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
