"""Identical requests in flight share one task in this process; over processes, one lease (`store/claims.py`)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.flow.stop import Stop

Work = TypeVar("Work")

LEFT = "the request was cancelled; what it waited for goes on for others"


@dataclass(frozen=True, slots=True)
class Run:
    task: asyncio.Task[Any]
    stop: Stop
    hurry: Callable[[], None]


class SharedRuns:
    """A caller that leaves cancels neither the run nor those who wait for it with him."""

    def __init__(self) -> None:
        self._running: dict[str, Run] = {}

    async def once(
        self,
        key: str,
        work: Callable[[], Awaitable[Work]],
        stop: Stop,
        *,
        hurry: Callable[[], None] = lambda: None,
        waited_for: bool = False,
    ) -> tuple[Work, bool]:
        """The result, and whether somebody else's run brought it. What the run raises, all who wait for it get.

        `stop` ends this caller's waiting, with a ProviderError of kind CANCELLED, and the run if it is his own and
        nobody else waits for it. `hurry` is called of a run that another caller joins who is `waited_for`.
        """
        running = self._running.get(key)
        if running is None or running.task.done() or running.stop.wanted:
            return await asyncio.shield(self._start(key, work, stop, hurry)), False
        if waited_for:
            running.hurry()
        with running.stop.held(), stop.interrupts("", LEFT):
            return await asyncio.shield(running.task), True

    @property
    def running(self) -> int:
        return len(self._running)

    def _start(
        self, key: str, work: Callable[[], Awaitable[Work]], stop: Stop, hurry: Callable[[], None]
    ) -> asyncio.Task[Work]:
        task: asyncio.Task[Work] = asyncio.ensure_future(work())  # pyright: ignore[reportAssignmentType] - of a coroutine it is a task
        run = self._running[key] = Run(task, stop, hurry)
        task.add_done_callback(lambda done: self._forget(key, run))
        return task

    def _forget(self, key: str, run: Run) -> None:
        if self._running.get(key) is run:
            del self._running[key]
        if not run.task.cancelled():
            run.task.exception()  # asked for here, because the caller may be gone
