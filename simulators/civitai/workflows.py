"""A workflow's life: unassigned, preparing, scheduled, processing, and then one of four ends that it never leaves.

Source: Civitai developer docs, Workflows, Results and Errors & retries, and the orchestrator's OpenAPI document, read
2026-11-21. Failed workflows are refunded, as observed. For those that are cancelled nothing is written: what was not
begun is refunded here.
"""

import asyncio
import itertools
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from simulators.civitai.blobs import SLUG, Blobs
from simulators.civitai.buzz import cost_of
from simulators.civitai.template import Asked
from simulators.drawing import Format, Picture, spoilt
from simulators.faults import PictureEffect, flaw_of
from simulators.stage import Stage

CUT = 100.0  # seconds; no request is held open longer
SLICE = 0.02  # seconds between two looks at a workflow that is waited for
WORKFLOWS_KEPT = 4_096
USER = 1234567

Status = Literal["unassigned", "preparing", "scheduled", "processing", "succeeded", "failed", "expired", "canceled"]
LIVE: tuple[Status, ...] = ("unassigned", "preparing", "scheduled", "processing")
FORMATS: dict[str, Format] = {"jpeg": "jpeg", "png": "png", "webP": "webp"}

_serial = itertools.count(1)


@dataclass
class Workflow:
    """One submission that was taken. `effect` is what a fault does to it, `blob_ids` name its pictures."""

    asked: Asked
    effect: PictureEffect | None
    pictures: tuple[Picture, ...]
    cost: dict[str, Any]
    id: str = field(default_factory=lambda: f"{USER}-{datetime.now(UTC):%Y%m%d%H%M%S}{next(_serial):03d}")
    job: str = field(default_factory=lambda: secrets.token_hex(16))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    born: float = field(default_factory=time.monotonic)
    status: Status = "unassigned"
    paid: bool = False

    @property
    def over(self) -> bool:
        return self.status not in LIVE

    @property
    def begun(self) -> bool:
        return self.status not in LIVE[:3]

    @property
    def typical(self) -> float:
        """The seconds that it takes, by the docs."""
        return self.asked.input.typical * max(1, self.asked.input.quantity)

    def blob_id(self, place: int) -> str:
        word = self.asked.input.outputFormat
        return f"{self.job}-{place}.{'jpg' if word == 'jpeg' else word.lower()}"


def begin(asked: Asked, effect: PictureEffect | None, blobs: Blobs) -> Workflow:
    """Each picture of a batch has another seed: the one asked for and those after it, or random ones."""
    given = asked.input
    first: int | None = getattr(given, "seed", None)
    if first is None:
        first = secrets.randbelow(2**31)
    flaw = flaw_of(effect)
    pictures = tuple(
        Picture(
            prompt=given.prompt,
            seed=first + place,
            index=0,
            width=asked.size[0],
            height=asked.size[1],
            format=FORMATS[given.outputFormat],
            source=repr(given.sources) if given.sources else "",
        )
        for place in range(given.quantity)
    )
    if flaw is not None and flaw != "nsfw":
        pictures = tuple(spoilt(picture, flaw) for picture in pictures)
    workflow = Workflow(asked, effect, pictures, cost_of(given, asked.size))
    for place, picture in enumerate(pictures):
        blobs.add(picture, workflow.blob_id(place))
    return workflow


