"""Jobs by their ids: those that are here, and for a while those that were, so that the same id gets the same answer."""

import time
from collections.abc import Iterator

from workers.job import Job

_FOR = 300.0  # seconds that a finished job answers again
_BYTES = 256 * 2**20
_JOBS = 256


class Remembered:
    """The jobs of a desk, oldest first."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def get(self, id: str | None) -> Job | None:
        return self._jobs.get(id) if id else None

    def add(self, job: Job) -> None:
        """In the place of another of its id that came to nothing."""
        self._jobs.pop(job.id, None)
        self._jobs[job.id] = job

    def forget(self) -> None:
        """Old answers go, and the oldest while there are too many or they weigh too much."""
        now = time.monotonic()
        over = [job for job in self if job.over]
        weight = sum(job.weight() for job in over)
        for number, job in enumerate(over):
            old = job.finished_at is not None and now - job.finished_at > _FOR
            if old or weight > _BYTES or len(over) - number > _JOBS:
                weight -= job.weight()
                del self._jobs[job.id]
