"""Whose turn it is at which worker: the gateway's own line in front of its workers.

Everything here happens on one event loop, between two of its turns.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from providers.base import Call
from providers.errors import Kind, NotBegun, ProviderError
from providers.local.choice import Chance, best, predicted_wait
from providers.local.line import Line, Place
from providers.local.peer import Peer
from providers.local.prediction import Work, seconds_of, work_of
from providers.local.roster import Open, Roster
from providers.local.worker import Sent, Worker

MOST_WAITING = 2000
PATIENCE = 3.0  # seconds that a call waits for any worker at all to come back
LAST_MOMENT = 0.05  # seconds before its deadline at which a call is not begun any more


@dataclass(eq=False, slots=True)
class Waiting:
    """A call in line. It has a `worker` when its `turn` has come; `avoid` are those that were lost under it or had
    no memory for it, `refusal` is the last one that it met.
    """

    call: Call
    work: Work = field(init=False)
    turn: asyncio.Event = field(default_factory=asyncio.Event)
    worker: Worker | None = None
    sent: Sent | None = None
    avoid: list[str] = field(default_factory=list[str])
    refusal: ProviderError | None = None
    refusals: int = 0
    _unfit: dict[str, str | None] = field(default_factory=dict[str, str | None])

    def __post_init__(self) -> None:
        self.work = work_of(self.call)

    def cannot(self, worker: Worker) -> str | None:
        """Why it is not for this worker; looked at once."""
        if worker.url not in self._unfit:
            self._unfit[worker.url] = worker.peer.cannot(self.call)
        return self._unfit[worker.url]


class Dispatch:
    """The workers of a roster, and who waits for them: `most_waiting` calls at most."""

    def __init__(
        self,
        peers: Iterable[Peer],
        open_announced: Open,
        clock: Callable[[], float],
        most_waiting: int = MOST_WAITING,
        patience: float = PATIENCE,
    ) -> None:
        self.clock = clock
        self.most_waiting = most_waiting
        self.patience = patience
        self.line: Line[Waiting] = Line()
        self.roster = Roster(peers, open_announced, self.hand_out, clock)
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, waiting: Waiting) -> Place[Waiting]:
        """A place in line, for `turn`. What can be drawn by the same workers is of one kind."""
        call = waiting.call
        kind = (call.upstream, call.operation, frozenset(call.payload))
        return Place(waiting, call.team, kind, call.waited_for, seconds_of(waiting.work))

    def leave(self, worker: Worker, sent: Sent, *, drawn: bool) -> None:
        """The call is over at this worker."""
        worker.end(sent, self.clock(), drawn=drawn)
        self.hand_out()

    def places_of(self, request: str) -> list[Place[Waiting]]:
        """Of its calls that are in line."""
        return [place for place in self.line if place.content.call.id.rpartition(".")[0] == request]

    def hurry(self, request: str) -> None:
        """Its calls that nobody waited for are waited for by now: as if they had been all the while."""
        for place in self.places_of(request):
            self.line.remove(place)
            place.waited_for = True
            self.line.add(place)
        self.hand_out()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self.roster.close()

    async def turn(self, place: Place[Waiting]) -> tuple[Worker, Sent]:
        """Raises ProviderError where its turn does not come."""
        waiting = place.content
        waiting.worker = waiting.sent = None
        waiting.turn.clear()
        if not self.workers_for(waiting):
            nobody = self.nobody(waiting)
            if waiting.call.elsewhere or nobody.kind is Kind.BAD_REQUEST:
                raise nobody
        new = place.number < 0
        self.line.add(place)
        try:
            self.hand_out()
            if new and not waiting.turn.is_set() and len(self.line) > self.most_waiting:
                raise ProviderError(Kind.BUSY, "too many calls are waiting for its workers already", provider="local")
            while not waiting.turn.is_set():
                await self._wait(waiting)
        except BaseException:
            self.line.remove(place)
            if waiting.worker is not None and waiting.sent is not None:
                self.leave(waiting.worker, waiting.sent, drawn=False)
            raise
        assert waiting.worker is not None and waiting.sent is not None  # noqa: S101 - they are set before its turn
        return waiting.worker, waiting.sent

    async def _wait(self, waiting: Waiting) -> None:
        """For its turn, or for a while. Raises NotBegun; BUSY where no worker was there all the while."""
        deadline = waiting.call.deadline
        left = self.patience if deadline is None else deadline - LAST_MOMENT - self.clock()
        if left <= 0:
            raise NotBegun(Kind.BUSY, "no worker came free before the deadline", provider="local")
        somebody_there = bool(self.workers_for(waiting))
        try:
            async with asyncio.timeout(min(left, self.patience)):
                await waiting.turn.wait()
        except TimeoutError:
            if not somebody_there and not self.workers_for(waiting):
                raise self.nobody(waiting) from None

    def nobody(self, waiting: Waiting) -> ProviderError:
        """What a call ends with that no worker takes; where none ever will, the reason is the request itself."""
        those = [each for each in self.roster.workers.values() if each.draws(waiting.call.upstream)]
        reasons = [waiting.cannot(worker) for worker in those]
        if reasons and all(reasons):
            return ProviderError(Kind.BAD_REQUEST, str(reasons[0]), provider="local")
        if waiting.refusal is not None:
            return waiting.refusal
        return ProviderError(Kind.BUSY, "no worker that draws this is there", provider="local")

    def workers_for(self, waiting: Waiting) -> list[Worker]:
        """Those that may draw it, whether or not they have room."""
        upstream = waiting.call.upstream
        return [
            worker
            for worker in self.roster.workers.values()
            if worker.usable and worker.draws(upstream) and waiting.cannot(worker) is None
        ]

    def wait_of(self, waiting: Waiting) -> float | None:
        """The predicted seconds until a call that comes now is begun; None with no worker for it."""
        now, call, workers = self.clock(), waiting.call, self.workers_for(waiting)
        chances = [worker.chance(call, waiting.work, now) for worker in workers]
        seconds = min((chance.seconds for chance in chances), default=0.0)

        def waits_for_them(place: Place[Waiting]) -> bool:
            return any(worker.draws(place.content.call.upstream) for worker in workers)

        ahead = self.line.ahead(call.team, seconds, waited_for=call.waited_for, may=waits_for_them)
        return predicted_wait(chances, ahead)

    def hand_out(self) -> None:
        """Everybody in line whose turn it is gets a worker."""
        now = self.clock()
        while self.line and (found := self._next(now)) is not None:
            place, chance = found
            waiting = place.content
            self.line.take(place)
            waiting.worker = self.roster.workers[chance.worker]
            seconds = chance.loading + chance.seconds
            waiting.sent = waiting.worker.begin(waiting.call, waiting.work, seconds, now)
            waiting.turn.set()
        self._look_again(now)

    def _next(self, now: float) -> tuple[Place[Waiting], Chance] | None:
        if not any(worker.room(now) for worker in self.roster.workers.values()):
            return None
        chosen: list[Chance] = []

        def has_worker(place: Place[Waiting]) -> bool:
            waiting = place.content
            chances = (each.chance(waiting.call, waiting.work, now) for each in self.workers_for(waiting))
            chance = best(chances, waited_for=place.waited_for, avoid=waiting.avoid)
            if chance is not None:
                chosen.append(chance)
            return chance is not None

        place = self.line.first(has_worker)
        return None if place is None else (place, chosen[0])

    def _look_again(self, now: float) -> None:
        """When a worker that rests may be asked again, if somebody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        resting = [worker.rests_until for worker in self.roster.workers.values() if worker.rests_until > now]
        if self.line and resting:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, min(resting) - now), self.hand_out)
