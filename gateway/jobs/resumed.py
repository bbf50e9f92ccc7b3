"""A job that another process has begun, or that has waited for one: made ready to run here."""

import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from gateway.errors import GatewayError, ProviderFailed
from gateway.flow.candidates import candidates
from gateway.flow.order import Order
from gateway.flow.record import Before, Unrecorded
from gateway.jobs.account import account_of
from gateway.jobs.answers import packed_error
from gateway.jobs.before import before_of
from gateway.jobs.links import Links
from gateway.jobs.record import JobRecord
from gateway.jobs.stored_order import NotRunnable, fields_of, unpack
from gateway.store.database import Database, DatabaseError
from gateway.store.entries import CallRow, Finish, Lease, LeaseLost, PictureRow
from gateway.store.jobs import JobRow, left_behind
from gateway.store.pictures import PictureStoreError
from gateway.store.processes import MOST_DEATHS, release
from gateway.tenancy.callers import caller_again

log = structlog.stdlib.get_logger()

# However long nobody looked after a job: what it has sent is asked about for so long at least, because it may be paid.
LAST_LOOK_SECONDS = 60.0


async def resumed(row: JobRow, owner: str, links: Links, database: Database) -> tuple[Order, JobRecord] | None:
    """None where it cannot be run: it is ended then, or left to others. Raises DatabaseError."""
    left = await database.read(left_behind, row.id)
    caller = await caller_again(database, row.team, row.caller)
    before = known_before(row, left)
    lease = Lease(owner, row.attempt)
    record = JobRecord(links, lease=lease, job=row.id, team=row.team, before=before)
    record.watched = True
    record.waited_for = False
    record.fields = fields_of(row)
    if row.cancelling:
        record.stop.give()
    if before is None and left[0]:
        await give_up(record, None, "what was kept of its calls cannot be read", paid=True)
        return None
    try:
        if row.deaths >= MOST_DEATHS:
            raise NotRunnable(f"{row.deaths} gateways ended while they worked on it, perhaps because of it")
        order = await unpack(row, caller, record, links.at)
        if before is not None and before.open:
            candidates(order, links.at)
            order = replace(order, deadline=max(order.deadline, time.monotonic() + LAST_LOOK_SECONDS))
    except PictureStoreError:
        await database.write(release, owner, [row.id])
        return None
    except DatabaseError:
        raise
    except (NotRunnable, GatewayError) as wrong:
        await give_up(record, before, str(wrong))
        return None
    except Exception as fault:
        log.error("fault", request_id=row.id, error=type(fault).__name__, exc_info=fault)
        await give_up(record, before, "what was kept of the request cannot be read")
        return None
    record.order = replace(order, record=Unrecorded())
    record.account = account_of(order.caller.budgets, row.created, row.held_micros, left[0])
    log.info("job_resumed", request_id=row.id, attempt=row.attempt, calls=before.calls if before else 0)
    return order, record


def known_before(row: JobRow, left: tuple[Sequence[CallRow], Sequence[PictureRow]]) -> Before | None:
    """None as well for what cannot be read, such as what a later version has written."""
    try:
        return before_of(*left)
    except Exception as fault:
        log.error("fault", request_id=row.id, error=type(fault).__name__, exc_info=fault)
        return None


async def give_up(record: JobRecord, before: Before | None, why: str, *, paid: bool = False) -> None:
    """A job that can no longer be run. What it has sent may have been paid. Raises DatabaseError."""
    paid = paid or (before is not None and bool(before.open or before.pictures or before.lost))
    told = "; what it has sent may have been paid" if paid else ""
    error = ProviderFailed(f"the gateway that ran this job ended, and another cannot go on: {why}{told}", paid=paid)
    for opened in before.open if before is not None else ():
        record.ended(opened.sent, "unknown", reason=f"lost: {why}")
    made = record.kept
    try:
        await record.finish(Finish("failed", time.time(), error=packed_error(error, made), leftover=bool(made)))
    except LeaseLost:
        log.info("job_taken_away", request_id=record.job)
