"""An order to stop: nothing more is sent, what waits gives up, and what runs at a provider is cancelled there."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from providers.errors import Kind, ProviderError


class Stop:
    """Given at most once. `event` is for those who wait for it themselves (`providers/polling.py`).

    While somebody else waits for what the run brings (`held`), it is kept back until he has left too.
    """

    __slots__ = ("_event", "_holders", "_interrupted", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self._holders = 0
        self._event: asyncio.Event | None = None
        self._interrupted: set[asyncio.Task[Any]] = set()

    @property
    def given(self) -> bool:
        return self._event is not None and self._event.is_set()

    @property
    def event(self) -> asyncio.Event:
        if self._event is None:
            self._event = asyncio.Event()
        return self._event

    def give(self) -> None:
        self.wanted = True
        if self.given or self._holders:
            return
        self.event.set()
        for task in self._interrupted:
            task.cancel()

    @contextmanager
    def held(self) -> Generator[None]:
        """The run goes on at least until the end of the block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if self.wanted:
                self.give()

    @contextmanager
    def interrupts(self, provider: str, why: str) -> Generator[None]:
        """The block ends with a ProviderError of kind CANCELLED as soon as the order is given; `why` is its message."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be interrupted")
        if self.given:
            raise ProviderError(Kind.CANCELLED, why, provider=provider)
        self._interrupted.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self.given or task.uncancel() > 0:
                raise
            raise ProviderError(Kind.CANCELLED, why, provider=provider) from None
        finally:
            self._interrupted.discard(task)
