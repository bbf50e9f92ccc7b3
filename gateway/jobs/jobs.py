"""The jobs of one process: taken on, joined, resumed, cancelled, and handed over at the end."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from functools import partial

import structlog

from gateway.errors import Overloaded
from gateway.flow.candidates import candidates
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.jobs.account import new_account
from gateway.jobs.addresses import check_address
from gateway.jobs.asked_again import AskedAgain, Joined, under_its_key
from gateway.jobs.kept_sources import KeptSources
from gateway.jobs.links import Links
from gateway.jobs.manner import Manner
from gateway.jobs.new_job import accepted_at, new_job
from gateway.jobs.record import JobRecord
from gateway.jobs.resumed import resumed
from gateway.jobs.running import Running
from gateway.jobs.stored_order import body_hash, traceparent_of
from gateway.jobs.uploads import check_endpoint
from gateway.store.database import Database, DatabaseError
from gateway.store.entries import Lease, LeaseLost
from gateway.store.jobs import (
    JobRow,
    ask_to_cancel,
    mark_gone,
)
from gateway.store.journal_rows import FIRST_ATTEMPT
from gateway.store.pictures import PictureStoreError
from gateway.store.processes import queue_length, release, take_this
from gateway.tenancy.limiter import Admitted
from normalizers.plan import Plan
from providers.guard import Guard

log = structlog.stdlib.get_logger()

LOOK_SECONDS = 0.1  # between two looks, at the end, at what can be handed over by now
DATABASE_AWAY = "the database, which holds the jobs, does not answer; nothing was started, try again in a moment"


class Jobs:
    """`owner` is this process's name among those that share the database; `guard` is asked about callers' addresses."""

    def __init__(self, at: Deps, links: Links, database: Database, guard: Guard, owner: str) -> None:
        self.at = at
        self.links = links
        self.database = database
        self.guard = guard
        self.owner = owner
        self.running: dict[str, Running] = {}
        self.asked_again = AskedAgain(database, self.running)
        self.most = at.settings.server.max_in_flight + at.settings.jobs.max_running
        self.ending = False

    @property
    def free(self) -> int:
        """How many more jobs that nobody waits for this process takes on."""
        return 0 if self.ending else max(0, self.at.settings.jobs.max_running - len(self.running))

    async def take(self, order: Order, manner: Manner, resources: ExitStack) -> Running | Joined:
        """The job that a request is; `resources` are its own from here on. Raises a GatewayError."""
        with resources:
            try:
                return await self._take(order, manner, resources)
            except DatabaseError as away:
                raise Overloaded(DATABASE_AWAY) from away
            except PictureStoreError as away:
                raise Overloaded("the place where pictures are kept does not answer; nothing was started") from away

    async def _take(self, order: Order, manner: Manner, resources: ExitStack) -> Running | Joined:
        if len(self.running) >= self.most:
            raise Overloaded(f"{self.most} jobs are running here already; try again in a moment")
        body = body_hash(order)
        joined = await self.asked_again.job(order, manner, body)
        if joined is not None:
            return replace(joined, limits=await self.at.limits.standing(order))
        plans = candidates(order, self.at)
        if manner.at_once:
            await self._check(order, manner, plans[0].n)
        waits = manner.respond_async and not self.free
        if waits:
            await self._check_queue(order)
        admitted = await self.at.limits.admit(order, plans[0], waits=waits)
        async with AsyncExitStack() as unless_taken:
            unless_taken.push_async_callback(self.at.limits.undo, admitted)
            order, record = self._recorded(order, manner, body, owner=None if waits else self.owner)
            if manner.at_once or manner.resent:
                written = await record.open(whole=manner.at_once)
                if written.existing is not None:
                    joined = under_its_key(written.existing, written.existing_body, body)
                    return replace(joined, limits=admitted.headers)
            unless_taken.pop_all()
        if waits:
            return Joined(order.id, limits=admitted.headers)
        resources.callback(self._leave, admitted, record)
        body_to_find = None if manner.idempotency_key else body
        running = self._run(order, record, resources.pop_all(), plans=plans, body=body_to_find)
        running.limits = admitted.headers
        return running

    def _leave(self, admitted: Admitted, record: JobRecord) -> None:
        """Its places within the limits are free, unless another process goes on with the job."""
        self.at.limits.end(admitted, lost=record.lost)

    async def _check(self, order: Order, manner: Manner, images: int) -> None:
        """What is wrong is said before anything is promised, or written down. Raises a GatewayError."""
        if manner.webhook_url is not None:
            await check_address(manner.webhook_url, "webhook_url", self.guard)
        if manner.upload_endpoint is not None:
            await check_endpoint(manner.upload_endpoint, images, self.guard, keep=order.options.keep)

    async def _check_queue(self, order: Order) -> None:
        """Raises Overloaded where the request cannot wait for a process with room."""
        if len(order.sent) and not order.options.keep:
            told = "as many jobs as it may run; the pictures of one that waits would have to be kept ([storage] keep)"
            raise Overloaded(f"the gateway has {told}; try again in a moment")
        if await self.database.read(queue_length) >= self.at.settings.jobs.max_queued:
            raise Overloaded("too many jobs are waiting already; try again in a moment")

    def _recorded(self, order: Order, manner: Manner, body: str, *, owner: str | None) -> tuple[Order, JobRecord]:
        created = accepted_at(order)
        traceparent = self.at.telemetry.tracing.traceparent()
        new = partial(new_job, order, manner, body, created, owner=owner, traceparent=traceparent)
        account = new_account(order.caller.budgets, created)
        lease = Lease(self.owner, FIRST_ATTEMPT)
        record = JobRecord(self.links, lease=lease, job=order.id, team=order.caller.team, new=new, account=account)
        record.watched = manner.watched
        record.waited_for = not manner.respond_async
        record.order = order
        if order.options.keep and len(order.sent):
            record.sources = KeptSources(order, self.at.pictures)
        return replace(order, record=record), record

    def _run(
        self,
        order: Order,
        record: JobRecord,
        resources: ExitStack,
        *,
        plans: Sequence[Plan] | None = None,
        body: str | None = None,
    ) -> Running:
        running = self.running[order.id] = Running(order, record, self.at, resources, plans=plans, body=body)
        running.task.add_done_callback(lambda _task: self.running.pop(order.id, None))
        return running

    async def cancel(self, id: str) -> None:
        """If it runs here, or waits for somebody to run it, it ends here. Raises DatabaseError."""
        running = self.running.get(id)
        if running is not None:
            running.cancel()
            return
        row = await self.database.write(take_this, self.owner, id)
        if row is not None:
            await self.resume(row)

    async def left(self, running: Running, *, cancel: bool) -> None:
        """A caller of the job has hung up. A request that he sends again finds it: it is written down for that.

        `cancel`: he wanted it cancelled then, which is done if nobody else waits for it.
        """
        if running.present > 0 or (running.task.done() and not running.record.opened):
            return
        if cancel:
            running.cancel()
        try:
            if cancel:
                await self.database.write(ask_to_cancel, running.order.caller.team, running.id)
                return
            if not running.record.opened:
                await running.record.open()
            await self.links.journal.flush()
            await self.database.write(mark_gone, [running.id])
        except (DatabaseError, LeaseLost) as away:
            log.info("job_not_marked", request_id=running.id, error=type(away).__name__)

    async def left_elsewhere(self, id: str) -> None:
        """As `left`, of a job that does not run here."""
        try:
            await self.database.write(mark_gone, [id])
        except DatabaseError as away:
            log.info("job_not_marked", request_id=id, error=type(away).__name__)

    async def resume(self, row: JobRow) -> None:
        """Goes on with a job that is this process's from now on. Raises DatabaseError."""
        found = await resumed(row, self.owner, self.links, self.database)
        if found is None:
            self.at.limits.give_up(row.id, row.images, team=row.team, key=row.caller, model=row.model)
        else:
            order, record = found
            resources = ExitStack()
            resources.callback(self._leave, self.at.limits.take_up(order, row.images), record)
            self.at.telemetry.job_resumed()
            tracing = self.at.telemetry.tracing
            before = traceparent_of(row) if tracing.on else None
            with tracing.resumed(row.id, row.attempt, before) as step:
                running = self._run(order, record, resources)
            running.task.add_done_callback(step.end)

    async def close(self) -> None:
        """Jobs whose calls can be found again, or wait for a worker of ours, are handed over; any other call is waited
        for: it may be paid.
        """
        self.ending = True
        while self.running:
            await self._hand_over([each for each in self.running.values() if self._can_be_found(each)])
            if self.running:
                tasks = [each.task for each in self.running.values()]
                await asyncio.wait(tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        await self.links.journal.close()

    def _can_be_found(self, running: Running) -> bool:
        """Whether each of its calls that are out has a ticket, or stands in our own line yet, from which it can go."""
        local, out = self.at.adapters.local, len(running.record.without_ticket)
        return not out or (local is not None and local.in_line(running.id) == out)

    async def _hand_over(self, ready: Sequence[Running]) -> None:
        """At once, not when the last of all jobs here is over; where that fails, their lease runs out."""
        if not ready:
            return
        for running in ready:
            running.let_go()
        await asyncio.wait([running.task for running in ready])
        ids = [running.id for running in ready if running.record.opened]
        try:
            await self.links.journal.flush()
            await self.database.write(release, self.owner, ids)
        except DatabaseError as away:
            log.warning("jobs_not_handed_over", jobs=len(ids), error=str(away))
