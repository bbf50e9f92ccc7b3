"""A channel in Redis on which gateways tell each other what cannot wait. Whatever is told so is only a hint."""

import asyncio
import contextlib
from collections.abc import Callable

from gateway.store.redis import RedisConnection

MOST_WAITING = 1000  # messages; what does not fit is not sent
BATCH = 16  # messages sent at once: an exchange with Redis must not take long
RECONNECT_SECONDS = 1.0


class Channel:
    """Nothing is sent or listened for until it is opened; `heard` gets every message, those of our own too."""

    def __init__(self, redis: RedisConnection, name: str, heard: Callable[[bytes], None]) -> None:
        self._redis = redis
        self._name = name
        self._heard = heard
        self._waiting: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None

    def open(self) -> None:
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._hear(), name=f"hears {self._name}")

    def shut(self) -> None:
        """What was handed over is still sent."""
        if self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None

    def send(self, message: bytes) -> None:
        """What waits to be sent already is not sent twice."""
        if self._hearing is None or len(self._waiting) >= MOST_WAITING or message in self._waiting:
            return
        self._waiting.append(message)
        if self._sending is None:
            self._sending = asyncio.create_task(self._publish(), name=f"tells {self._name}")

    async def close(self) -> None:
        """What was not sent yet is dropped."""
        tasks = [task for task in (self._hearing, self._sending) if task is not None]
        self._hearing = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _publish(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._redis.commands([("PUBLISH", self._name, message) for message in batch])
        finally:
            self._sending = None

    async def _hear(self) -> None:
        while True:
            with contextlib.suppress(ConnectionError):
                async with contextlib.aclosing(self._redis.messages(self._name)) as messages:
                    async for message in messages:
                        self._heard(message)
            await asyncio.sleep(RECONNECT_SECONDS)
