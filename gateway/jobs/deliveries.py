"""The loop that delivers: what is due is claimed, tried, and what came of it written down.

It looks when it is told to, when something comes due, and every few seconds for what others left behind. A process
that is killed loses nothing: what it had claimed comes due again.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

import structlog

from gateway.jobs.tries import Outcome, Sender, next_try
from gateway.store.database import Database, DatabaseError
from gateway.store.deliveries import Claim, Tried, claim_due, give_back, origin_of, settle
from gateway.store.entries import DeliveryKind
from gateway.telemetry import Telemetry

log = structlog.stdlib.get_logger()
JITTER = Random()  # noqa: S311 - spreads what is repeated, guards nothing

AT_ONCE = 32
POLL_SECONDS = 5.0
PATIENCE = 5.0  # seconds for what is being sent when the gateway is to end
MARGIN = 5.0  # seconds of a claim that are left for writing down what came of it
HOLD: Mapping[DeliveryKind, float] = {"webhook": 30.0, "upload": 90.0}  # longer than a try and the margin


class Deliveries:
    """Sends with `senders`, one for each kind. `clock` gives Unix seconds."""

    def __init__(
        self,
        database: Database,
        senders: Mapping[DeliveryKind, Sender],
        telemetry: Telemetry,
        *,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._senders = senders
        self._telemetry = telemetry
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._woken = asyncio.Event()
        self._running: dict[asyncio.Task[None], Claim] = {}
        self._loop: asyncio.Task[None] | None = None
        self._ending = False

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="deliveries")

    def wake(self) -> None:
        """Something may be due: deliveries were written, or sent anew."""
        self._woken.set()

    async def close(self) -> None:
        """Claims nothing more, waits a moment for what is being sent, and gives the rest back."""
        self._ending = True
        self.wake()
        if self._loop is not None:
            await self._loop
        if self._running:
            await asyncio.wait(self._running, timeout=PATIENCE)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            with contextlib.suppress(DatabaseError):  # they come due again by themselves, only later
                await self._database.write(give_back, list(left.values()), self._clock())

    async def _run(self) -> None:
        while not self._ending:
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(await self._look()):
                    await self._woken.wait()

    async def _look(self) -> float:
        """Begins to try what is due; after how many seconds to look again, if nobody asks for it before."""
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return self._poll_seconds  # whatever ends makes room, and wakes
        now = self._clock()
        busy = Counter(origin_of(claim.url) for claim in self._running.values())
        try:
            claims, following = await self._database.write(claim_due, now, room, HOLD, busy)
        except DatabaseError as error:
            log.warning("deliveries cannot be read", wrong=str(error))
            return self._poll_seconds
        for claim in claims:
            task = asyncio.create_task(self._try(claim), name=f"delivery {claim.id}")
            self._running[task] = claim
            task.add_done_callback(self._ended)
        return min(self._poll_seconds, following - now) if following is not None else self._poll_seconds

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self.wake()

    async def _try(self, claim: Claim) -> None:
        sender = self._senders[claim.kind]
        outcome = await self._outcome(claim, sender)
        now = self._clock()
        again = next_try(outcome, claim.tries, sender.delays, now, JITTER.random())
        word = "delivered" if outcome.error is None else "failed" if again is None else "again"
        self._telemetry.tried(claim.kind, word)
        log.info(
            "delivery",
            id=claim.id,
            job=claim.job,
            kind=claim.kind,
            outcome=word,
            status=outcome.status,
            tries=claim.tries,
        )
        await self._settle(claim, Tried(now, outcome.status, outcome.error, again))

    async def _outcome(self, claim: Claim, sender: Sender) -> Outcome:
        """A fault of ours is a failed try like others: otherwise it would be met again and again, for ever."""
        try:
            async with asyncio.timeout(HOLD[claim.kind] - MARGIN):
                return await sender.send(claim)
        except TimeoutError:
            return Outcome(error="it could not be sent in time")
        except DatabaseError:
            return Outcome(error="the gateway's database did not answer")
        except Exception:
            log.exception("a delivery failed by a fault of the gateway", id=claim.id)
            return Outcome(error="a fault of the gateway")

    async def _settle(self, claim: Claim, tried: Tried) -> None:
        """A result that cannot be written is lost: then it is delivered once more, under its id."""
        while True:
            try:
                await self._database.write(settle, claim, tried)
            except DatabaseError:
                if self._clock() + 1 > claim.due:
                    log.warning("what came of a delivery could not be written down", id=claim.id)
                    return
                await asyncio.sleep(1)
            else:
                return
