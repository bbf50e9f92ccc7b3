"""The other gateways on the same database: what is told to them over Redis, and what they tell.

Nothing here is more than a hint: what was written is read from SQL within a second anyway, and what was not written
is only for those who watch. So a message that Redis loses, or that does not fit, harms nothing.
"""

import secrets
from collections.abc import Callable
from typing import Any, cast, get_args

import orjson
import structlog

from gateway.jobs.channel import Channel
from gateway.jobs.ring import Transient, TransientType
from gateway.store.redis import RedisConnection

log = structlog.stdlib.get_logger()

CHANNEL = "easel:events"
LARGEST = 1024 * 1024  # bytes of a picture half done that is worth sending


class Neighbours:
    """`heard_hint` is called when another one has written events, `heard` with each of its transient ones.

    Nothing is sent or listened for until `are_there` is told so.
    """

    def __init__(
        self, redis: RedisConnection, heard_hint: Callable[[], None], heard: Callable[[Transient], None]
    ) -> None:
        self._heard_hint = heard_hint
        self._heard = heard
        self._me = secrets.token_hex(8)
        self._hint = orjson.dumps({"from": self._me})
        self._channel = Channel(redis, CHANNEL, self._read)

    def are_there(self, alive: bool) -> None:
        """Whether any other gateway lives."""
        if alive:
            self._channel.open()
        else:
            self._channel.shut()

    def hint(self) -> None:
        """Events of ours were written."""
        self._channel.send(self._hint)

    def tell(self, event: Transient) -> None:
        if len(event.base64 or b"") <= LARGEST:
            self._channel.send(packed(event, self._me))

    async def close(self) -> None:
        """What was not sent yet is dropped."""
        await self._channel.close()

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
