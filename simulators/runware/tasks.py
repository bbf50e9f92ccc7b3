"""One picture task at Runware: its body checked, its pictures made, its results told as they finish."""

import asyncio
import secrets
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pybase64
from pydantic import ValidationError

from simulators.drawing import Format, Picture, draw, spoilt
from simulators.faults import PictureEffect, flagged, flaw_of
from simulators.inputs import InputPicture
from simulators.runware.errors import FAILED, MODERATED, Complaint, titled
from simulators.runware.models import MODELS, Model
from simulators.runware.pictures import Gallery, Sent, digest, drawn_at
from simulators.stage import Stage

SLUG = "runware"
TASKS_KEPT = 4_096
MEGAPIXEL = 1024 * 1024
_FORMATS: dict[str, Format] = {"JPG": "jpeg", "PNG": "png", "WEBP": "webp"}

State = Literal["processing", "success", "error"]


@dataclass
class Task:
    """A task that was accepted. `failures` holds, by its place, why a result did not come."""

    given: dict[str, Any]
    model: Model
    pictures: tuple[Picture, ...]
    effect: PictureEffect | None
    failures: dict[int, Complaint] = field(default_factory=dict[int, Complaint])
    image_uuids: list[str] = field(default_factory=list[str])
    born: float = field(default_factory=time.monotonic)
    looks: int = 0

    @property
    def uuid(self) -> str:
        return self.given["taskUUID"]

    @property
    def paid(self) -> int:
        """How many of its pictures are billed: those that are made."""
        return len(self.pictures) - len(self.failures)

    def cost(self, picture: Picture) -> float:
        return round(self.model.price * picture.width * picture.height / MEGAPIXEL, 4)

    def fail(self, complaint: Complaint, places: range) -> None:
        for place in places:
            self.failures[place] = complaint

    async def result(self, place: int, stage: Stage, origin: str, effect: PictureEffect | None) -> dict[str, Any]:
        """One result; its picture can be fetched at `origin` from now on, unless it stands in the answer."""
        made, given = self.pictures[place], self.given
        effect = effect or self.effect
        flaw = flaw_of(effect, place)
        picture = spoilt(made, flaw) if flaw else made
        told: dict[str, Any] = {
            "taskType": "imageInference",
            "taskUUID": self.uuid,
            "imageUUID": self.image_uuids[place],
            "seed": made.seed,
        }
        if effect == "empty":
            return {"taskType": "imageInference", "taskUUID": self.uuid}
        if given["outputType"] == "URL":
            told["imageURL"] = f"{origin}/{SLUG}-media/{stage.keep(SLUG, picture)}"
        else:
            content = pybase64.b64encode(await asyncio.to_thread(draw, picture)).decode()
            uri = f"data:{picture.content_type};base64,{content}"
            told |= {"imageBase64Data": content} if given["outputType"] == "base64Data" else {"imageDataURI": uri}
        if given["includeCost"]:
            told["cost"] = self.cost(made)
        if given["safety"]["checkContent"]:
            told["NSFWContent"] = flagged(effect, place)
        return told


async def accept(body: dict[str, Any], effect: PictureEffect | None, gallery: Gallery) -> Task | Complaint:
    """The task of a body that its model takes; nothing is made or paid yet."""
    model = _model(body)
    given = model if isinstance(model, Complaint) else _read(body, model)
    sent = given if isinstance(given, Complaint) else await gallery.read_all(given)
    if isinstance(model, Complaint) or isinstance(given, Complaint) or isinstance(sent, Complaint):
        return next(each for each in (model, given, sent) if isinstance(each, Complaint))
    task = Task(given, model, _pictures(given, sent), effect)
    task.image_uuids = [str(uuid.uuid4()) for _picture in task.pictures]
    if effect in ("moderated", "failed"):
        task.fail(MODERATED if effect == "moderated" else FAILED, range(len(task.pictures)))
    return task


def _model(body: dict[str, Any]) -> Model | Complaint:
    if complaint := unfit_id(body):
        return complaint
    air = body.get("model")
    if not isinstance(air, str):
        return Complaint("missingModel", "model is required.", parameter="model")
    return MODELS.get(air) or Complaint("modelNotFound", "The model was not found.", 404, "model")


def _read(body: dict[str, Any], model: Model) -> dict[str, Any] | Complaint:
    """Every field of the model, an absent one as None or its default."""
    try:
        given = model.input.model_validate(body).model_dump(warnings=False)  # None stands for any type
    except ValidationError as wrong:
        return _refused(wrong)
    if (given["width"] is None) != (given["height"] is None):
        return Complaint("incompatibleParameters", "Give both width and height.", parameter=["width", "height"])
    return given


