"""Which calls are streamed, and how that is asked for.

Only OpenAI's own stream is certain. Of the other dialects (all read 2026-11-21) vLLM-Omni streams the edits of
multi-stage models alone, as chunks of text and whole pictures (docs, Image Edit API); SGLang takes `stream` and answers
without a picture (issue 24240); sd-server, LocalAI, Xinference and Lumenfall document none.
"""

from providers.base import Call, Json
from providers.http_answer import HttpAnswer
from providers.openai_compatible.dialects import Dialect
from providers.openai_images import read_error

_PIXELS = frozenset({"png", "jpeg", "webp"})  # gif and svg do not stream (openai-python 3.52.0, image_gen events)
_FIELDS = frozenset({"stream", "partial_images"})


def is_streamed(call: Call, dialect: Dialect) -> bool:
    """Whether the call has anything to gain from a stream, and may be one.

    Without previews there is nothing to watch. With more than one picture it is asked for in the ordinary way, whole:
    OpenAI documents no stream of several, and is reported to answer 400 "Streaming is only supported with n=1."
    (theopenco/llmgateway issue 3963, read 2026-11-21). To split such a call in one for each picture is up to the plan,
    which counts and prices them.

    Each preview costs 100 output tokens more (OpenAI docs, Image generation, Partial images cost, read 2026-11-21). The
    `usage` at the end of the stream counts them, and what a call cost goes by that.
    """
    known = dialect.streaming is not None and dialect.streaming.match(call.upstream) is not None
    pixels = call.payload.get("output_format", "png") in _PIXELS
    return known and pixels and call.images == 1 and call.partial_images > 0


def as_stream(body: Json, call: Call) -> Json:
    """The body of a request with its previews asked for."""
    return {**body, "stream": True, "partial_images": call.partial_images}


def refuses_stream(answer: HttpAnswer) -> bool:
    """Whether a server takes everything but the stream: it calls its model as OpenAI does, and cannot do as much."""
    if answer.status not in (400, 422):
        return False
    complaint = read_error(answer)
    return complaint is not None and complaint.param in _FIELDS
