"""The desk takes commissions: who joins, who waits, who is turned away, what is remembered."""

import asyncio
import logging
import secrets
import time
import uuid
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from workers.device import Device
from workers.engine import SEEDS
from workers.errors import Refusal, broken, busy
from workers.job import Cancelled, Job
from workers.wire import Commission

log = logging.getLogger("easel.worker")

_REMEMBERED_FOR = 300.0  # seconds that a finished job answers again
_REMEMBERED_BYTES = 256 * 2**20
_REMEMBERED_JOBS = 256


class Desk:
    """Runs one job at a time on the device; `waiting` more may stand in line."""

    def __init__(self, device: Device, *, waiting: int) -> None:
        self.device = device
        self.most_waiting = waiting
        self.drawn = 0  # pictures since the start
        self.ready = False
        self.draining = False
        self.running: list[Job] = []
        self._line: deque[Job] = deque()
        self._jobs: dict[str, Job] = {}  # by id, oldest first
        self._work = asyncio.Event()

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def run(self) -> None:
        """Loads the engine, then draws until cancelled. Raises what loading raises."""
        await self.device.load()
        self.ready = True
        while True:
            while not self._line:
                self._work.clear()
                await self._work.wait()
            self.running = [self._line.popleft()]
            try:
                await self._draw(self.running[0])
            finally:
                self.running = []

    def take(self, asked: Commission) -> Job:
        """A job for the commission: the one of the same id if there is one, else a new one.

        Raises `Refusal`: 503 if the line is full or the worker is about to end, 422 for an id used otherwise."""
        self._forget()
        known = self._jobs.get(asked.job_id) if asked.job_id else None
        if known is not None and known.status not in ("cancelled", "failed"):
            if known.asked.fingerprint() != asked.fingerprint():
                message = "This job id was used with another request."
                raise Refusal(message, status=422, param="job_id", code="idempotency_mismatch")
            return known
        if self.draining:
            raise busy("This worker is about to end.", retry_after=1)
        if self.waiting + len(self.running) > self.most_waiting:
            raise busy("This worker's queue is full.", retry_after=1)
        first = asked.drawing.seed if asked.seeded else secrets.randbelow(SEEDS)
        job = Job(asked.job_id or f"job_{uuid.uuid4().hex}", asked, asked.seeds(first))
        self._jobs.pop(job.id, None)
        self._jobs[job.id] = job
        self._line.append(job)
        self._work.set()
        return job

    @asynccontextmanager
    async def following(self, job: Job) -> AsyncGenerator[None]:
        """While it lasts, somebody wants the job; it is cancelled when the last one leaves before its last picture."""
        job.followers += 1
        try:
            yield
        finally:
            job.followers -= 1
            if job.followers == 0:
                if job.over:
                    job.forget_partials()
                elif not job.complete:
                    self._cancel(job)

    def cancel(self, id: str) -> Job | None:
        """Cancels the job if it is not over; None if there is none of that id."""
        job = self._jobs.get(id)
        if job is not None and not job.over:
            self._cancel(job)
        return job

    def cancel_all(self) -> None:
        for id in list(self._jobs):
            self.cancel(id)

    def _cancel(self, job: Job) -> None:
        job.cancel()
        if job in self._line:
            self._line.remove(job)

    async def _draw(self, job: Job) -> None:
        job.status = "running"
        encodings: list[asyncio.Future[None]] = []
        try:
            for index in range(len(job.seeds)):
                if job.token.cancelled:
                    raise Cancelled
                encodings.append(await self.device.draw(job, index))
            await asyncio.gather(*encodings)
        except Cancelled:
            job.cancel()
        except Exception:  # an engine may fail in any way; the worker lives
            log.exception("job %s failed", job.id)
            job.finish("failed", broken())
        else:
            self.drawn += len(job.pictures)
            job.finish("succeeded")
        finally:
            for encoding in encodings:
                encoding.cancel()
        if job.followers == 0:
            job.forget_partials()

    def _forget(self) -> None:
        """Old answers go, and the oldest while there are too many or they weigh too much."""
        now = time.monotonic()
        over = [job for job in self._jobs.values() if job.over]
        weight = sum(job.weight() for job in over)
        for number, job in enumerate(over):
            old = job.finished_at is not None and now - job.finished_at > _REMEMBERED_FOR
            if old or weight > _REMEMBERED_BYTES or len(over) - number > _REMEMBERED_JOBS:
                weight -= job.weight()
                del self._jobs[job.id]
