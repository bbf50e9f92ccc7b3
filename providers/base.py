"""What a provider's adapter is: transport, and nothing else.

Two shapes are enough. A `Direct` adapter answers at once; a `Queued` one hands out a ticket, which is then followed
(`providers/polling.py`). Waiting, retrying, timing, logging and metrics live around the adapter, once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from normalizers.offer import Operation
from normalizers.price import Currency

Json = dict[str, Any]  # the wire's own shape; a step inward it becomes a dataclass

Want = Literal["url", "bytes"]


@dataclass(frozen=True, slots=True)
class Part:
    """A picture that travels as a part of its own in a multipart body; `filename` is ours, not the caller's."""

    content: bytes
    content_type: str
    filename: str

    def __repr__(self) -> str:
        return f"<Part {self.filename} {len(self.content)} bytes>"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider, as the plan made it.

    `upstream` is the provider's own model id, `payload` the JSON body as it goes out (a form where it holds a `Part`),
    `images` how many pictures it asks for. `want` says what serves the caller best: a URL that can be handed on, or the
    picture itself. `id` is ours, unique per call: `req_….2` is the third call of a request. `partial_images` is how
    many previews of each picture somebody waits for; `webhook` where the provider may say that the call is over.
    `traceparent` names the call in a trace of ours: it is for workers of our own, and no provider's business. So is
    the rest: whose the call is, whether somebody waits for it, whether somebody `elsewhere` could be asked for it, and
    the moment of `time.monotonic()` at which nobody wants it any more.
    """

    id: str
    upstream: str
    operation: Operation
    payload: Json
    images: int
    want: Want
    partial_images: int = 0
    webhook: str | None = None
    traceparent: str | None = None
    team: str = ""
    waited_for: bool = True
    elsewhere: bool = False
    deadline: float | None = None

    def __repr__(self) -> str:
        return f"<Call {self.id} {self.operation} {self.upstream} images={self.images}>"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A provider's receipt: from here on the call may cost money, and is followed, never sent again."""

    id: str
    check_url: str = ""
    result_url: str = ""
    cancel_url: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a call stands. `position` is the place in the provider's queue, `step`/`steps` its denoising steps, `place`
    that of the picture being drawn among those of the call, where they are drawn one after the other.
    """

    done: bool = False
    position: int | None = None
    step: int | None = None
    steps: int | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class Partial:
    """How a picture looks while it is drawn: base64 (ASCII) of a picture in `format`.

    `place` is that of its picture among those of the call, `number` counts the previews of one picture from 0.
    """

    base64: bytes | memoryview
    format: str
    place: int = 0
    number: int = 0

    def __repr__(self) -> str:
        return f"<Partial {self.place}.{self.number} {self.format}>"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture as a provider handed it over: a URL, its bytes, or its base64 text (ASCII, without a data: prefix).

    Exactly one of `url`, `content` and `base64` is set. Width and height are in pixels and what the provider
    *says*; `flagged` is set where its safety check marked the picture (it is then not delivered).
    """

    url: str | None = None
    content: bytes | None = None
    base64: bytes | memoryview | None = None
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    flagged: bool = False
    revised_prompt: str | None = None

    def __repr__(self) -> str:
        kind = "url" if self.url else "base64" if self.base64 is not None else "bytes"
        return f"<Image {kind} {self.width}x{self.height}>"


@dataclass(frozen=True, slots=True)
class Ready:
    """A picture that is finished while others of its call are still being drawn; `place` is that among them.

    The answer will hold it too.
    """

    image: Image
    place: int


Watch = Callable[[Progress | Partial | Ready], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought. `cost` in `currency` where the provider says it; `units` is its own billing quantity.

    `extra` holds what else of the answer is read further on: OpenAI's `usage`, Lumenfall's `metadata`.
    """

    images: tuple[Image, ...]
    cost: float | None = None
    currency: Currency = "USD"
    units: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Money(NamedTuple):
    """An amount in a provider's own currency."""

    amount: float
    currency: Currency


class Direct(Protocol):
    """An adapter whose provider answers a call with its pictures."""

    name: str

    async def generate(self, call: Call) -> Answer:
        """Send the call and read its pictures; raises `ProviderError`."""
        ...

    async def close(self) -> None: ...


class Queued(Protocol):
    """An adapter whose provider hands out a ticket."""

    name: str

    async def submit(self, call: Call) -> Ticket | Answer:
        """Send the call; an answer where the provider had it at once.

        Raises `ProviderError`, of kind LOST when the answer never came.
        """
        ...

    async def check(self, ticket: Ticket) -> Progress: ...

    async def result(self, ticket: Ticket, call: Call) -> Answer:
        """The pictures of a finished ticket; may be asked again, it costs nothing."""
        ...

    async def cancel(self, ticket: Ticket) -> None: ...

    async def close(self) -> None: ...


Adapter = Direct | Queued


class Downloads(Protocol):
    """Where pictures that a provider points to are fetched: the guarded fetcher (`providers/guard.py`)."""

    async def fetch(self, url: str, *, max_bytes: int, deadline: float) -> "Download": ...


@dataclass(frozen=True, slots=True)
class Download:
    """A fetched picture: its bytes and the content type its server claimed."""

    content: bytes
    content_type: str | None
