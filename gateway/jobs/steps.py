"""How far running jobs are, as far as their providers tell: the last step of each is remembered."""

from collections.abc import Mapping
from typing import Any, NamedTuple

MOST_JOBS = 10_000  # one that ended in another process may be forgotten here only so


class Steps(NamedTuple):
    """The last step that was told of, and how many there are."""

    step: int
    steps: int


class LastSteps:
    """By job; the jobs that began longest ago are forgotten first."""

    def __init__(self) -> None:
        self._of: dict[str, Steps] = {}

    def of(self, job: str) -> Steps | None:
        return self._of.get(job)

    def remember(self, job: str, progress: Mapping[str, Any]) -> None:
        """`{"step": 3, "steps": 20}`; anything else is passed over."""
        step, steps = progress.get("step"), progress.get("steps")
        if isinstance(step, int) and isinstance(steps, int):
            self._of[job] = Steps(step, steps)
            if len(self._of) > MOST_JOBS:
                del self._of[next(iter(self._of))]

    def forget(self, job: str) -> None:
        self._of.pop(job, None)
