"""Which worker gets the next call: the one with the least work outstanding, counted in pixels times steps."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from providers.base import Call
from providers.openai_images import read_pixels

REST_SECONDS = 2.0  # a worker that refused is left alone for so long
LONGEST_REST_SECONDS = 15.0

# What stands for a size or a number of steps that the call leaves to the worker; only the proportion matters.
_USUAL_PIXELS = 1024 * 1024
_USUAL_STEPS = 20


def work_of(call: Call) -> float:
    """Pixels times steps over all pictures of the call: what a diffusion model's time grows with."""
    size = read_pixels(call.payload.get("size"))
    pixels = size[0] * size[1] if size else _USUAL_PIXELS
    steps = call.payload.get("num_inference_steps")
    return float(
        max(pixels, 1) * (steps if isinstance(steps, int) and steps > 0 else _USUAL_STEPS) * max(call.images, 1)
    )


@dataclass(slots=True)
class _Worker:
    outstanding: float = 0.0
    turns: int = 0
    rests_until: float = 0.0


class Dispatch:
    """The workers' outstanding work, as seen from here. Moments are of one monotonic clock, in seconds."""

    def __init__(self, workers: Sequence[str]) -> None:
        self._workers = {url: _Worker() for url in workers}

    def order(self, now: float) -> list[str]:
        """All workers, best first: those at rest come last, so that they are asked when nobody else is left."""

        def preference(url: str) -> tuple[float, float, int]:
            worker = self._workers[url]
            return max(0.0, worker.rests_until - now), worker.outstanding, worker.turns

        return sorted(self._workers, key=preference)

    @contextmanager
    def working(self, url: str, work: float) -> Generator[None]:
        """Counts the work of one call while it runs."""
        worker = self._workers[url]
        worker.outstanding += work
        worker.turns += 1
        try:
            yield
        finally:
            worker.outstanding -= work

    def rest(self, url: str, now: float, seconds: float | None = None) -> None:
        """Leaves a worker alone for a short while, or for as long as it asks, within reason."""
        wished = REST_SECONDS if seconds is None else min(seconds, LONGEST_REST_SECONDS)
        self._workers[url].rests_until = now + wished

    def outstanding(self, url: str) -> float:
        """Pixels times steps that this worker has not answered yet."""
        return self._workers[url].outstanding
