"""What is written down about jobs, as it is handed to the journal (`store/journal.py`).

An entry is written whole or not at all. All moments are Unix seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
CallState = Literal["sending", "accepted", "done", "failed", "unknown", "cancelled"]
EventType = Literal["accepted", "started", "image", "finished"]
DeliveryKind = Literal["webhook", "upload"]


class Lease(NamedTuple):
    """The right to write about a job: it is this process's, in its how-manieth attempt at it."""

    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that was accepted. `owner` is None for one that waits for a process with room.

    `caller` is the id of the key that asked, `body` a hash of what it asked for, `request` all that a process needs to
    run it (`jobs/stored_order.py`), `images` how many pictures are wanted.
    """

    id: str
    team: str
    caller: str
    operation: str
    model: str
    body: str
    request: bytes = field(repr=False)
    images: int
    created: float
    owner: str | None
    status: Status = "running"
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call to a provider as it stands; `number` counts the calls of a job from 0. See `tables.calls`.

    `ticket` is the provider's receipt as JSON. `cost_micros` is None where nobody knows. `pixels` and `planned_micros`
    are those of all its pictures as planned, `price` how the plan found that price.
    """

    number: int
    provider: str
    offer: str
    call: str
    indexes: tuple[int, ...]
    state: CallState
    started: float
    ticket: str | None = None
    images: int = 0
    cost_micros: int | None = None
    cost_basis: str | None = None
    reason: str | None = None
    finished: float | None = None
    pixels: int | None = None
    planned_micros: int | None = None
    price: str | None = None
    own_key: bool = False


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A picture that the job made (`image`) or was sent (`source`); `name` is its object's, None if it is not stored.

    `facts` are the cache record's (`records.encode` without the content), for images; `cache_key` is where that lies.
    """

    role: Literal["image", "source"]
    place: int
    name: str | None
    facts: bytes | None = None
    cache_key: str | None = None


@dataclass(frozen=True, slots=True)
class EventRow:
    """What happened; `data` is what clients are told of it, beside type, job, time and `seq`."""

    type: EventType
    at: float
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is to be sent to an address of the caller's: a webhook, or the picture at `place`."""

    id: str
    kind: DeliveryKind
    url: str
    due: float
    place: int = 0


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a job. `leftover`: it failed, and what it made may still be used by a repeated request.

    `result` is the answer's head and pictures without their bytes, `error` the status, headers and body of a failure,
    both as JSON.
    """

    status: Literal["succeeded", "failed", "cancelled"]
    at: float
    result: bytes | None = None
    error: bytes | None = None
    provider: str | None = None
    cost_micros: int | None = None
    leftover: bool = False


class Allowance(NamedTuple):
    """What a key or team (`owner`, its id) may spend in a period (`2026-11`), in micro-dollars."""

    owner: str
    period: str
    limit: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Micro-dollars that are to be held for a job from now on, besides what is held already: of every one of these
    allowances, or of none.
    """

    micros: int
    allowances: tuple[Allowance, ...]


@dataclass(frozen=True, slots=True)
class CachedRow:
    """The ledger's line about pictures that cost nothing, because they were there or another request drew them."""

    key: str
    model: str
    provider: str
    images: int
    pixels: int
    at: float


@dataclass(frozen=True, slots=True)
class Entry:
    """Something about one job. With `new` the job begins with it; without, `lease` says by which right it is written.

    Without both there is no such job, and it is only about `cached` pictures. `started` is set with the first call.
    Calls are replaced by number, pictures by role and place.
    """

    job: str
    team: str
    new: NewJob | None = None
    lease: Lease | None = None
    started: float | None = None
    calls: tuple[CallRow, ...] = ()
    pictures: tuple[PictureRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    finish: Finish | None = None
    hold: Hold | None = None
    cached: CachedRow | None = None


@dataclass(frozen=True, slots=True)
class Leftover:
    """Pictures of an earlier job that failed, now this job's: by their place."""

    job: str
    pictures: tuple[PictureRow, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of an entry with `new`: it is in, with what an earlier failure of the same request left to it.

    Or, under its idempotency key, there is a job already (`existing`, whose request has the hash `existing_body`), and
    nothing was written. Or what it was to hold was `refused`, but an earlier failure has left pictures that need not be
    held for: then the job is in, and nothing that it was to send.
    """

    leftover: Leftover | None = None
    existing: str | None = None
    existing_body: str | None = None
    refused: "Shortage | None" = None


@dataclass(frozen=True, slots=True)
class Committed:
    """An event that is in the database for good, where `seq` is its place among all."""

    seq: int
    team: str
    job: str
    type: EventType
    at: float
    data: Mapping[str, Any]


class Shortage(NamedTuple):
    """A budget that does not allow what was to be held of it: whose and when, in micro-dollars."""

    owner: str
    period: str
    wanted: int
    left: int


class HoldRefused(Exception):
    """A budget does not allow it. Nothing was written."""

    def __init__(self, shortage: Shortage) -> None:
        super().__init__(shortage)
        self.shortage = shortage


class LeaseLost(Exception):
    """The job is no longer this process's: another one goes on with it, or it was ended. Nothing was written."""
