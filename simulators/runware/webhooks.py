"""Runware's webhooks: one message for each result of a task, as soon as it is there, flat and without a signature.

Source: Runware docs, Webhooks, read 2026-11-21. A receiver has five seconds; then it is tried again after 250 ms,
doubled each time up to 8 s. How a failure is told is not documented; here it is the item of an answer's `errors`.
"""

from typing import Any

from simulators.runware.tasks import SLUG, Task, Tasks
from simulators.stage import Stage
from simulators.webhooks import Webhooks, until

ANSWER_SECONDS = 5.0


class Notices:
    """The messages about the results of tasks."""

    def __init__(self, stage: Stage, tasks: Tasks) -> None:
        self._stage = stage
        self._tasks = tasks
        self._webhooks = Webhooks(SLUG, stage, seconds=ANSWER_SECONDS)

    def promise(self, url: str, task: Task, at: str) -> None:
        """Tells `url` of each result; the pictures are then at the origin `at`."""
        for place in range(len(task.pictures)):
            self._webhooks.begin(self._tell(url, task, place, at))

    async def _tell(self, url: str, task: Task, place: int, at: str) -> None:
        await until(
            lambda: self._tasks.finished(task) > place, lambda: self._tasks.seconds_left(task, results=place + 1)
        )
        await self._webhooks.deliver(url, await self._message(task, place, at), lambda _body: {})

    async def _message(self, task: Task, place: int, at: str) -> dict[str, Any]:
        if complaint := task.failures.get(place):
            return complaint.item("imageInference", task.uuid)
        return await task.result(place, self._stage, at, None)
