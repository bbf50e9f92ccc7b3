"""A job that this process runs: a task of its own, which goes on whoever waits for it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import structlog

from gateway.errors import GatewayError, InternalError, JobCancelled
from gateway.flow.candidates import candidates
from gateway.flow.deps import Deps
from gateway.flow.hurrying import hurry
from gateway.flow.order import Order
from gateway.flow.pipeline import Served, generate
from gateway.jobs.answers import Told, packed_error, told
from gateway.jobs.new_job import accepted_at
from gateway.jobs.record import JobRecord
from gateway.store.database import DatabaseError
from gateway.store.entries import CachedRow, Finish, LeaseLost
from normalizers.plan import Plan

log = structlog.stdlib.get_logger()

SAVE_SECONDS = 10.0  # how long an answer waits for a database that is away


@dataclass(frozen=True, slots=True)
class Ended:
    """What the job came to."""

    served: Served
    told: Told


class TakenAway(Exception):
    """Another process goes on with the job."""


class Running:
    """`present` is how many callers wait for it; `resources` are given back when it is over.

    `limits` are headers: how those of its caller stood when it was taken on.

    `plans` are those of its candidates, None where they are still to be made. `body` is the hash of its request; None
    where a request sent again finds it otherwise.
    """

    def __init__(
        self,
        order: Order,
        record: JobRecord,
        at: Deps,
        resources: ExitStack,
        *,
        plans: Sequence[Plan] | None = None,
        body: str | None = None,
    ) -> None:
        self.order = order
        self.record = record
        self.present = 0
        self.limits: Mapping[str, str] = {}
        self.body = body
        self._at = at
        self._resources = resources
        self.task = asyncio.ensure_future(self._run(plans))
        self.task.add_done_callback(self._over)

    @property
    def id(self) -> str:
        return self.order.id

    async def wait(self, until: float) -> bool:
        """Whether it is over by then, an instant of `time.monotonic()`."""
        if not self.task.done():
            await asyncio.wait({self.task}, timeout=max(0.0, until - time.monotonic()))
        return self.task.done()

    def outcome(self) -> Ended:
        """Of a job that is over. Raises the GatewayError that it ended in, or TakenAway."""
        if self.task.cancelled():
            raise TakenAway
        return self.task.result()

    def is_same_request(self, team: str, caller: str, body: str) -> bool:
        """One that is cancelled is none that anybody wants to wait for."""
        mine = (self.order.caller.team, self.order.caller.key, self.body)
        return mine == (team, caller, body) and not self.record.stop.wanted

    def cancel(self) -> None:
        """Nothing more is sent, and what runs at a provider is cancelled there."""
        self.record.stop.give()

    def hurry(self) -> None:
        """Somebody waits for it from now on."""
        hurry(self.order, self._at.adapters)

    def let_go(self) -> None:
        """The task ends without a word to anybody: another process will go on with the job."""
        self.record.lost = True
        self.task.cancel()

    async def _run(self, plans: Sequence[Plan] | None) -> Ended:
        try:
            if self.record.stop.given and self.record.before is None:
                raise JobCancelled(self.id, "nothing was sent")
            served = await generate(self.order, plans or candidates(self.order, self._at), self._at)
        except LeaseLost:
            raise TakenAway from None
        except GatewayError as error:
            await self._fail(error)
            raise
        except Exception as fault:
            log.error("fault", request_id=self.id, error=type(fault).__name__, exc_info=fault)
            error = InternalError(f"an error of the gateway's own; its log has more under {self.id}")
            await self._fail(error)
            raise error from None
        if self.record.stop.wanted:
            cost = served.drawn.cost
            cancelled = JobCancelled(self.id, "its pictures were already drawn, and stay with it", cost=cost)
            await self._fail(cancelled)
            raise cancelled
        return await self._succeed(served)

    async def _succeed(self, served: Served) -> Ended:
        ended = Ended(served, told(served, self._at))
        if self.record.opened or served.cache == "shared":
            await self._add_known(served)
            provider, cost = served.plan.offer.provider, served.drawn.cost
            packed = ended.told.packed()
            finish = Finish("succeeded", time.time(), packed, provider=provider, cost_micros=cost)
            await self._save(finish, cached_row(served))
        elif (cached := cached_row(served)) is not None:
            self.record.note(cached)
        return ended

    async def _add_known(self, served: Served) -> None:
        """Pictures that others drew are this job's too: they are not deleted as long as it is there."""
        known = {index: each for index, each in served.drawn.pictures.items() if index not in self.record.made}
        try:
            if known and not self.record.opened:
                await self.record.open()
        except (DatabaseError, LeaseLost) as away:
            log.warning("job_not_written", request_id=self.id, error=type(away).__name__)
        for index, picture in sorted(known.items()):
            self.record.pictured(index, picture, served.plan)

    async def _fail(self, error: GatewayError) -> None:
        """A job of which nothing was sent, and that nobody was promised, leaves no trace.

        Raises TakenAway: whoever has the job now may do better.
        """
        if not self.record.opened:
            return
        made = self.record.kept
        status = "cancelled" if isinstance(error, JobCancelled) else "failed"
        provider = made[0].provider if made else None
        leftover = status == "failed" and any(picture.hash or picture.url for picture in made)
        packed = packed_error(error, made)
        cost = self.record.charges.micros
        finish = Finish(status, time.time(), None, packed, provider=provider, cost_micros=cost, leftover=leftover)
        if not await self._save(finish):
            raise TakenAway

    async def _save(self, finish: Finish, cached: CachedRow | None = None) -> bool:
        """A caller gets what was drawn for him even if it cannot be written down now: the journal goes on trying.

        False where another process goes on with the job.
        """
        try:
            async with asyncio.timeout(SAVE_SECONDS):
                await self.record.finish(finish, cached)
            self._at.telemetry.job_ended(finish.status)
        except LeaseLost:
            log.info("job_taken_away", request_id=self.id)
            return False
        except (DatabaseError, TimeoutError) as away:
            log.warning("job_end_not_written", request_id=self.id, error=str(away))
            self.record.finish_later(finish, cached)
        return True

    def _over(self, task: asyncio.Task[Ended]) -> None:
        self._resources.close()
        if not self.record.opened:  # what still runs for it may begin nothing: nobody would write down the end
            self.record.lost = True
        if not task.cancelled():
            task.exception()  # asked for here, because nobody may be waiting


def cached_row(served: Served) -> CachedRow | None:
    """What of it cost nothing: it was there, or another request drew it."""
    pictures = [picture for picture in served.pictures if picture.cache != "miss"]
    if not pictures:
        return None
    order = served.order
    pixels = sum((picture.width or 0) * (picture.height or 0) for picture in pictures)
    model = order.found.entry.facts.id
    return CachedRow(order.caller.key, model, pictures[0].provider, len(pictures), pixels, accepted_at(order))