def unfit_id(body: dict[str, Any]) -> Complaint | None:
    """Why a body has no id to be known by."""
    given: object = body.get("taskUUID")
    if given is None:
        return Complaint("missingTaskUUID", "taskUUID is required.", parameter="taskUUID")
    try:
        good = isinstance(given, str) and uuid.UUID(given).version == 4 and str(uuid.UUID(given)) == given.lower()
    except ValueError:
        good = False
    return None if good else Complaint("invalidTaskUUID", "taskUUID must be a UUID v4.", parameter="taskUUID")


def _refused(wrong: ValidationError) -> Complaint:
    """The first mistake of a body, under the name that Runware's codes are made of."""
    error = wrong.errors(include_url=False)[0]
    path = ".".join(str(step) for step in error["loc"])
    name = str(error["loc"][-1])
    match error["type"]:
        case "missing":
            return Complaint(f"missing{titled(name)}", f"{path} is required.", parameter=path)
        case "extra_forbidden":
            return Complaint("unsupportedParameter", f"{path} is not supported by this model.", parameter=path)
        case _:
            return Complaint(f"invalid{titled(name)}", f"{path}: {error['msg']}.", parameter=path)


def _pictures(given: dict[str, Any], sent: Sent) -> tuple[Picture, ...]:
    """Each result has another seed: the asked one and those after it, or random ones of 32 bits."""
    width, height = drawn_at(given, sent)
    source = digest(sent)
    first = cast("int | None", given.get("seed"))
    return tuple(
        Picture(
            prompt=given["positivePrompt"],
            seed=secrets.randbelow(2**32) if first is None else first + index,
            index=0,
            width=width,
            height=height,
            format=_FORMATS[given["outputFormat"]],
            quality=given["outputQuality"],
            source=source,
        )
        for index in range(given["numberResults"])
    )


class Tasks:
    """The tasks by their id, the newest last."""

    def __init__(self, stage: Stage, gallery: Gallery) -> None:
        self._stage = stage
        self._gallery = gallery
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def add(self, task: Task) -> None:
        """An accepted task is paid for, whether or not anybody asks for its results."""
        self._tasks[task.uuid] = task
        for image_uuid, picture in zip(task.image_uuids, task.pictures, strict=True):
            self._gallery.keep(InputPicture((picture.width, picture.height), picture.name), image_uuid)
        self._stage.paid[SLUG] += task.paid
        while len(self._tasks) > TASKS_KEPT:
            self._tasks.popitem(last=False)

    def find(self, task_uuid: object) -> Task | None:
        """The task of that id, unless it never was or has expired."""
        task = self._tasks.get(task_uuid) if isinstance(task_uuid, str) else None
        kept = self._stage.pace(SLUG).keep_seconds
        return None if task is None or time.monotonic() >= task.born + self._seconds(task) + kept else task

    def knows(self, task_uuid: str) -> bool:
        """Whether the id was used before; it stays used when its results have expired."""
        return task_uuid in self._tasks

    def finished(self, task: Task, *, looks: int | None = None) -> int:
        """How many results are there: with a pace as time goes by, else one at the second look and all at the third."""
        pace = self._stage.pace(SLUG)
        looks = task.looks if looks is None else looks
        if not self._seconds(task):
            return (0, 0, 1)[looks] if looks < 3 and len(task.pictures) > 1 else len(task.pictures) * (looks > 1)
        ran = time.monotonic() - task.born - pace.queue_seconds
        if ran < 0 or not pace.seconds_per_image:
            return len(task.pictures) * (ran >= 0)
        return min(len(task.pictures), int(ran / pace.seconds_per_image))

    def seconds_left(self, task: Task, results: int) -> float:
        """Until so many of its results are there, by the pace of now; 0 without one."""
        pace = self._stage.pace(SLUG)
        return max(0.0, task.born + pace.queue_seconds + pace.seconds_per_image * results - time.monotonic())

    def fail_last(self, task: Task, complaint: Complaint) -> None:
        """Lets the last result fail, which is then not billed."""
        before = task.paid
        last = len(task.pictures) - 1
        task.fail(complaint, range(last, last + 1))
        self._stage.paid[SLUG] -= before - task.paid

    def _seconds(self, task: Task) -> float:
        pace = self._stage.pace(SLUG)
        return pace.queue_seconds + pace.seconds_per_image * len(task.pictures)
