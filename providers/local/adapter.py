"""GPU workers of one's own: a call waits here until one of them has room for it, and is drawn again if it dies.

Local work costs no money, so a call whose worker dies under it is given to the next one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from providers.abilities import Declined, LineStanding
from providers.account import Account
from providers.base import Answer, Call, Json, Watch
from providers.errors import ProviderError
from providers.local import shown
from providers.local.casualties import Casualties, goes_on
from providers.local.declining import declined, expected, lacking
from providers.local.dispatch import MOST_WAITING, PATIENCE, Dispatch, Waiting
from providers.local.foreign import Foreign
from providers.local.foreign_peer import ForeignPeer
from providers.local.own import Own
from providers.local.streaming import SILENCE_SECONDS


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
        self._casualties = Casualties()

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
        return lacking(self.roster, upstream, self.clock())

    def expects(self, upstream: str) -> bool:
        """Whether a worker is loading that draws this model, or may."""
        return expected(self.roster, upstream) is not None

    def declines(self, call: Call) -> Declined | None:
        """Where somebody else can be asked: no worker is there, the line is full, or the wait would be too long."""
        return declined(self.dispatch, call, self.spill_after)

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
        waiting = Waiting(call, avoid=self._casualties.take(call.id))
        try:
            return await self._drawn(waiting, watch)
        except ProviderError as error:
            if error.again:
                self._casualties.keep(call.id, waiting.avoid)
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
                if not goes_on(waiting, worker, error, self.roster, self.clock()):
                    raise
                place.kind = (call.upstream, call.id)  # what it now avoids holds up nobody else
            finally:
                self.dispatch.leave(worker, sent, drawn=drawn)
