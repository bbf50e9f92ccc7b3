"""A script of faults: what goes wrong, at which step of which provider, how often."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from simulators.drawing import Flaw

Step = Literal["submit", "status", "result", "cancel", "generate", "download", "upload", "webhook"]

TransportEffect = Literal["delay", "status", "html", "drop_before", "drop_after"]
PictureEffect = Literal[
    "moderated", "nsfw", "nsfw_one", "failed", "empty", "wrong_size", "not_a_picture", "huge", "wrong_type"
]  # what can be wrong with a picture, or with the making of it; `nsfw_one` is flagged in the first of an answer only
# What can go wrong within a stream of events, after its first one: the connection ends, an error comes instead of the
# picture, what comes is no event, or nothing comes for `seconds`.
StreamEffect = Literal["stream_cut", "stream_error", "stream_garbage", "stream_stall"]
WebhookEffect = Literal["lost", "altered", "twice"]  # what can happen to a message that a provider posts
Effect = TransportEffect | PictureEffect | StreamEffect | WebhookEffect

PICTURE_EFFECTS: tuple[str, ...] = get_args(PictureEffect)
STREAM_EFFECTS: tuple[str, ...] = get_args(StreamEffect)
WEBHOOK_EFFECTS: tuple[str, ...] = get_args(WebhookEffect)
ALWAYS = -1

# A file has no moderation and no error of its own beyond its HTTP status.
_POSSIBLE: dict[Step, Collection[str]] = {
    "submit": PICTURE_EFFECTS,
    "generate": PICTURE_EFFECTS,
    "result": PICTURE_EFFECTS,
    "download": ("empty", "wrong_size", "not_a_picture", "huge", "wrong_type"),
    "status": (),
    "cancel": (),
    "upload": (),
    "webhook": (),
}


class Fault(BaseModel, frozen=True, extra="forbid"):
    """One scripted fault.

    `generate` is the call that asks for pictures, whatever the provider calls it: it also meets a queue's submit.
    `times` is how often it strikes (-1: always). `seconds` belongs to `delay` and `stream_stall`; `status`, `body` and
    `headers` to `status`, where an absent body is the provider's own for that status. The effects of a stream are seen
    by requests that ask for one; `webhook` is a message that the provider posts (`simulators/webhooks.py`).
    """

    provider: str
    on: Step
    effect: Effect
    times: Annotated[int, Field(ge=ALWAYS)] = 1
    seconds: Annotated[float, Field(ge=0)] = 0.0
    status: Annotated[int, Field(ge=400, le=599)] = 500
    body: Any = None
    headers: dict[str, str] = {}

    @model_validator(mode="after")
    def _can_happen(self) -> "Fault":
        if self.times == 0:
            raise ValueError("times is -1 (always) or at least 1")
        if self.effect in PICTURE_EFFECTS and self.effect not in _POSSIBLE[self.on]:
            raise ValueError(f"{self.effect} cannot happen on {self.on}")
        if self.effect in STREAM_EFFECTS and self.on != "generate":
            raise ValueError(f"{self.effect} can happen on generate only")
        if self.effect != "delay" and (self.effect in WEBHOOK_EFFECTS) != (self.on == "webhook"):
            raise ValueError(f"{self.effect} cannot happen on {self.on}")
        return self


class BadFaults(ValueError):
    """The list is not one of faults; the text names every entry and field that is wrong."""


_FAULTS = TypeAdapter(list[Fault])


@dataclass(frozen=True, slots=True)
class Ability:
    """What can go wrong at one provider: the steps that its API has, and the effects that it has no words for.

    `streams`: it answers a generation with a stream of events where that is asked for.
    """

    steps: frozenset[Step]
    never: frozenset[PictureEffect] = frozenset()
    streams: bool = False

    def objection(self, fault: Fault) -> str | None:
        """Why this fault would never be seen."""
        if fault.on not in self.steps:
            return f"{fault.provider} has no {fault.on} (it has {', '.join(sorted(self.steps))})"
        if fault.effect in STREAM_EFFECTS and not self.streams:
            return f"{fault.provider} streams nothing"
        never = fault.effect in self.never or (fault.effect == "nsfw_one" and "nsfw" in self.never)
        return f"{fault.provider} never answers {fault.effect}" if never else None


Providers = Mapping[str, Ability]


def read_faults(listed: object, providers: Providers) -> list[Fault]:
    """The faults of a JSON list; raises `BadFaults`, which names every mistake."""
    try:
        faults = _FAULTS.validate_python(listed)
    except ValidationError as wrong:
        told = [f"{'.'.join(map(str, each['loc'])) or 'faults'}: {each['msg']}" for each in wrong.errors()]
        raise BadFaults("; ".join(told)) from None
    strangers = sorted({fault.provider for fault in faults} - set(providers))
    if strangers:
        raise BadFaults(f"no such provider: {', '.join(strangers)} (there are {', '.join(sorted(providers))})")
    objections = [text for fault in faults if (text := providers[fault.provider].objection(fault))]
    if objections:
        raise BadFaults("; ".join(objections))
    return faults


def load_faults(path: Path, providers: Providers) -> list[Fault]:
    """The faults of a JSON file; raises `BadFaults`."""
    try:
        listed: object = json.loads(path.read_bytes())
    except ValueError as wrong:
        raise BadFaults(f"{path}: not JSON: {wrong}") from None
    return read_faults(listed, providers)


@dataclass(frozen=True, slots=True)
class Due:
    """What the script says about one request: a wait, and one thing that goes wrong, or neither."""

    seconds: float = 0.0
    fault: Fault | None = None

    @property
    def picture_effect(self) -> PictureEffect | None:
        return cast("PictureEffect", self.fault.effect) if self.fault and self.fault.effect in PICTURE_EFFECTS else None


class Script:
    """The faults still to come, in the order of the list."""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self._lock = Lock()  # a test replaces the script from its own thread
        self._left: list[tuple[Fault, int]] = []
        self.replace(faults)

    def replace(self, faults: Sequence[Fault]) -> None:
        with self._lock:
            self._left = [(fault, fault.times) for fault in faults]

    def told(self) -> list[dict[str, Any]]:
        """The faults left, with the times left."""
        return [{**fault.model_dump(), "times": times} for fault, times in self._left]

    def take(self, provider: str, steps: Collection[Step]) -> Due:
        """Every delay that is due at one of these steps, and the first other fault; each counts once."""
        with self._lock:
            return self._take(provider, steps)

    def _take(self, provider: str, steps: Collection[Step]) -> Due:
        seconds, struck = 0.0, None
        left: list[tuple[Fault, int]] = []
        for fault, times in self._left:
            due = fault.provider == provider and fault.on in steps and (fault.effect == "delay" or struck is None)
            if due and fault.effect == "delay":
                seconds += fault.seconds
            elif due:
                struck = fault
            remaining = times - 1 if due and times != ALWAYS else times
            if remaining:
                left.append((fault, remaining))
        self._left = left
        return Due(seconds, struck)


def flagged(effect: PictureEffect | None, place: int) -> bool:
    """Whether a provider's safety check marks the picture at that place of an answer."""
    return effect == "nsfw" or (effect == "nsfw_one" and place == 0)


def flaw_of(effect: PictureEffect | None, place: int = 0) -> Flaw | None:
    """The flaw in a picture's bytes that an effect makes; `moderated`, `failed` and an empty list have no bytes."""
    if effect is None or effect in ("moderated", "failed", "empty"):
        return None
    if effect == "nsfw_one":
        return "nsfw" if flagged(effect, place) else None
    return cast("Flaw", effect)
