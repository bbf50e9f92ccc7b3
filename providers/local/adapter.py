"""GPU workers of one's own: a call waits here until one of them has room for it, and is drawn again if it dies.

Local work costs no money, so a call whose worker dies under it is given to the next one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from providers.account import Account
from providers.base import Answer, Call, Declined, Json, LineStanding, Watch
from providers.errors import Kind, ProviderError
from providers.local import shown
from providers.local.dispatch import MOST_WAITING, PATIENCE, Dispatch, Waiting
from providers.local.foreign import Foreign
from providers.local.foreign_peer import ForeignPeer
from providers.local.own import Own
from providers.local.peer import GaveUp, Lost, Overwhelmed
from providers.local.streaming import SILENCE_SECONDS
from providers.local.worker import Worker

MAX_LOSSES = 2  # a call that kills a second worker, or is too large for it, is not given to a third
REMEMBERED_CALLS = 1000  # that may be tried again, and have cost a worker already
LOST_REST_SECONDS = 0.25  # until it is known whether the worker is still there
MAX_REFUSALS = 5  # a call that so many workers in turn do not take, against their word, is not held any longer


class Local:
    """`workers` are addresses, `account` is what holds for all of them: the key, the time of a call, and in
    `max_concurrency` its calls at one worker. `foreign` are servers of other makes in workers' places. With `announced`
    there may be more (`Local.announced`); raises ValueError where there are none at all.

    With `spill_after` seconds of predicted wait, a call had better be sent elsewhere; `most_waiting` calls may wait. A
    worker from which a watched call hears nothing for `silence` seconds is gone.
    """

    name = "local"
    repeats = True

    def __init__(
        self,
        account: Account,
        workers: Sequence[str] = (),
        foreign: Sequence[Foreign] = (),
        *,
        announced: bool = False,
        spill_after: float | None = None,
        most_waiting: int = MOST_WAITING,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        if not workers and not foreign and not announced:
            raise ValueError("there is no worker")

        def own(url: str) -> Own:
            return Own(replace(account, base_url=url), silence=silence, clock=clock)

        theirs = [ForeignPeer(each, replace(account, base_url=each.url, key=each.key)) for each in foreign]
        self.clock = clock
        self.spill_after = spill_after
        self.listens = announced
        self.dispatch = Dispatch([*map(own, workers), *theirs], own, clock, most_waiting, patience)
        self.roster = self.dispatch.roster
        self._brought_down: dict[str, list[str]] = {}

    async def generate(self, call: Call) -> Answer:
        """Waits for its turn at the worker that will be done first; raises ProviderError, `NotBegun` where its deadline
        comes before its turn.
        """
        return await self._give(call, None)

    async def generate_watched(self, call: Call, watch: Watch) -> Answer:
        """Like `generate`, and every step is told. A call that goes to a next worker begins anew there, for all to see.

        Whoever cancels this closes the connection, and the worker stops at its next step.
        """
        return await self._give(call, watch)

    def start(self) -> None:
        """Workers are asked how they are from now on. Until then each is taken for one that has every model."""
        self.roster.start()

    def announced(self, urls: Sequence[str]) -> None:
        """All workers that announce themselves now."""
        self.roster.announced(urls)

    def lacks(self, upstream: str) -> str | None:
        """Why no worker can draw this model; None where one can, or could a moment ago."""
        now = self.clock()
        if any(worker.draws_soon(upstream, now) for worker in self.roster.workers.values()):
            return None
        those = [each for each in self.roster.workers.values() if each.status is not None and each.draws(upstream)]
        loading = next((each.told.loading for each in those if each.state == "loading"), None)
        if loading is not None:
            return f"the worker that draws it is not ready yet: {loading}"
        return f"no worker draws it now ({', '.join(sorted({each.state for each in those})) or 'none has it'})"

    def declines(self, call: Call) -> Declined | None:
        """Where somebody else can be asked: no worker is there, the line is full, or the wait would be too long."""
        waiting = Waiting(call)
        if not self.dispatch.workers_for(waiting):
            return Declined("away", self.dispatch.nobody(waiting).message)
        if len(self.dispatch.line) >= self.dispatch.most_waiting:
            return Declined("full", f"{self.dispatch.most_waiting} calls wait for its workers already")
        wait = self.dispatch.wait_of(waiting) if self.spill_after is not None else None
        if wait is None or self.spill_after is None or wait <= self.spill_after:
            return None
        told = f"the predicted wait for a worker is {wait:.0f} s, longer than spill_after = {self.spill_after:g}"
        return Declined("spilled", told)

    def in_line(self, request: str) -> int:
        return len(self.dispatch.places_of(request))

    def hurry(self, request: str) -> None:
        self.dispatch.hurry(request)

    def standing(self) -> LineStanding:
        return shown.standing(self.dispatch)

    def rows(self) -> list[Json]:
        return shown.rows(self.dispatch)

    async def close(self) -> None:
        await self.dispatch.close()

    async def _give(self, call: Call, watch: Watch | None) -> Answer:
        """What a call has brought down counts on when it is tried again, under the same id."""
        waiting = Waiting(call, avoid=self._brought_down.pop(call.id, []))
        try:
            return await self._drawn(waiting, watch)
        except ProviderError as error:
            if waiting.avoid and error.again:
                self._brought_down[call.id] = waiting.avoid
                if len(self._brought_down) > REMEMBERED_CALLS:
                    del self._brought_down[next(iter(self._brought_down))]
            raise

    async def _drawn(self, waiting: Waiting, watch: Watch | None) -> Answer:
        call, place = waiting.call, self.dispatch.enter(waiting)
        while True:
            worker, sent = await self.dispatch.turn(place)
            drawn = False
            try:
                async with worker.while_there():
                    answer = await worker.peer.ask(call, watch)
                drawn = True
                return answer
            except ProviderError as error:
                if not self._goes_on(waiting, worker, error):
                    raise
                place.kind = (call.upstream, call.id)  # what it now avoids holds up nobody else
            finally:
                self.dispatch.leave(worker, sent, drawn=drawn)

    def _goes_on(self, waiting: Waiting, worker: Worker, error: ProviderError) -> bool:
        """Whether the call that ended so may be given to another worker; this one is left alone for a while.

        Raises GaveUp where it has had enough of them.
        """
        rest = error.retry_after
        if isinstance(error, Lost | Overwhelmed):
            self.roster.losses += isinstance(error, Lost)
            rest = LOST_REST_SECONDS
            waiting.avoid.append(worker.url)
            goes_on = True
        elif error.kind in (Kind.BUSY, Kind.RATE):
            waiting.refusals += 1
            goes_on = waiting.refusals < MAX_REFUSALS
        else:
            return False
        worker.rest(self.clock(), rest)
        if len(waiting.avoid) >= MAX_LOSSES:
            raise GaveUp(error.kind, error.message, provider="local", status=error.status) from error
        waiting.refusal = error
        return goes_on
