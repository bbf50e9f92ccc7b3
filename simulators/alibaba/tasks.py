"""DashScope's tasks: waiting, running, ended one way or another, forgotten. All of it is told with status 200.

Source: Model Studio docs, "Asynchronous task management API", read 2026-11-21. The times' zone is not documented.
"""

import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from simulators.alibaba.errors import FAILED, MODERATED, Failure
from simulators.alibaba.run import SLUG, Run
from simulators.faults import PictureEffect
from simulators.stage import Stage

State = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED"]
TASKS_KEPT = 4_096


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def choices(urls: list[str]) -> list[dict[str, Any]]:
    """All pictures in the one choice, as the documents' newer answers have them."""
    content = [{"image": url} for url in urls]
    return [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}]


def usage(run: Run) -> dict[str, Any]:
    """What was drawn; the newest models have words of their own for it."""
    width, height = run.size
    if run.model.tasks == "messages":
        return {"output_width": width, "output_height": height, "output_image_count": len(run.pictures)}
    return {"image_count": len(run.pictures), "width": width, "height": height}


@dataclass
class Task:
    """One task, and what will come of it."""

    run: Run
    effect: PictureEffect | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    born: float = field(default_factory=time.monotonic)
    submitted: str = field(default_factory=_now)
    state: State = "PENDING"
    looks: int = 0
    ended: float = 0.0

    @property
    def failure(self) -> Failure | None:
        return {"moderated": MODERATED, "failed": FAILED}.get(self.effect or "")

    @property
    def over(self) -> bool:
        return self.state not in ("PENDING", "RUNNING")


class Tasks:
    """The tasks, the newest last."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def add(self, task: Task) -> None:
        """An accepted task is paid, whether or not anybody asks for it; only one that fails is not."""
        self._tasks[task.id] = task
        if task.failure is None:
            self._stage.paid[SLUG] += len(task.run.pictures)
        while len(self._tasks) > TASKS_KEPT:
            self._tasks.popitem(last=False)

    def find(self, task_id: str) -> Task | None:
        """The task as far as time has brought it; None when it is forgotten."""
        task = self._tasks.get(task_id)
        if task is None:
            return None
        self._let_time_pass(task)
        kept = self._stage.pace(SLUG).keep_seconds
        return None if task.over and time.monotonic() >= task.ended + kept else task

    def look(self, task: Task) -> None:
        """Without a pace, the task moves on by one state at each look but the first."""
        task.looks += 1
        if not self._paced() and task.looks > 1 and not task.over:
            self._move(task, running=task.state == "PENDING")

    def cancel(self, task: Task) -> bool:
        """Only what waits can be cancelled; it costs nothing then."""
        if task.state != "PENDING":
            return False
        if task.failure is None:
            self._stage.paid[SLUG] -= len(task.run.pictures)
        task.state, task.ended = "CANCELED", time.monotonic()
        return True

    def told(self, task: Task, origin: str) -> dict[str, Any]:
        """What a poll answers."""
        count = len(task.run.pictures)
        output: dict[str, Any] = {"task_id": task.id, "task_status": task.state, "submit_time": task.submitted}
        if task.state == "CANCELED":
            return {"output": output}
        output["task_metrics"] = {"TOTAL": count, "SUCCEEDED": 0, "FAILED": 0}
        if task.state != "PENDING":
            output["scheduled_time"] = task.submitted
        if task.over:
            output["end_time"] = _now()
        if task.state == "FAILED" and task.failure is not None:
            output["task_metrics"]["FAILED"] = count
            return {"output": output | {"code": task.failure.code, "message": task.failure.message}}
        if task.state != "SUCCEEDED":
            return {"output": output}
        output["task_metrics"]["SUCCEEDED"] = count
        urls = task.run.urls(self._stage, origin, task.effect)
        if task.run.form == "messages":
            return {"output": output | {"finished": True, "choices": choices(urls)}, "usage": usage(task.run)}
        prompts = {"orig_prompt": task.run.asked_prompt, "actual_prompt": task.run.prompt}
        results = [{**prompts, "url": url} for url in urls]
        return {"output": output | {"results": results}, "usage": {"image_count": count}}

    def _paced(self) -> bool:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds > 0 or pace.seconds_per_image > 0

    def _let_time_pass(self, task: Task) -> None:
        if not self._paced() or task.over:
            return
        pace = self._stage.pace(SLUG)
        waited = time.monotonic() - task.born - pace.queue_seconds
        if waited >= 0:
            self._move(task, running=waited < pace.seconds_per_image * len(task.run.pictures))

    def _move(self, task: Task, *, running: bool) -> None:
        if running:
            task.state = "RUNNING"
            return
        task.state = "FAILED" if task.failure else "SUCCEEDED"
        task.ended = time.monotonic()