class Workflows:
    """All workflows, the newest last."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._kept: OrderedDict[str, Workflow] = OrderedDict()
        self._by_external: dict[str, Workflow] = {}

    def add(self, workflow: Workflow, *, preview: bool = False) -> None:
        """What is accepted is paid at once. A preview is neither paid nor kept, but holds its externalId as well."""
        if workflow.asked.template.externalId is not None:
            self._by_external[workflow.asked.template.externalId] = workflow
        if preview:
            return
        self._kept[workflow.id] = workflow
        workflow.paid = True
        self._stage.paid[SLUG] += len(workflow.pictures)
        while len(self._kept) > WORKFLOWS_KEPT:
            self._kept.popitem(last=False)

    def find(self, workflow_id: str) -> Workflow | None:
        """As far as time has brought it."""
        workflow = self._kept.get(workflow_id)
        if workflow is not None:
            self._let_time_pass(workflow)
        return workflow

    def again(self, external_id: str | None) -> Workflow | None:
        """The earlier workflow of that externalId."""
        return self._by_external.get(external_id) if external_id is not None else None

    def newest(self) -> Iterator[Workflow]:
        return reversed(self._kept.values())

    def forget(self, workflow: Workflow) -> None:
        self._kept.pop(workflow.id, None)

    def will_end(self, workflow: Workflow, wait: float) -> bool:
        """Whether a look with that wait would see the end."""
        if workflow.over:
            return True
        if not self._paced():
            return workflow.status == "processing" or min(wait, CUT) >= workflow.typical
        return self._left(workflow) <= min(wait, CUT) * self._second(workflow)

    async def hold(self, workflow: Workflow, wait: float) -> None:
        """Keeps a request open until the workflow is over or so many of its seconds have gone by, at most `CUT`.

        A second of a wait is as much of a real one as the pace makes of the time that the docs name. Without a pace
        no clock runs: a wait of at least that time sees the end.
        """
        until = time.monotonic() + min(wait, CUT) * self._second(workflow)
        while self._paced() and not workflow.over and time.monotonic() < until:
            await asyncio.sleep(min(SLICE, max(0.0, until - time.monotonic()), self._left(workflow)))
            self._let_time_pass(workflow)
        if not self._paced() and not workflow.over and min(wait, CUT) >= workflow.typical:
            self._end(workflow)

    def look(self, workflow: Workflow) -> None:
        """Without a pace, it moves on by one state at each look."""
        if workflow.over or self._paced():
            return
        if workflow.status == "processing":
            self._end(workflow)
        else:
            workflow.status = LIVE[LIVE.index(workflow.status) + 1]

    def schedule(self, workflow: Workflow) -> None:
        """Without a pace, a submission whose wait was too short sees it scheduled."""
        if not workflow.over and not self._paced():
            workflow.status = "scheduled"

    def cancel(self, workflow: Workflow) -> bool:
        """False for one that is over, which stays as it is."""
        if workflow.over:
            return False
        if not workflow.begun:
            self.refund(workflow)
        workflow.status = "canceled"
        return True

    def refund(self, workflow: Workflow) -> None:
        if workflow.paid:
            workflow.paid = False
            self._stage.paid[SLUG] -= len(workflow.pictures)

    def fail(self, workflow: Workflow, effect: PictureEffect) -> None:
        """As if it had never succeeded."""
        workflow.effect = effect
        self._end(workflow)

    def _end(self, workflow: Workflow) -> None:
        failed = workflow.effect in ("moderated", "failed")
        workflow.status = "failed" if failed else "succeeded"
        if failed:
            self.refund(workflow)

    def _paced(self) -> bool:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds > 0 or pace.seconds_per_image > 0

    def _seconds(self, workflow: Workflow) -> float:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds + pace.seconds_per_image * len(workflow.pictures)

    def _second(self, workflow: Workflow) -> float:
        return min(1.0, self._seconds(workflow) / workflow.typical)

    def _left(self, workflow: Workflow) -> float:
        return max(0.0, self._seconds(workflow) - (time.monotonic() - workflow.born))

    def _let_time_pass(self, workflow: Workflow) -> None:
        if workflow.over or not self._paced():
            return
        age, queued = time.monotonic() - workflow.born, self._stage.pace(SLUG).queue_seconds
        if age >= self._seconds(workflow):
            self._end(workflow)
        else:
            workflow.status = "processing" if age >= queued else LIVE[int(3 * age / queued)]
