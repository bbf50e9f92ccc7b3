"""The desk takes commissions: who joins, who waits, who is turned away, and what everybody still waits for."""

import secrets
import uuid
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import ceil

from workers.device import Device
from workers.encoding import Picture
from workers.engine import SEEDS, Resources
from workers.errors import Refusal, busy, draining, explained
from workers.job import Job
from workers.meters import Meters
from workers.remembered import Remembered
from workers.wire import Commission

_LONGEST_RETRY_AFTER = 60  # seconds


class Desk:
    """Has at most `together` jobs take steps on the device at once; `waiting` more may stand in line."""

    def __init__(self, device: Device, meters: Meters, *, together: int, waiting: int) -> None:
        self.device = device
        self.together = together
        self.most_waiting = waiting
        self.drawn = 0  # pictures since the start
        self.ready = False
        self.draining = False
        self.running: list[Job] = []  # begun, and not over
        self._meters = meters
        self._line: deque[Job] = deque()
        self.jobs = Remembered()

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def queue_seconds(self) -> float:
        """What the device has to do for all that was taken and is not finished, as far as one can tell; before it is
        ready one cannot."""
        if not self.ready:
            return 0.0
        seconds = self.device.engine.seconds
        return sum(job.share_left() * seconds(job.asked.drawing) for job in (*self.running, *self._line))

    @property
    def resources(self) -> Resources:
        return self.device.engine.resources() if self.ready else Resources("")

    async def open(self) -> None:
        """Loads the engine, then draws. Raises what loading raises."""
        await self.device.load(self)
        self.ready = True
        self._start()

    def take(self, asked: Commission) -> Job:
        """A job for the commission: the one of the same id if there is one, else a new one.

        Raises `Refusal`: 503 if the line is full or the worker is about to end, 422 for an id used otherwise."""
        self.jobs.forget()
        known = self._known(asked.job_id)
        if known is not None:
            if known.asked.fingerprint() != asked.fingerprint():
                message = "This job id was used with another request."
                raise Refusal(message, status=422, param="job_id", code="idempotency_mismatch")
            return known
        self.check_place(asked.job_id)
        first = asked.drawing.seed if asked.seeded else secrets.randbelow(SEEDS)
        job = Job(asked.job_id or f"job_{uuid.uuid4().hex}", asked, asked.seeds(first))
        self.jobs.add(job)
        self._line.append(job)
        self._start()
        return job

    def check_place(self, job_id: str | None) -> None:
        """Raises `Refusal`, 503, where a job of that id would be turned away."""
        if self._known(job_id) is not None:
            return
        if self.draining:
            raise draining()
        if self.waiting + self._on_device() >= self.most_waiting + self.together:
            raise busy("This worker's queue is full.", retry_after=self._seconds_to_a_place())

    @asynccontextmanager
    async def following(self, job: Job) -> AsyncGenerator[None]:
        """While it lasts, somebody wants the job; it is cancelled when the last one leaves before its end."""
        job.followers += 1
        try:
            yield
        finally:
            job.followers -= 1
            if job.followers == 0:
                if job.over:
                    job.forget_partials()
                else:
                    self._cancel(job)

    def cancel(self, id: str) -> Job | None:
        """Cancels the job if it is not over; None if there is none of that id."""
        job = self.jobs.get(id)
        if job is not None and not job.over:
            self._cancel(job)
        return job

    def drain(self) -> None:
        """Takes no more; who stands in line is handed back at once, so that another worker can begin with it."""
        self.draining = True
        for job in list(self._line):
            self._hand_back(job)

    def hand_back(self) -> None:
        """Gives up whatever is not finished; those who wait for it are told to go elsewhere."""
        self.draining = True
        for job in (*self._line, *self.running):
            self._hand_back(job)

    def left(self, job: Job) -> None:
        job.on_device -= 1
        self._start()

    def finished(self, job: Job, picture: Picture) -> None:
        if job.over:
            return
        self.drawn += 1
        self._meters.pictures.labels(job.asked.drawing.model).inc()
        job.add(picture)
        if job.complete:
            job.finish("succeeded")
            self._over(job)

    def failed(self, job: Job, error: BaseException) -> None:
        """The others of its pictures are not drawn: there is no answer that they could go into."""
        job.stop()
        job.finish("failed", explained(error))
        self._over(job)

    def _known(self, job_id: str | None) -> Job | None:
        """One that came to nothing may be asked for anew."""
        job = self.jobs.get(job_id)
        return None if job is None or job.status in ("cancelled", "failed") else job

    def _cancel(self, job: Job) -> None:
        self._meters.cancelled.inc()
        job.cancel()
        self._over(job)

    def _hand_back(self, job: Job) -> None:
        job.stop()
        job.finish("failed", draining())
        self._over(job)

    def _over(self, job: Job) -> None:
        """It is out of the way."""
        if job in self._line:
            self._line.remove(job)
        if job in self.running:
            self.running.remove(job)
            self.device.look_up()
        if job.followers == 0:
            job.forget_partials()
        self._start()

    def _start(self) -> None:
        while self.ready and not self.draining and self._line and self._on_device() < self.together:
            job = self._line.popleft()
            job.status = "running"
            job.on_device = len(job.seeds)
            self.running.append(job)
            self.device.draw(job)

    def _on_device(self) -> int:
        """Jobs that take steps; one of which the last picture is being decoded leaves its place to the next."""
        return sum(job.on_device > 0 for job in self.running)

    def _seconds_to_a_place(self) -> int:
        each = self.queue_seconds / max(1, self.waiting + len(self.running))
        return min(_LONGEST_RETRY_AFTER, max(1, ceil(each)))
