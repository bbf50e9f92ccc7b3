"""A job: one commission on its way to being pictures, with the log of what happened to it.

A job lives on the event loop; of it the device thread touches the token and how far its pictures are. Who follows a
job reads its log from the beginning, so that one who joins late misses no picture; steps are in it only from when
somebody follows.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any, Literal

from workers.encoding import Picture
from workers.errors import Refusal, cancelled, late
from workers.wire import Commission

Status = Literal["waiting", "running", "succeeded", "failed", "cancelled"]
Event = dict[str, Any]


class CancelToken:
    """Set from any thread, looked at before every forward."""

    def __init__(self) -> None:
        self._set = threading.Event()

    def cancel(self) -> None:
        self._set.set()

    @property
    def cancelled(self) -> bool:
        return self._set.is_set()


class Job:
    """Made by `Desk.take`."""

    def __init__(self, id: str, asked: Commission, seeds: list[int]) -> None:
        self.id = id
        self.asked = asked
        self.seeds = seeds
        self.status: Status = "waiting"
        self.created = int(time.time())
        self.finished_at: float | None = None  # by the monotonic clock
        self.token = CancelToken()
        self.pictures: list[Picture] = []
        self.failure: Refusal | None = None
        self.followers = 0
        self.watched = asked.stream  # its steps are told: somebody reads the log while it is written, or is about to
        self.on_device = 0  # pictures that have steps to take
        self._shares_left = [1.0] * len(seeds)  # of each picture's steps
        self._log: list[Event] = []
        self._news = asyncio.Event()
        self._end = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.status} {len(self.pictures)}/{len(self.seeds)}>"

    @property
    def over(self) -> bool:
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def complete(self) -> bool:
        """All its pictures are there."""
        return len(self.pictures) == len(self.seeds)

    def tell(self, event: Event) -> None:
        """Adds to the log and wakes the followers."""
        if self.over:
            return
        self._log.append(event)
        self._wake()

    def share_left(self) -> float:
        """How many pictures are still to be drawn, counted in steps: 1.5 of two, one of which is half done."""
        return sum(self._shares_left)

    def stepped(self, index: int, step: int, steps: int) -> None:
        """On the device thread."""
        self._shares_left[index] = 1 - step / steps

    def tell_step(self, index: int, step: int, steps: int) -> None:
        self.tell({"type": f"{self.asked.kind}.progress", "step": step, "steps": steps, "image_index": index})

    def add(self, picture: Picture) -> None:
        self._shares_left[picture.index] = 0.0
        self.pictures.append(picture)
        self.tell(self._event(f"{self.asked.kind}.completed", picture.base64, picture.index, picture.seed))

    def add_partial(self, base64: str, *, index: int, number: int) -> None:
        event = self._event(f"{self.asked.kind}.partial_image", base64, index, self.seeds[index])
        self.tell({**event, "partial_image_index": number})

    def finish(self, status: Status, failure: Refusal | None = None) -> None:
        """The end; the first word counts."""
        if self.over:
            return
        self.status = status
        self.failure = failure
        self.finished_at = time.monotonic()
        self.asked = self.asked.without_pictures()
        self._end.set()
        self._wake()

    def stop(self) -> None:
        """No more forwards for it."""
        self.token.cancel()

    def cancel(self) -> None:
        """Stops at the next forward; those who follow are told at once."""
        self.stop()
        self.finish("cancelled", cancelled())

    async def follow(self, until: float | None = None) -> AsyncIterator[Event]:
        """Every event from the beginning to the end. Raises the job's `Refusal` if it failed, and another one at
        `until`, a moment of the event loop's clock."""
        self.watched = True
        place = 0
        while True:
            news = self._news
            while place < len(self._log):
                yield self._log[place]
                place += 1
            if self.over:
                break
            await _by(until, news)
        if self.failure is not None:
            raise self.failure

    async def done(self, until: float | None = None) -> None:
        """Returns when all pictures are there; raises as `follow` does."""
        if not self.over:
            await _by(until, self._end)
        if self.failure is not None:
            raise self.failure

    def answer(self) -> dict[str, Any]:
        """The JSON of OpenAI's ImagesResponse, and the seed of each picture."""
        pictures = sorted(self.pictures, key=lambda picture: picture.index)
        return {
            "created": self.created,
            "data": [{"b64_json": picture.base64, "seed": picture.seed} for picture in pictures],
            "size": self.asked.size,
            "output_format": self.asked.output_format,
            "quality": "auto",
            "background": "opaque",
            "model": self.asked.drawing.model,
            "num_inference_steps": self.asked.drawing.steps,
            "job_id": self.id,
        }

    def weight(self) -> int:
        """Bytes that remembering it costs, about."""
        return sum(len(event.get("b64_json", "")) for event in self._log)

    def forget_partials(self) -> None:
        """For a job that is over and that nobody follows: a follower holds a place in the log."""
        self._log = [event for event in self._log if event["type"] == f"{self.asked.kind}.completed"]

    def _event(self, kind: str, base64: str, index: int, seed: int) -> Event:
        event: Event = {
            "type": kind,
            "b64_json": base64,
            "created_at": int(time.time()),
            "size": self.asked.size,
            "quality": "auto",
            "background": "opaque",
            "output_format": self.asked.output_format,
            "image_index": index,
            "seed": seed,
        }
        if kind.endswith(".completed"):
            details = {"text_tokens": 0, "image_tokens": 0}
            usage = {"total_tokens": 0, "input_tokens": 0, "output_tokens": 0, "input_tokens_details": details}
            event["usage"] = usage  # OpenAI's SDKs expect it; nothing is counted here
        return event

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _by(until: float | None, event: asyncio.Event) -> None:
    """Waits for the event; raises the refusal for who is late at `until`, a moment of the event loop's clock."""
    try:
        async with asyncio.timeout_at(until):
            await event.wait()
    except TimeoutError:
        raise late() from None
