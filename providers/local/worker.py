"""One worker as this gateway sees it: what it said last, and what it was sent since then."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from providers.base import Call
from providers.errors import Kind
from providers.local.choice import Chance, loading_seconds
from providers.local.peer import Lost, Peer
from providers.local.prediction import Work, learned, loras_of, seconds_of
from providers.local.status import PLAIN, Drawable, Pace, Status

REST_SECONDS = 1.0  # a worker that refused is left alone for so long
LONGEST_REST_SECONDS = 15.0
REMEMBERED_SECONDS = 30.0  # what a worker that went away could draw, it may soon draw again

REMEMBERED_PACES = 256  # of models

State = Literal["unknown", "ready", "loading", "draining", "away", "leaving"]


@dataclass(eq=False, slots=True)
class Sent:
    """A call that a worker has. Moments are of one monotonic clock."""

    call: Call
    work: Work
    seconds: float
    since: float
    alone: bool


class Worker:
    """`announced`: it is there by its own word, which may run out; `leaving` since its word is no longer heard."""

    def __init__(self, peer: Peer, *, announced: bool = False) -> None:
        self.peer = peer
        self.announced = announced
        self.leaving = False
        self.status: Status | None = None  # None until it was asked for the first time
        self.trouble: str | None = None  # why it could not be asked
        self.changed = asyncio.Event()  # there is reason to ask it how it is
        self.sent: list[Sent] = []
        self.turns = 0
        self.misses = 0  # looks in a row that brought nothing
        self.rests_until = 0.0
        self._seen = 0.0
        self._asked = float("-inf")  # when it was asked for what it said last
        self._others = 0
        self._pace: dict[str, Pace] = {}
        self._last_model: str | None = None
        self._scopes: set[asyncio.Timeout] = set()

    def __repr__(self) -> str:
        return f"<Worker {self.url} {self.state} {len(self.sent)} calls>"

    @property
    def url(self) -> str:
        return self.peer.url

    @property
    def told(self) -> Status:
        return self.status or PLAIN

    @property
    def state(self) -> State:
        if self.trouble is not None:
            return "away"
        if self.status is None:
            return "unknown"
        if self.status.draining:
            return "draining"
        if self.leaving:
            return "leaving"
        return "ready" if self.status.ready else "loading"

    @property
    def usable(self) -> bool:
        return self.state in ("ready", "unknown")

    def draws(self, upstream: str) -> bool:
        return self.told.models is None or upstream in self.told.models

    def draws_soon(self, upstream: str, now: float) -> bool:
        """It can, or it could a moment ago and may be back in another one."""
        lately = now - self._seen < REMEMBERED_SECONDS
        return self.draws(upstream) and (self.usable or (lately and self.state == "away"))

    def said(self, status: Status, asked: float, now: float) -> None:
        """`asked` is when the question went out: what was sent before that is in the answer."""
        self.status, self.trouble = status, None
        self._seen, self._asked = now, asked
        self._others = max(0, status.taken - sum(sent.since < asked for sent in self.sent))

    def lose(self) -> None:
        """Nobody is there any more: its calls are lost, and may be drawn elsewhere."""
        now = asyncio.get_running_loop().time()
        for scope in [scope for scope in self._scopes if not scope.expired()]:
            scope.reschedule(now)

    def rest(self, now: float, seconds: float | None) -> None:
        """It refused a call: it is left alone for a short while, or for as long as it asks, within reason."""
        wished = REST_SECONDS if seconds is None else min(seconds, LONGEST_REST_SECONDS)
        self.rests_until = max(self.rests_until, now + wished)

    def busy(self, now: float) -> float:
        """Device seconds until it has done what it has, as far as is known."""
        told = self.told
        left = max(0.0, told.queue_seconds / told.replicas - (now - self._asked)) if self.status else 0.0
        since = sum(sent.seconds for sent in self.sent if sent.since >= self._asked)
        return left + since / told.replicas

    def room(self, now: float) -> int:
        """How many calls more it is sent. At least one of each gateway: no other may fill it for good."""
        if not self.usable or now < self.rests_until:
            return 0
        most = min(self.told.together + self.peer.beside * self.told.replicas, self.peer.most)
        return max(0, most - len(self.sent) - self._others, 1 - len(self.sent))

    def chance(self, call: Call, work: Work, now: float) -> Chance:
        told = self._drawable(call.upstream)
        missing = len(loras_of(call) - self.told.loras) if call.payload.get("loras") else 0
        swaps = self._last_model not in (None, call.upstream) and len(self.told.models or ()) > 1
        return Chance(
            self.url,
            busy=self.busy(now),
            seconds=seconds_of(work, told, self._pace.get(call.upstream)),
            loading=loading_seconds(loras_missing=missing, model_missing=swaps),
            room=self.room(now),
            idle=self._idle,
            turns=self.turns,
        )

    def prospect(self, now: float) -> Chance:
        """As of any call."""
        return Chance(self.url, busy=self.busy(now), seconds=0.0, room=self.room(now), idle=self._idle)

    @property
    def _idle(self) -> bool:
        return len(self.sent) + self._others < self.told.together

    def begin(self, call: Call, work: Work, seconds: float, now: float) -> Sent:
        """The call is its own from now on, until `end`."""
        sent = Sent(call, work, seconds, now, alone=not self.sent and not self._others)
        self.sent.append(sent)
        self.turns += 1
        self._last_model = call.upstream
        return sent

    def end(self, sent: Sent, now: float, *, drawn: bool) -> None:
        """A worker that does not tell its pace shows it with a call that it had all to itself."""
        self.sent.remove(sent)
        self.changed.set()
        told = self._drawable(sent.call.upstream)
        if drawn and sent.alone and (told is None or told.pace is None):
            before = self._pace.get(sent.call.upstream)
            new = learned(before, sent.work, told or Drawable(), now - sent.since)
            if before is not None or len(self._pace) < REMEMBERED_PACES:
                self._pace[sent.call.upstream] = new

    @asynccontextmanager
    async def while_there(self) -> AsyncGenerator[None]:
        """The block ends with `Lost` as soon as the worker is known to be gone."""
        scope = asyncio.timeout(None)
        self._scopes.add(scope)
        try:
            async with scope:
                yield
        except TimeoutError:
            if not scope.expired():
                raise
            raise Lost(Kind.FAILED, "the worker went away before it answered", provider="local") from None
        finally:
            self._scopes.discard(scope)

    def _drawable(self, upstream: str) -> Drawable | None:
        return (self.told.models or {}).get(upstream)
