"""What a running job has to show, and its client has not been sent yet."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Generator
from typing import Any

from gateway.flow.picture import Picture
from gateway.jobs.running import Running
from providers.base import Partial, Progress

Sight = Picture | Progress | Partial


class Unseen:
    """A client that takes what it is sent misses nothing. While it does not (`busy`), only the latest preview of each
    picture is kept for it; of steps it is always the last one. Finished pictures are the job's, and kept by it anyway.

    `task` is the job's.
    """

    def __init__(self, task: asyncio.Future[Any]) -> None:
        self.busy = False
        self._task = task
        self._sights: deque[tuple[int, Sight]] = deque()
        self._news: asyncio.Future[None] | None = None

    def see(self, index: int, sight: Sight) -> None:
        if isinstance(sight, Progress):
            self._forget(index, Progress)
        elif isinstance(sight, Partial) and self.busy:
            self._forget(index, Partial)
        self._sights.append((index, sight))
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def next(self, until: float) -> tuple[int, Sight] | None:
        """None when the job is over and all was seen, or when nothing came by then (of `time.monotonic()`)."""
        if not self._sights and not self._task.done():
            news = self._news = asyncio.get_running_loop().create_future()
            timeout = max(0.0, until - time.monotonic())
            await asyncio.wait({news, self._task}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return self._sights.popleft() if self._sights else None

    def _forget(self, index: int, kind: type[Sight]) -> None:
        for known in [each for each in self._sights if each[0] == index and isinstance(each[1], kind)]:
            self._sights.remove(known)


@contextlib.contextmanager
def looking_on(running: Running) -> Generator[Unseen]:
    """Whatever the job has made, and what it shows from now on; it has one more caller meanwhile."""
    unseen = Unseen(running.task)
    for index, picture in sorted(running.record.made.items()):
        unseen.see(index, picture)
    running.record.watched = True
    running.record.seen.append(unseen.see)
    running.present += 1
    running.hurry()
    try:
        yield unseen
    finally:
        running.present -= 1
        running.record.seen.remove(unseen.see)
