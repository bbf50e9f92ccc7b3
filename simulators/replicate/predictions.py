"""A prediction's life: it starts, runs and ends in one of four ways; an hour later its data are removed.

Source: Replicate docs, Prediction lifecycle and Data retention, read 2026-11-21.
"""

import base64
import itertools
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from simulators.drawing import Picture, as_format, spoilt
from simulators.faults import PictureEffect, flaw_of
from simulators.inputs import InputPicture, Kept
from simulators.replicate.errors import FAILED, MODERATED, NSFW, UNREADABLE
from simulators.replicate.models import Model
from simulators.replicate.schema import filled
from simulators.replicate.source import Unreadable, digest, read_pictures
from simulators.stage import Stage

SLUG = "replicate"
PREDICTIONS_KEPT = 4_096
Status = Literal["starting", "processing", "succeeded", "failed", "canceled", "aborted"]
OVER: tuple[Status, ...] = ("succeeded", "failed", "canceled", "aborted")


@dataclass
class Prediction:
    """One run. `cancel_after` is in seconds from its creation; `error` is how it will end, or None when it succeeds."""

    model: Model
    input: dict[str, Any]
    pictures: tuple[Picture, ...]
    error: str | None
    born: float
    cancel_after: float | None = None
    id: str = field(default_factory=lambda: base64.b32encode(secrets.token_bytes(17)).decode().lower()[:26])
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: Status = "starting"
    drawn: bool = False  # the output is there; the status may lag behind
    ended: float = 0.0

    @property
    def over(self) -> bool:
        return self.status in OVER


async def begin(
    model: Model, given: dict[str, Any], effect: PictureEffect | None, *, born: float, kept: Kept
) -> Prediction:
    """A prediction for an input that fits the model's schema; `kept` knows the files that were uploaded."""
    asked = filled(model.input, given)
    match effect:
        case "moderated":
            pictures, error = (), MODERATED
        case "failed":
            pictures, error = (), FAILED
        case _:
            try:
                sources = await read_pictures(model.input, given, kept)
                pictures, error = _pictures(model, asked, sources, effect), None
            except Unreadable as wrong:
                pictures, error = (), str(wrong)
            except ValueError:
                pictures, error = (), UNREADABLE
    if effect in ("nsfw", "nsfw_one"):
        pictures = pictures[1:]  # the one that was flagged is left out, and the rest succeeds
        error = None if pictures else NSFW
    return Prediction(model, given, pictures, error, born)


def _pictures(
    model: Model, asked: dict[str, Any], sources: Sequence[InputPicture], effect: PictureEffect | None
) -> tuple[Picture, ...]:
    width, height = model.size(asked, [source.size for source in sources])
    if not 0 < width * height <= 2048 * 2048:
        raise ValueError("no such size")
    seed: int | None = asked["seed"]
    if seed is None:
        seed = secrets.randbelow(2**31)
    word = str(asked.get("output_format", "png")).replace("jpg", "jpeg")
    pictures = tuple(
        Picture(
            prompt=asked["prompt"],
            seed=seed,
            index=index,
            width=width,
            height=height,
            format=as_format(word) or "png",
            quality=asked.get("output_quality") or 80,
            source=digest(sources),
        )
        for index in range(asked.get("num_outputs", 1))
    )
    if effect == "empty":
        return ()
    flaw = flaw_of(effect)
    return tuple(spoilt(picture, flaw) for picture in pictures) if flaw and flaw != "nsfw" else pictures


class Predictions:
    """All predictions, the newest last."""

    def __init__(self, stage: Stage, clock: Callable[[], float] = time.monotonic) -> None:
        self._stage = stage
        self._clock = clock
        self._kept: OrderedDict[str, Prediction] = OrderedDict()

    def now(self) -> float:
        return self._clock()

    def add(self, prediction: Prediction) -> None:
        """What was accepted will be paid, whether or not anybody asks for it again."""
        self._kept[prediction.id] = prediction
        self._stage.paid[SLUG] += len(prediction.pictures)
        while len(self._kept) > PREDICTIONS_KEPT:
            self._kept.popitem(last=False)

    def find(self, prediction_id: str) -> Prediction | None:
        """As far as time has brought it."""
        prediction = self._kept.get(prediction_id)
        if prediction is not None:
            self.let_time_pass(prediction)
        return prediction

    def newest(self) -> Iterator[Prediction]:
        for prediction in itertools.islice(reversed(self._kept.values()), 100):
            self.let_time_pass(prediction)
            yield prediction

    def look(self, prediction: Prediction) -> None:
        """Without a pace, it moves on by one state at each look."""
        if not self.paced() and not prediction.over:
            if prediction.status == "starting":
                prediction.status = "processing"
            else:
                self._end(prediction)

    def draw_at_once(self, prediction: Prediction) -> None:
        """Without a pace a wait ends with the output there and the status still `processing`, which it may do."""
        if not prediction.over and prediction.error is None:
            prediction.status, prediction.drawn = "processing", True
        elif not prediction.over:
            self._end(prediction)

    def cancel(self, prediction: Prediction, status: Status = "canceled") -> None:
        """What had not begun is not charged; what is over stays as it is."""
        if prediction.over:
            return
        if prediction.status == "starting":
            self._stage.paid[SLUG] -= len(prediction.pictures)
        prediction.status, prediction.drawn, prediction.ended = status, False, self._clock()

    def is_over(self, prediction: Prediction) -> bool:
        self.let_time_pass(prediction)
        return prediction.over

    def seconds_left(self, prediction: Prediction) -> float:
        """By the pace of now; 0 without one."""
        pace = self._stage.pace(SLUG)
        ends = prediction.born + pace.queue_seconds + pace.seconds_per_image * len(prediction.pictures)
        return max(0.0, ends - self._clock())

    def paced(self) -> bool:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds > 0 or pace.seconds_per_image > 0

    def removed(self, prediction: Prediction) -> bool:
        """Its input and output are gone."""
        return prediction.over and self._clock() >= prediction.ended + self._stage.pace(SLUG).keep_seconds

    def let_time_pass(self, prediction: Prediction) -> None:
        pace = self._stage.pace(SLUG)
        age = self._clock() - prediction.born
        starts = pace.queue_seconds if self.paced() else float("inf")
        ends = starts + pace.seconds_per_image * len(prediction.pictures)
        limit = float("inf") if prediction.cancel_after is None else prediction.cancel_after
        if prediction.status == "starting" and min(age, limit) >= starts:
            prediction.status = "processing"
        if prediction.status == "processing" and min(age, limit) >= ends:
            self._end(prediction)
        if age >= limit:
            self.cancel(prediction, "aborted" if prediction.status == "starting" else "canceled")

    def _end(self, prediction: Prediction) -> None:
        prediction.status = "failed" if prediction.error else "succeeded"
        prediction.drawn = prediction.error is None
        prediction.ended = self._clock()


def stamp(prediction: Prediction, seconds: float) -> str:
    """`2026-01-05T10:00:00.123Z`, so many seconds after the creation."""
    moment = prediction.created + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
