"""Identical requests in flight share one task in this process; over processes, one lease (`store/claims.py`)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

Work = TypeVar("Work")


class SharedRuns:
    """A caller that hangs up cancels neither the run nor those who wait for it with him."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._alone = 0

    async def once(self, key: str, work: Callable[[], Awaitable[Work]]) -> tuple[Work, bool]:
        """The result, and whether somebody else's run brought it. What the run raises, all who wait for it get."""
        running = self._running.get(key)
        if running is not None:
            return await asyncio.shield(running), True
        return await asyncio.shield(self._start(key, work)), False

    async def alone(self, work: Callable[[], Awaitable[Work]]) -> Work:
        """A run that nobody shares; it too is finished when its caller hangs up, because it may have been paid."""
        self._alone += 1
        return await asyncio.shield(self._start(f"alone:{self._alone}", work))

    @property
    def running(self) -> int:
        return len(self._running)

    async def drain(self) -> None:
        """Wait for everything that is being drawn."""
        while self._running:
            await asyncio.wait(self._running.values())

    def _start(self, key: str, work: Callable[[], Awaitable[Work]]) -> asyncio.Task[Work]:
        task: asyncio.Task[Work] = asyncio.ensure_future(work())  # pyright: ignore[reportAssignmentType] - of a coroutine it is a task
        self._running[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: str, done: asyncio.Task[Any]) -> None:
        self._running.pop(key, None)
        if not done.cancelled():
            done.exception()  # asked for here, because the caller may be gone
