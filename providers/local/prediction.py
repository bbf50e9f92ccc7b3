"""How long a worker will be busy with a call, in seconds of its device."""

from dataclasses import dataclass
from typing import cast

from providers.base import Call
from providers.local.status import LONGEST_SECONDS, Drawable, Pace
from providers.openai_images import read_pixels

# What stands for what neither the call nor its worker says.
USUAL_PIXELS = 1024 * 1024
USUAL_STEPS = 20
GUESS = Pace(0.5, 0.2)
_NEWEST = 0.3  # the weight of the newest among all that were measured


@dataclass(frozen=True, slots=True)
class Work:
    """What a call asks for; None where it leaves that to the worker."""

    pictures: int
    pixels: int | None = None
    steps: int | None = None


def work_of(call: Call) -> Work:
    return Work(max(call.images, 1), _pixels(call), _whole(call.payload.get("num_inference_steps")))


def seconds_of(work: Work, drawable: Drawable | None = None, measured: Pace | None = None) -> float:
    """By the pace that the worker tells, else by what was measured there, else by a guess."""
    told = drawable or Drawable()
    pace = told.pace or measured or GUESS
    seconds = work.pictures * (pace.per_picture + megapixel_steps(work, told) * pace.per_megapixel_step)
    return min(seconds, LONGEST_SECONDS)


def megapixel_steps(work: Work, told: Drawable) -> float:
    """Of one picture."""
    pixels = work.pixels or told.pixels or USUAL_PIXELS
    return pixels / 1e6 * (work.steps or told.steps or USUAL_STEPS)


def learned(before: Pace | None, work: Work, told: Drawable, seconds: float) -> Pace:
    """The pace of a worker that does not tell it, after a call took so long there. All of it is taken for steps."""
    new = seconds / (work.pictures * max(megapixel_steps(work, told), 1e-6))
    if before is None:
        return Pace(0.0, new)
    return Pace(0.0, (1 - _NEWEST) * before.per_megapixel_step + _NEWEST * new)


def loras_of(call: Call) -> frozenset[str]:
    """The sources of its LoRAs, as a worker names them."""
    loras = call.payload.get("loras")
    rows = cast(list[object], loras) if isinstance(loras, list) else []
    names = (cast(dict[str, object], row).get("model") for row in rows if isinstance(row, dict))
    return frozenset(name for name in names if isinstance(name, str))


def _pixels(call: Call) -> int | None:
    size = read_pixels(call.payload.get("size"))
    if size is not None:
        return max(size[0] * size[1], 1)
    width, height = _whole(call.payload.get("width")), _whole(call.payload.get("height"))
    return width * height if width and height else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1_000_000 else None
