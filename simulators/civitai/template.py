"""The body of a submission: what is checked before anything is drawn or paid.

Source: the WorkflowTemplate of the orchestrator's OpenAPI document, read 2026-11-21. Its `currencies` are marked as
required there and left out in every documented example: they are not asked for. One step of type imageGen is played;
others, values that refer to other steps, callbacks and ephemeral workflows are not. A variant or an edit takes a width
and a height, but there is a 400 for those that "conflict with the source": here one side without the other does.
"""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from simulators.civitai.blobs import Blobs, Unreadable
from simulators.civitai.problems import Mistake, mistake
from simulators.civitai.schemas import PRESETS, Input, Qwen2, Qwen20b, Unclear, model_of

Size = tuple[int, int]
STEP = 8
SMALLEST, LARGEST = 64, 2048
Line = Annotated[str, StringConstraints(max_length=200)]


class Tips(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    civitai: Annotated[float, Field(ge=0, le=2)] = 0
    creators: Annotated[float, Field(ge=0, le=2)] = 0


class StepTemplate(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    type: Literal["imageGen"] = Field(alias="$type")
    name: str | None = None
    priority: Literal["high", "normal", "low"] = "normal"
    timeout: str | None = None
    retries: int | None = None
    metadata: dict[str, Any] = {}
    input: dict[str, Any]


class Template(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    steps: Annotated[list[StepTemplate], Field(min_length=1, max_length=1)]
    tags: Annotated[list[Line], Field(max_length=10)] = []
    metadata: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    tips: Tips = Tips()
    allowMatureContent: bool | None = None
    upgradeMode: Literal["manual", "automatic"] = "manual"
    currencies: list[Literal["yellow", "blue", "green", "fakeRed"]] = []
    nsfwLevel: Literal["pg", "pg13", "r", "x", "xxx", "na"] | None = None
    experimental: bool | None = None
    externalId: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")] | None = None


class Asked(BaseModel):
    """A submission that is taken: its step's input with all defaults, and the size that will be drawn."""

    template: Template
    input: Input
    size: Size


class BadBody(ValueError):
    """What is wrong with a submission."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("; ".join(f"{each.path}: {each.message}" for each in mistakes))
        self.mistakes = mistakes


def read(raw: bytes, blobs: Blobs) -> Asked:
    """Raises `BadBody`."""
    try:
        template = Template.model_validate(orjson.loads(raw))
    except orjson.JSONDecodeError:
        raise BadBody([Mistake("$", "The body is no JSON.")]) from None
    except ValidationError as wrong:
        raise BadBody([mistake(each) for each in wrong.errors(include_url=False)]) from None
    at = "steps[0].input"
    body = template.steps[0].input
    try:
        given = model_of(body).model_validate(body)
    except Unclear as unclear:
        raise BadBody([Mistake(f"{at}.{unclear.field}", str(unclear))]) from None
    except ValidationError as wrong:
        raise BadBody([mistake(each, at) for each in wrong.errors(include_url=False)]) from None
    return Asked(template=template, input=given, size=_size(given, blobs, at))


def _size(given: Input, blobs: Blobs, at: str) -> Size:
    """What is drawn: the size asked for, else that of the first source in whole steps."""
    try:
        sources = [blobs.size_of(source) for source in given.sources]
    except Unreadable:
        field = "images" if hasattr(given, "images") else "image"
        raise BadBody([Mistake(f"{at}.{field}", f"{field} holds something that is no picture.")]) from None
    if isinstance(given, Qwen2):
        return PRESETS[given.imageSize]
    width, height = getattr(given, "width", None), getattr(given, "height", None)
    if not sources:
        return width or 1024, height or 1024
    inferred = _inferred(sources[0])
    if width is None and height is None:
        return inferred
    if isinstance(given, Qwen20b) and (width is None or height is None):
        raise BadBody([Mistake(f"{at}.width", "width/height conflict with the resolution of the source; omit them.")])
    return width or inferred[0], height or inferred[1]


def _inferred(source: Size) -> Size:
    scale = min(1.0, LARGEST / max(source))
    width, height = (max(SMALLEST, int(side * scale) // STEP * STEP) for side in source)
    return width, height
