"""The other gateways on the same database: what is told to them over Redis, and what they tell.

Nothing here is more than a hint: what was written is read from SQL within a second anyway, and what was not written
is only for those who watch. So a message that Redis loses, or that does not fit, harms nothing.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any, cast, get_args

import orjson
import structlog

from gateway.jobs.ring import Transient, TransientType
from gateway.store.redis import RedisConnection

log = structlog.stdlib.get_logger()

CHANNEL = "easel:events"
LARGEST = 1024 * 1024  # bytes of a picture half done that is worth sending
MOST_WAITING = 1000  # messages; what does not fit is not sent
BATCH = 16  # messages sent at once: an exchange with Redis must not take long
RECONNECT_SECONDS = 1.0


class Neighbours:
    """`heard_hint` is called when another one has written events, `heard` with each of its transient ones.

    Nothing is sent or listened for until `are_there` is told so.
    """

    def __init__(
        self, redis: RedisConnection, heard_hint: Callable[[], None], heard: Callable[[Transient], None]
    ) -> None:
        self._redis = redis
        self._heard_hint = heard_hint
        self._heard = heard
        self._me = secrets.token_hex(8)
        self._hint = orjson.dumps({"from": self._me})
        self._waiting: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None

    def are_there(self, alive: bool) -> None:
        """Whether any other gateway lives."""
        if alive and self._hearing is None:
            self._hearing = asyncio.create_task(self._hear(), name="neighbours' events")
        elif not alive and self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None

    def hint(self) -> None:
        """Events of ours were written."""
        if self._hint not in self._waiting:
            self._send(self._hint)

    def tell(self, event: Transient) -> None:
        if len(event.base64 or b"") <= LARGEST:
            self._send(packed(event, self._me))

    async def close(self) -> None:
        """What was not sent yet is dropped."""
        tasks = [task for task in (self._hearing, self._sending) if task is not None]
        self._hearing = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _send(self, message: bytes) -> None:
        if self._hearing is None or len(self._waiting) >= MOST_WAITING:
            return
        self._waiting.append(message)
        if self._sending is None:
            self._sending = asyncio.create_task(self._publish(), name="events for neighbours")

    async def _publish(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._redis.commands([("PUBLISH", CHANNEL, message) for message in batch])
        finally:
            self._sending = None

    async def _hear(self) -> None:
        while True:
            with contextlib.suppress(ConnectionError):
                async with contextlib.aclosing(self._redis.messages(CHANNEL)) as messages:
                    async for message in messages:
                        self._read(message)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _read(self, message: bytes) -> None:
        head, _newline, picture = message.partition(b"\n")
        try:
            told: dict[str, Any] = orjson.loads(head)
            if told["from"] == self._me:
                return
            event = transient(told, picture) if "type" in told else None
        except (KeyError, TypeError, ValueError) as wrong:
            log.warning("neighbour_not_understood", error=type(wrong).__name__)
            return
        if event is None:
            self._heard_hint()
        else:
            self._heard(event)


def packed(event: Transient, sender: str) -> bytes:
    """JSON without its picture, which stands in a line of its own."""
    told = {"from": sender, "team": event.team, "job": event.job, "type": event.type, "at": event.at}
    return orjson.dumps({**told, "data": event.data}) + b"\n" + (event.base64 or b"")


def transient(told: dict[str, Any], picture: bytes) -> Transient | None:
    """None for a kind that a newer gateway may know. Raises KeyError and TypeError."""
    team, job, kind, at, data = (told[name] for name in ("team", "job", "type", "at", "data"))
    if kind not in get_args(TransientType):
        return None
    return Transient(str(team), str(job), cast("TransientType", kind), float(at), dict(data), picture or None)
