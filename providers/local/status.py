"""What a worker says of itself at `/v1/status`, read within bounds: it is only believed as far as it can be true."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import cast

from providers.base import Json
from providers.openai_images import read_pixels

MOST_MODELS = 256
MOST_LORAS = 1024
MOST_CALLS = 10_000  # of anything that is counted
LONGEST_SECONDS = 7 * 86_400.0
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Pace:
    """Device seconds: of a picture, whatever it is like, and of one megapixel in one step."""

    per_picture: float
    per_megapixel_step: float


@dataclass(frozen=True, slots=True)
class Drawable:
    """A model that a worker draws with; None for what it does not say. `pixels` and `steps` are its defaults."""

    pace: Pace | None = None
    pixels: int | None = None
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How a worker is. `models` is None for one that does not say which it has: it may have any.

    `together` is how many calls it works on at once, `queue_seconds` the device seconds of all that it has taken; both
    of all its `replicas`. `loras` are the names of those it holds, `loading` what it is doing until it is ready.
    """

    models: Mapping[str, Drawable] | None = None
    ready: bool = True
    draining: bool = False
    running: int = 0
    waiting: int = 0
    together: int = 1
    replicas: int = 1
    queue_seconds: float = 0.0
    loras: frozenset[str] = field(default_factory=frozenset[str])
    loading: str | None = None
    engine: str = ""

    @property
    def taken(self) -> int:
        """Calls that it has, from whomever."""
        return self.running + self.waiting


PLAIN = Status()  # of a worker that tells nothing


def read_status(body: Json) -> Status:
    """What does not make sense is as if it were not said."""
    ready, draining = body.get("ready"), body.get("draining")
    return Status(
        models=_models(body.get("models")),
        ready=ready if isinstance(ready, bool) else True,
        draining=draining if isinstance(draining, bool) else False,
        running=_count(body.get("running")),
        waiting=_count(body.get("waiting")),
        together=_count(body.get("together"), least=1),
        replicas=_count(body.get("replicas"), least=1),
        queue_seconds=_seconds(body.get("queue_seconds")) or 0.0,
        loras=frozenset(_names(body.get("loras"), "name")[:MOST_LORAS]),
        loading=_loading(body.get("loading")),
        engine=str(body.get("engine") or "")[:LONGEST_TEXT],
    )


def _models(told: object) -> Mapping[str, Drawable] | None:
    if not isinstance(told, list):
        return None
    found = [cast(Json, each) for each in cast(list[object], told)[:MOST_MODELS] if isinstance(each, dict)]
    return {each["id"][:LONGEST_TEXT]: _drawable(each) for each in found if isinstance(each.get("id"), str)}


def _drawable(model: Json) -> Drawable:
    sizes, steps, pace = model.get("sizes"), model.get("steps"), model.get("pace")
    size = read_pixels(cast(Json, sizes).get("default")) if isinstance(sizes, dict) else None
    usual = _count(cast(Json, steps).get("default")) if isinstance(steps, dict) else 0
    return Drawable(
        pace=_pace(cast(Json, pace)) if isinstance(pace, dict) else None,
        pixels=size[0] * size[1] if size else None,
        steps=usual or None,
    )


def _pace(told: Json) -> Pace | None:
    picture, step = _seconds(told.get("seconds_per_picture")), _seconds(told.get("seconds_per_megapixel_step"))
    return None if picture is None or step is None else Pace(picture, step)


def _loading(told: object) -> str | None:
    if not isinstance(told, dict):
        return None
    what, share = cast(Json, told).get("what"), cast(Json, told).get("share")
    done = isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
    words = what[:LONGEST_TEXT] if isinstance(what, str) else "loading"
    return f"{words} ({share:.0%})" if done else words


def _names(told: object, key: str) -> list[str]:
    rows = cast(list[object], told) if isinstance(told, list) else []
    names = (cast(Json, row).get(key) for row in rows if isinstance(row, dict))
    return [name for name in names if isinstance(name, str)]


def _count(told: object, *, least: int = 0) -> int:
    if not isinstance(told, int) or isinstance(told, bool):
        return least
    return min(max(told, least), MOST_CALLS)


def _seconds(told: object) -> float | None:
    if not isinstance(told, int | float) or isinstance(told, bool) or not isfinite(told) or told < 0:
        return None
    return min(float(told), LONGEST_SECONDS)
