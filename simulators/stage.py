"""What all simulated providers share: the script of faults, what was asked and paid, the pace, the pictures kept."""

import time
from collections import Counter, OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field

from simulators.drawing import Picture
from simulators.faults import BadFaults, Providers, Script, read_faults

CALLS_KEPT = 2_000
PICTURES_KEPT = 4_096


class Pace(BaseModel, frozen=True, extra="forbid"):
    """How slow a provider is, in seconds.

    At 0 and 0 a queue moves one state at each look at it, so that a test never waits for a clock. `keep_seconds` is
    how long a result and its pictures can be fetched.
    """

    seconds_per_image: Annotated[float, Field(ge=0)] = 0.0
    queue_seconds: Annotated[float, Field(ge=0)] = 0.0
    keep_seconds: Annotated[float, Field(ge=0)] = 3600.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived. `headers` lack the key; `body` is its JSON, or the form's fields. `account` is empty
    for the usual key.

    In a form a file is `{"filename", "content_type", "bytes": its length}`.
    """

    provider: str
    step: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    account: str = ""


class Span(NamedTuple):
    """When a request was being answered, in seconds of `time.monotonic()`."""

    provider: str
    step: str
    began: float
    ended: float


class Posted(NamedTuple):
    """One webhook as it went out; `status` is what the receiver said to it, or None when nobody did."""

    provider: str
    url: str
    headers: dict[str, str]
    body: str
    status: int | None


@dataclass
class Stage:
    """The state of all simulators; one per running server."""

    providers: Providers
    script: Script = field(default_factory=Script)
    calls: deque[Call] = field(default_factory=lambda: deque[Call](maxlen=CALLS_KEPT))
    spans: deque[Span] = field(default_factory=lambda: deque[Span](maxlen=CALLS_KEPT))
    posted: deque[Posted] = field(default_factory=lambda: deque[Posted](maxlen=CALLS_KEPT))
    paid: Counter[str] = field(default_factory=Counter[str])
    paces: dict[str, Pace] = field(default_factory=dict[str, Pace])
    accounts: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    _kept: OrderedDict[tuple[str, str], tuple[Picture, float]] = field(
        default_factory=OrderedDict[tuple[str, str], tuple[Picture, float]]
    )

    def set_faults(self, listed: object) -> None:
        """Replace the script by a JSON list; raises `BadFaults`, and then the old one stays."""
        self.script.replace(read_faults(listed, self.providers))

    def set_pace(self, provider: str, pace: Pace) -> None:
        """Raises `BadFaults` for a provider that is not here."""
        if provider not in self.providers:
            raise BadFaults(f"no such provider: {provider!r}")
        self.paces[provider] = pace

    def account(self, provider: str, authorization: str) -> str | None:
        """Whose key that header has, beside the usual one."""
        return self.accounts.get((provider, authorization.rpartition(" ")[2]))

    def pace(self, provider: str) -> Pace:
        return self.paces.get(provider, Pace())

    def keep(self, provider: str, picture: Picture) -> str:
        """Make the picture fetchable; returns the name to fetch it by."""
        self._kept[provider, picture.name] = (picture, time.monotonic() + self.pace(provider).keep_seconds)
        while len(self._kept) > PICTURES_KEPT:
            self._kept.popitem(last=False)
        return picture.name

    def kept(self, provider: str, name: str) -> Picture | None:
        """The picture of that name, unless it never was or has expired."""
        picture, until = self._kept.get((provider, name), (None, 0.0))
        return picture if time.monotonic() < until else None

    def told(self) -> dict[str, Any]:
        """What `GET /_control/calls` answers."""
        paid = {provider: self.paid[provider] for provider in self.providers}
        return {"calls": [asdict(call) for call in list(self.calls)], "paid": paid}

    def take_spans(self) -> list[Span]:
        """All since the last time this was asked."""
        spans = list(self.spans)
        self.spans.clear()
        return spans

    def reset(self) -> None:
        """No faults, no calls, nothing posted or paid, no pace, no more accounts. Jobs and pictures stay."""
        self.script.replace(())
        self.calls.clear()
        self.spans.clear()
        self.posted.clear()
        self.paid.clear()
        self.paces.clear()
        self.accounts.clear()
