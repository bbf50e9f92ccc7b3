"""Tells our own workers' adapter which of them announce themselves, once a second."""

import asyncio
import contextlib
from typing import Protocol, runtime_checkable

import structlog

from gateway.store.workers import AnnouncedWorkers

log = structlog.stdlib.get_logger()

EVERY = 1.0  # seconds
FIRST_SECONDS = 0.5  # that a start waits for the first answer


@runtime_checkable
class Listens(Protocol):
    """The adapter of our own workers. `listens`: those that announce themselves are asked too."""

    listens: bool

    def start(self) -> None: ...

    def announced(self, urls: list[str]) -> None: ...


class Listening:
    """While Redis is away the last that was heard holds: workers that die are noticed without it."""

    def __init__(self, workers: AnnouncedWorkers, adapter: Listens) -> None:
        self._workers = workers
        self._adapter = adapter
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when what is announced now is known, or nobody can say."""
        if self._adapter.listens:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    await self.round()
            self._task = asyncio.create_task(self._keep_listening(), name="announced workers")
        self._adapter.start()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def round(self) -> None:
        urls = await self._workers.read()
        if urls is not None:
            self._adapter.announced(urls)

    async def _keep_listening(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.round()
            except Exception as fault:
                log.error("fault", where="announced workers", exc_info=fault)
