"""Oxen's errors in our words: two shapes of bodies over HTTP, and generations that ended without a picture.

Statuses other than 401 and 404 are not documented, and a failed generation has a sentence and no code (Oxen docs, Async
queue, read 2026-11-21; sentences as public clients of it recorded them).
"""

import re
from collections.abc import Iterator
from typing import Literal, cast

from providers.base import Call, Json
from providers.errors import Kind, ProviderError
from providers.http_answer import HttpAnswer
from providers.refusals import kind_of_question, kind_of_status, public_text, retry_after, texts_of

NAME = "oxen"
# There is no code for moderation; its models share their schemas, and so their sentences, with Replicate's.
_MODERATED = ("nsfw", "flagged as sensitive", "(e005)", "content policy", "content_policy", "moderation")
_NO_CREDIT = "insufficient credit"
_STATUS_OF_MODEL = re.compile(r"error: 4(?:00|04|13|15|22)\b")  # "Getting model response error: 422 - …"
_RATE_OF_MODEL = "error: 429"

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "Oxen does not accept our key",
    Kind.CREDIT: "the account at Oxen has no credit",
    Kind.MODERATED: "Oxen's safety checker blocked the request",
    Kind.GONE: "Oxen does not know this generation any more",
    Kind.CANCELLED: "the generation was cancelled at Oxen",
}

About = Literal["submission", "status"]


def explain(answer: HttpAnswer, call: Call | None, about: About, key: str) -> ProviderError:
    """An error answer in our words, and never with our key. Only the answer to a submission is about the request."""
    said = next(_sentences(answer.error_object()), "")
    kind = _kind_of_submission(answer.status, said) if about == "submission" else kind_of_question(answer.status)
    theirs = public_text(said, hide=[key, *texts_of(call.payload)]) if call else ""
    return ProviderError(
        kind,
        _OUR_TEXT.get(kind) or (f"Oxen: {theirs}" if theirs else f"Oxen answered {answer.status}"),
        provider=NAME,
        status=answer.status,
        retry_after=retry_after(answer.headers),
    )


def explain_end(generation: Json, call: Call, key: str) -> ProviderError:
    """Why a generation that is over has no picture."""
    told = generation.get("error_message")
    said = told if isinstance(told, str) else ""
    kind = _kind_of_end(generation.get("status"), said.lower())
    message = _OUR_TEXT.get(Kind.CREDIT if _NO_CREDIT in said.lower() else kind)
    theirs = public_text(said, hide=[key, *texts_of(call.payload)]) or "the generation ended without a picture"
    return ProviderError(kind, message or f"Oxen: {theirs}", provider=NAME)


def _sentences(body: Json) -> Iterator[str]:
    """What a body says, the most telling first: `{"error": {"message" | "detail" | "title"}, "status_message"}`."""
    error = body.get("error")
    inner = cast("Json", error) if isinstance(error, dict) else {"message": error}
    for name in ("message", "detail", "title"):
        if isinstance(found := inner.get(name), str) and found:
            yield found
    if isinstance(word := body.get("status_message"), str):
        yield word


def _kind_of_submission(status: int, said: str) -> Kind:
    """Oxen's own 5xx refuses a generation; anybody else's may hide one that was accepted."""
    if _NO_CREDIT in said.lower():
        return Kind.CREDIT
    kind = kind_of_status(status, own_words=bool(said))
    if status >= 500 and kind in (Kind.FAILED, Kind.LOST):
        return Kind.BUSY if said else Kind.LOST
    return kind


def _kind_of_end(status: object, said: str) -> Kind:
    """Without credit and with a model's own 4xx nothing was drawn: parameters are checked only in the run.

    Whether Oxen bills one that failed otherwise is not documented, so it counts as one that may be paid.
    """
    match status:
        case "failed" if any(sign in said for sign in _MODERATED):
            return Kind.MODERATED
        case "failed" if _NO_CREDIT in said or _RATE_OF_MODEL in said:
            return Kind.FAILED
        case "failed" if _STATUS_OF_MODEL.search(said):
            return Kind.BAD_REQUEST
        case "cancelled":
            return Kind.CANCELLED
        case _:
            return Kind.BROKEN
