"""A request's body on its way in: what has come is counted, and a sender that stops is not waited for."""

import asyncio
import time

from starlette.types import Message, Receive

from gateway.errors import InvalidValue, Overloaded
from gateway.flow.room import Held

SILENT_SECONDS = 30.0  # without a single byte
MAX_DRAINED = 64 * 1024 * 1024  # bytes


class Arriving:
    """ASGI's `receive` within bounds. `until` is an instant of `time.monotonic()`.

    Raises InvalidValue when nothing comes any more, Overloaded when there is no room for what does.
    """

    def __init__(self, receive: Receive, held: Held, until: float) -> None:
        self._receive = receive
        self._held = held
        self._until = until

    async def __call__(self) -> Message:
        message = await self._next()
        try:
            self._held.take(len(message.get("body", b"")))
        except Overloaded:
            await self._drain(message)
            raise
        return message

    async def _next(self) -> Message:
        seconds = max(0.0, min(SILENT_SECONDS, self._until - time.monotonic()))
        try:
            async with asyncio.timeout(seconds):
                return await self._receive()
        except TimeoutError:
            raise InvalidValue(f"body: did not come; nothing was received for {seconds:.0f} s", param="body") from None

    async def _drain(self, message: Message) -> None:
        """A client that is cut off while it sends never sees the answer, nor for how long it should wait."""
        drained = 0
        while message.get("more_body") and drained < MAX_DRAINED:
            message = await self._next()
            drained += len(message.get("body", b""))
