"""fal's queue: a job waits, runs, is done, and is forgotten. There is no word for failed: that shows in its result."""

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from simulators.fal.errors import CANCELLED, START_TIMEOUT, Failure
from simulators.fal.run import SLUG, Run
from simulators.faults import PictureEffect
from simulators.stage import Stage

State = Literal["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
JOBS_KEPT = 4_096


@dataclass
class Job:
    """One queued request. `app` is owner/alias: the part of the endpoint that its URLs have."""

    app: str
    run: Run | Failure
    effect: PictureEffect | None
    start_within: float | None  # seconds, the caller's own limit
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    born: float = field(default_factory=time.monotonic)
    state: State = "IN_QUEUE"
    looks: int = 0
    ended: float = 0.0

    @property
    def images(self) -> int:
        return len(self.run.pictures) if isinstance(self.run, Run) else 0


class Queue:
    """The jobs, the newest last."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def add(self, job: Job) -> None:
        """An accepted job will be paid, whether or not anybody asks for its result."""
        self._jobs[job.id] = job
        self._stage.paid[SLUG] += job.images
        while len(self._jobs) > JOBS_KEPT:
            self._jobs.popitem(last=False)

    def find(self, app: str, job_id: str) -> Job | None:
        """The job of that id under that owner/alias, as far as time has brought it; None when it is forgotten."""
        job = self._jobs.get(job_id)
        if job is None or job.app != app:
            return None
        self._let_time_pass(job)
        kept = self._stage.pace(SLUG).keep_seconds
        if job.state == "COMPLETED" and time.monotonic() >= job.ended + kept:
            return None
        return job

    def waiting(self) -> int:
        for job in self._jobs.values():
            self._let_time_pass(job)
        return sum(job.state == "IN_QUEUE" for job in self._jobs.values())

    def position(self, job: Job) -> int:
        """How many wait before it."""
        ahead = 0
        for other in self._jobs.values():
            if other is job:
                break
            ahead += other.state == "IN_QUEUE"
        return ahead

    def look(self, job: Job) -> None:
        """Without a pace, the job moves on by one state at each look but the first."""
        job.looks += 1
        if not self.paced() and job.looks > 1:
            self._move(job, "IN_PROGRESS" if job.state == "IN_QUEUE" else "COMPLETED")

    def cancel(self, job: Job) -> bool:
        """False when it was done already. Work that was begun is not charged."""
        if job.state == "COMPLETED":
            return False
        self._end_unpaid(job, CANCELLED)
        return True

    def _end_unpaid(self, job: Job, failure: Failure) -> None:
        self._stage.paid[SLUG] -= job.images
        job.run = failure
        self._move(job, "COMPLETED")

    def is_over(self, job: Job) -> bool:
        self._let_time_pass(job)
        return job.state == "COMPLETED"

    def seconds_left(self, job: Job) -> float:
        """By the pace of now; 0 without one."""
        pace = self._stage.pace(SLUG)
        return max(0.0, job.born + pace.queue_seconds + pace.seconds_per_image * job.images - time.monotonic())

    def paced(self) -> bool:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds > 0 or pace.seconds_per_image > 0

    def _let_time_pass(self, job: Job) -> None:
        pace = self._stage.pace(SLUG)
        waited = time.monotonic() - job.born
        if not self.paced() or job.state == "COMPLETED":
            return
        if (
            job.state == "IN_QUEUE"
            and job.start_within is not None
            and min(waited, pace.queue_seconds) > job.start_within
        ):
            self._end_unpaid(job, START_TIMEOUT)
        elif waited >= pace.queue_seconds + pace.seconds_per_image * job.images:
            self._move(job, "COMPLETED")
        elif waited >= pace.queue_seconds:
            self._move(job, "IN_PROGRESS")

    def _move(self, job: Job, state: State) -> None:
        if state == "COMPLETED" and job.state != "COMPLETED":
            job.ended = time.monotonic()
        job.state = state
