"""The queue: generations are queued, processed and end in one of three ways; what ended stays readable.

Source: Oxen docs, Async queue, read 2026-11-21. Whether a cancelled one is billed is not documented: here one that had
not begun is not.
"""

import itertools
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from simulators.drawing import Picture
from simulators.oxen.asked import SLUG, Asked
from simulators.stage import Stage

KEPT = 4_096
Status = Literal["queued", "processing", "succeeded", "failed", "cancelled"]
OVER: tuple[Status, ...] = ("succeeded", "failed", "cancelled")


@dataclass
class Generation:
    """`picture` is what will be there, `error` how it will fail; neither: it ends without a word about its result."""

    asked: Asked
    picture: Picture | None
    error: str | None
    born: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    enqueued_at: int = field(default_factory=lambda: int(time.time()))
    status: Status = "queued"
    started_at: int | None = None
    completed_at: int | None = None

    @property
    def over(self) -> bool:
        return self.status in OVER

    def told(self, url: str | None) -> dict[str, Any]:
        """As polling tells it: every further parameter of the request stands beside Oxen's own fields."""
        echoed = {name: value for name, value in self.asked.body.items() if name not in ("model", "num_generations")}
        return {
            "prompt": None,
            **echoed,
            "generation_id": self.id,
            "model_name": self.asked.model.id,
            "media_type": "image",
            "status": self.status,
            "result_url": url if self.status == "succeeded" else None,
            "error_message": self.error if self.status == "failed" else None,
            "enqueued_at": self.enqueued_at,
            "started_at": self.started_at,
            "completed_at": self.completed_at,
        }

    def event(self, url: str | None) -> dict[str, Any]:
        """As the event stream tells its end, under other names."""
        told: dict[str, Any] = {"generation_id": self.id, "status": self.status, "media_type": "image"}
        if self.status == "failed":
            return {**told, "error": self.error}
        return {**told, "model": self.asked.model.id, "url": url}


class Generations:
    """All of them, the newest last. `publish` is told of every end but a cancellation."""

    def __init__(
        self, stage: Stage, publish: Callable[[Generation], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stage = stage
        self._publish = publish
        self._clock = clock
        self._kept: OrderedDict[str, Generation] = OrderedDict()

    def add(self, asked: Asked, drawn: Picture | str | None) -> Generation:
        """What was accepted will be paid, whether or not anybody asks for it again."""
        picture = drawn if isinstance(drawn, Picture) else None
        error = drawn if isinstance(drawn, str) else None
        generation = Generation(asked, picture, error, self._clock())
        self._kept[generation.id] = generation
        self._stage.paid[SLUG] += picture is not None
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return generation

    def find(self, generation_id: str) -> Generation | None:
        """As far as time has brought it."""
        generation = self._kept.get(generation_id)
        if generation is not None:
            self._let_time_pass(generation)
        return generation

    def newest(self) -> Iterator[Generation]:
        for generation in itertools.islice(reversed(self._kept.values()), 100):
            self._let_time_pass(generation)
            yield generation

    def look(self, generation: Generation) -> None:
        """Without a pace, it moves on by one state at each look."""
        if not self._paced():
            self._move_on(generation)

    def tick(self) -> None:
        """An open event stream counts as a look at everything: its listener waits without polling."""
        for generation in [each for each in self._kept.values() if not each.over]:
            self._let_time_pass(generation)
            self.look(generation)

    def cancel(self, generation: Generation) -> None:
        """What is over stays as it is."""
        if not generation.over:
            self._stage.paid[SLUG] -= generation.status == "queued" and generation.picture is not None
            generation.status, generation.completed_at = "cancelled", int(time.time())

    def _paced(self) -> bool:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds > 0 or pace.seconds_per_image > 0

    def _let_time_pass(self, generation: Generation) -> None:
        pace = self._stage.pace(SLUG)
        age = self._clock() - generation.born
        if self._paced() and generation.status == "queued" and age >= pace.queue_seconds:
            self._move_on(generation)
        if self._paced() and generation.status == "processing" and age >= pace.queue_seconds + pace.seconds_per_image:
            self._move_on(generation)

    def _move_on(self, generation: Generation) -> None:
        now = int(time.time())
        if generation.status == "queued":
            generation.status, generation.started_at = "processing", now
        elif generation.status == "processing":
            generation.status, generation.completed_at = "failed" if generation.error else "succeeded", now
            self._publish(generation)
