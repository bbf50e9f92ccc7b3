"""One request on its way: what was asked, by whom, until when."""

from dataclasses import dataclass, field
from typing import Literal

from gateway.flow.access import Reach
from gateway.flow.record import Record, Unrecorded
from gateway.flow.sent_pictures import SentPictures
from gateway.tenancy.caller import Caller
from normalizers.asked import Asked, Options, ResponseFormat
from normalizers.catalog import Found
from normalizers.offer import Operation

CacheWish = Literal["off", "only"]

# GPT image models answer base64 when no format is named (openai-python 3.52.0, read 2026-11-21); clients rely on it.
BASE64_FAMILIES = ("gpt-image", "chatgpt-image")


@dataclass(frozen=True, slots=True)
class Order:
    """`started` is an instant of `time.monotonic()`, so is `deadline`, when the work ends: its caller may have left by
    then. `base_url` begins the URLs handed out, `sent` are the pictures that came with the request, `reach` the
    providers that its team can ask.
    """

    id: str
    asked: Asked
    found: Found
    caller: Caller
    reach: Reach
    options: Options
    started: float
    deadline: float
    base_url: str
    operation: Operation = "generate"
    sent: SentPictures = field(default_factory=SentPictures)
    cache: CacheWish | None = None
    record: Record = field(default_factory=Unrecorded)

    @property
    def streamed(self) -> bool:
        """Its caller looks on, and gets each picture itself whatever else he asked for."""
        return self.asked.fields.get("stream") is True

    def __repr__(self) -> str:
        return f"<Order {self.id} {self.asked.model}>"


def default_response_format(model: str, configured: ResponseFormat) -> ResponseFormat:
    """What the caller gets without naming a format."""
    return "b64_json" if model.rpartition("/")[2].startswith(BASE64_FAMILIES) else configured
