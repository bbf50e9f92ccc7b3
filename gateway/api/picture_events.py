"""The events of `stream: true` as bytes: OpenAI's image events, with keys of ours beside theirs.

The fields are those that OpenAI's clients declare (openai-python 3.52.0, types/image_gen_*_event.py and
image_edit_*_event.py; OpenAI API reference, Image streaming; read 2026-11-21). `progress` is ours: their clients hand
it on like any event, with its `type`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson

from gateway.api.answer import Buffer
from gateway.api.event_text import percentage, text
from gateway.errors import GatewayError
from gateway.flow.order import Order
from gateway.flow.picture_header import Header
from gateway.jobs.answers import Json
from normalizers.plan import Plan
from providers.base import Partial, Progress

Kind = Literal["image_generation", "image_edit"]

WORDS = ("low", "medium", "high", "xhigh", "max")  # for a quality, beside auto
COUNTED = ("total_tokens", "input_tokens", "output_tokens")
NO_TOKENS: Json = {**dict.fromkeys(COUNTED, 0), "input_tokens_details": {"text_tokens": 0, "image_tokens": 0}}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the events of one request have in common. `quality` and `background` are `auto` where it names none that
    OpenAI knows; `urls` says whether the caller wants a URL beside the picture.
    """

    kind: Kind
    n: int
    quality: str
    background: str
    urls: bool
    strict: bool
    base_url: str

    @classmethod
    def of(cls, order: Order, plan: Plan | None) -> "Asked":
        """`plan` is that of any offer: what a caller asked is the same for all. None where nobody serves it now."""
        rows = {row.name: row for row in plan.decisions} if plan else {}
        quality, background = rows.get("quality"), rows.get("background")
        known = [word for word in (quality.asked, quality.sent) if word in WORDS] if quality else []
        response_format = plan.response_format if plan else order.options.response_format
        return cls(
            kind="image_generation" if order.operation == "generate" else "image_edit",
            n=plan.n if plan else 1,
            quality=known[0] if known else "auto",
            background=background.asked if background and background.asked else "auto",
            urls=response_format != "b64_json",
            strict=order.options.strict,
            base_url=order.base_url,
        )

    def place(self, index: int) -> Json:
        """Which of several pictures an event is about."""
        return {"image_index": index} if self.n > 1 else {}


def partial_event(asked: Asked, index: int, partial: Partial, header: Header, now: int) -> list[Buffer]:
    """`header` is the preview's own: it may have another size and format than the picture will."""
    rest = {
        "created_at": now,
        "size": f"{header.width}x{header.height}",
        "quality": asked.quality,
        "background": asked.background,
        "output_format": header.format,
        "partial_image_index": partial.number,
        **asked.place(index),
    }
    return with_picture(f"{asked.kind}.partial_image", partial.base64, rest)


@dataclass(frozen=True, slots=True)
class Finished:
    """A picture as its event has it; `fields` are those that it has in an ordinary answer."""

    index: int
    fields: Json
    base64: Buffer
    url: str | None


def completed_event(asked: Asked, picture: Finished, created: int, last: Json | None = None) -> list[Buffer]:
    """`last` is the head of an ordinary answer, for the last event only: the usage of all calls, and the metadata."""
    fields = picture.fields
    width, height = fields["width"], fields["height"]
    rest: Json = {
        "created_at": created,
        "size": f"{width}x{height}" if width and height else "auto",
        "quality": asked.quality,
        "background": asked.background,
        "output_format": str(fields["content_type"]).removeprefix("image/"),
        "usage": tokens((last or {}).get("usage")),
        **asked.place(picture.index),
        "seed": fields["seed"],
    }
    if picture.url is not None:
        rest["url"] = picture.url
    if last is not None:
        rest["metadata"] = last["metadata"]
    return with_picture(f"{asked.kind}.completed", picture.base64, rest)


def progress_event(asked: Asked, index: int, progress: Progress, job: str) -> list[Buffer]:
    steps = {"step": progress.step, "steps": progress.steps}
    name = f"{asked.kind}.progress"
    return [text(name, {"type": name, **steps, "percentage": percentage(steps), **asked.place(index), "job": job})]


def error_event(error: GatewayError, delivered: Collection[int]) -> list[Buffer]:
    """OpenAI's clients raise on an `error` key within the data, all of them (openai-node 6.49 and 7.55, openai-python
    3.52.0, read 2026-11-21). `delivered` are the pictures that were told of before it.
    """
    body = error.body()
    if delivered:
        told = cast("dict[str, object]", body["error"])
        word = "picture" if len(delivered) == 1 else "pictures"
        before = f"already delivered: {word} {', '.join(map(str, sorted(delivered)))}"
        body = {**body, "error": {**told, "message": f"{told['message']} ({before})"}}
    return [text("error", body)]


def with_picture(name: str, base64: Buffer, rest: Mapping[str, Any]) -> list[Buffer]:
    """The base64 is a piece of its own, so that it is not copied into a JSON encoder."""
    opening = f'event: {name}\ndata: {{"type":"{name}","b64_json":"'.encode()
    return [opening, base64, b'",%b\n\n' % orjson.dumps(rest)[1:]]


def tokens(usage: object) -> Json:
    """With all that OpenAI's clients require; what nobody counted is 0."""
    told: Json = cast("Json", usage) if isinstance(usage, dict) else {}
    counted = {name: told[name] for name in COUNTED if isinstance(told.get(name), int)}
    details: object = told.get("input_tokens_details")
    whole = NO_TOKENS["input_tokens_details"] | (cast("Json", details) if isinstance(details, dict) else {})
    return {**NO_TOKENS, **told, **dict.fromkeys(COUNTED, 0), **counted, "input_tokens_details": whole}
