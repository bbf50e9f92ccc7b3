"""A request that was sent before: which job it is about, by its caller's key or by what it asks for."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import BudgetSpent, IdempotencyMismatch, Overloaded
from gateway.flow.order import Order
from gateway.jobs.answers import Kept
from gateway.jobs.manner import SAME_REQUEST_SECONDS, Manner
from gateway.jobs.running import Running
from gateway.store.database import Database
from gateway.store.idempotency import free_key, holder_of
from gateway.store.jobs import JobRow, find_left, find_resent, read_job, runs_for_another

WORTH_ANOTHER_TRY = frozenset({408, 409, 429, *range(500, 600)})  # as OpenAI's SDKs see it
NOTICED_AFTER = (0.05, 0.1, 0.2)  # seconds between looks for a job whose asker has left


@dataclass(frozen=True, slots=True)
class Joined:
    """A job that this process need not run for this request: it was there before, or waits for room.

    `replayed`: it is that of the request's own idempotency key. `limits` are headers: how those of its caller stand.
    """

    id: str
    replayed: bool = False
    limits: Mapping[str, str] = field(default_factory=dict[str, str])


class AskedAgain:
    """`running` are the jobs of this process."""

    def __init__(self, database: Database, running: Mapping[str, Running]) -> None:
        self._database = database
        self._running = running

    async def job(self, order: Order, manner: Manner, body: str) -> Joined | None:
        """The job that the request is about already, whatever else would be wrong with it by now.

        A key of its own decides that alone; one whose job was never begun, because there was no room, is free again.
        """
        if manner.idempotency_key is None:
            return await self._resent(order, body) if manner.resent else None
        holder = await self._database.read(holder_of, order.caller.team, manner.idempotency_key, time.time())
        if holder is None:
            return None
        joined = under_its_key(holder.job, holder.body, body)
        row = await self._database.read(read_job, holder.job)
        if row is None or not found_no_room(row):
            return joined
        await self._database.write(free_key, holder.job)
        return None

    async def _resent(self, order: Order, body: str) -> Joined | None:
        """The job of an SDK's earlier try; None where there is none, or it failed without having cost anything.

        Two equal ones that run are found by one try each: one whose asker has left before any other, then one that as
        few as possible wait for.
        """
        team, caller = order.caller.team, order.caller.key
        row = await self._asked_before(team, caller, body)
        here = [each for each in self._running.values() if each.is_same_request(team, caller, body)]
        if here and not (row is not None and row.gone):
            return Joined(min(here, key=lambda each: each.present).id)
        return None if row is None or may_run_again(row) else Joined(row.id)

    async def _asked_before(self, team: str, caller: str, body: str) -> JobRow | None:
        """A gateway may notice only now that a connection has broken: a job that still seems to have its asker is
        taken for this one's when a moment has passed.
        """
        since, row = time.time() - SAME_REQUEST_SECONDS, None
        for pause in NOTICED_AFTER:
            row = await self._database.write(find_left, team, caller, body, since)
            if row is not None or not await self._database.read(runs_for_another, team, caller, body):
                break
            await asyncio.sleep(pause)
        return row or await self._database.write(find_resent, team, caller, body, since)


def under_its_key(id: str, its_body: str | None, body: str) -> Joined:
    """Raises IdempotencyMismatch."""
    if its_body != body:
        message = f"it was used for another request ({id}); send a new key with a new request"
        raise IdempotencyMismatch(f"Idempotency-Key: {message}", param="Idempotency-Key")
    return Joined(id, replayed=True)


def may_run_again(row: JobRow) -> bool:
    """It is over, brought nothing, cost nothing, and may go better now."""
    if row.cancelling or row.status == "cancelled":
        return not row.gone  # cancelled because its asker left, who is back
    kept = Kept.of(row)
    if kept is None or kept.error is None or kept.status not in WORTH_ANOTHER_TRY:
        return False
    return kept.headers.get("x-should-retry") != "false" and "x-easel-cost" not in kept.headers


def found_no_room(row: JobRow) -> bool:
    """It is over, and nothing of it was sent: there was no room for it, or no money."""
    kept = Kept.of(row)
    if kept is None or "x-easel-cost" in kept.headers:
        return False
    return kept.status in (Overloaded.status, BudgetSpent.status) and not kept.images
