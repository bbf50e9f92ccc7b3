"""Replicate's errors in our words: problem bodies over HTTP, and predictions that ended without a picture.

A moderated prompt is no HTTP error there but a failed prediction (Replicate docs, HTTP API and Error codes, read
2026-11-21; texts of the safety checks as reported in issues).
"""

import re
from typing import Literal, cast

from providers.base import Call, Json
from providers.errors import Kind, ProviderError
from providers.http import HttpAnswer
from providers.refusals import kind_of_question, kind_of_status, public_text, retry_after, texts_of

NAME = "replicate"
# No code of their own: open models say NSFW in words, official ones give E005 with this sentence.
_MODERATED = ("nsfw", "flagged as sensitive", "(e005)")
_RESETS = re.compile(r"resets in ~?(\d{1,5})s")

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "Replicate does not accept our token",
    Kind.CREDIT: "the account at Replicate has no credit or has reached its spend limit",
    Kind.MODERATED: "Replicate's safety check blocked the request",
    Kind.GONE: "Replicate does not know this prediction any more",
    Kind.CANCELLED: "the prediction was cancelled at Replicate",
}

About = Literal["submission", "status"]


def explain(answer: HttpAnswer, call: Call | None, about: About) -> ProviderError:
    """An error answer in our words; `param` is the field of the input that it complains about.

    Only the answer to a submission is about the request; asking where a prediction stands meets hitches on the way.
    """
    body = answer.error_object()
    kind = _kind_of_submission(answer, body) if about == "submission" else kind_of_question(answer.status)
    field, said = _first_invalid(body)
    theirs = public_text(said or body.get("detail") or body.get("title"), hide=texts_of(call.payload)) if call else ""
    return ProviderError(
        kind,
        _OUR_TEXT.get(kind) or (f"Replicate: {theirs}" if theirs else f"Replicate answered {answer.status}"),
        provider=NAME,
        status=answer.status,
        retry_after=_wait(answer, body),
        param=field if kind is Kind.BAD_REQUEST else None,
    )


def explain_end(prediction: Json, call: Call) -> ProviderError:
    """Why a prediction that is over has no picture.

    Official models are billed by output, so none of these is paid. The community's are billed by time: a failure of
    theirs may have cost something.
    """
    said = prediction.get("error")
    kind = _kind_of_end(prediction.get("status"), said if isinstance(said, str) else "")
    if kind is Kind.FAILED and ":" in call.upstream and prediction.get("status") != "aborted":
        kind = Kind.BROKEN
    theirs = public_text(said, hide=texts_of(call.payload))
    message = _OUR_TEXT.get(kind) or f"Replicate: {theirs or 'the prediction ended without a picture'}"
    return ProviderError(kind, message, provider=NAME)


def _kind_of_end(status: object, said: str) -> Kind:
    """`aborted` ended before it began and is not charged; a word that nobody knows yet may have been."""
    match status:
        case "failed":
            return Kind.MODERATED if any(sign in said.lower() for sign in _MODERATED) else Kind.FAILED
        case "aborted":
            return Kind.FAILED
        case "canceled":
            return Kind.CANCELLED
        case _:
            return Kind.BROKEN


def _kind_of_submission(answer: HttpAnswer, body: Json) -> Kind:
    """Replicate's own 5xx refuses a creation; anybody else's may hide one that was accepted."""
    own_words = "detail" in body or "title" in body
    kind = kind_of_status(answer.status, own_words=own_words)
    if answer.status >= 500 and kind in (Kind.FAILED, Kind.LOST):
        return Kind.BUSY if own_words else Kind.LOST
    return kind


def _first_invalid(body: Json) -> tuple[str | None, str]:
    """The field's name and what is wrong with it; a missing field is reported under `input`, its parent."""
    listed: object = body.get("invalid_fields")
    for entry in cast("list[object]", listed) if isinstance(listed, list) else []:
        if isinstance(entry, dict):
            told = cast("Json", entry)
            path = str(told.get("field") or "").split(".")
            return path[1] if path[0] == "input" and len(path) > 1 else None, str(told.get("description") or "")
    return None, ""


def _wait(answer: HttpAnswer, body: Json) -> float | None:
    """In seconds, from `Retry-After` or, since that is not documented, from the sentence of a 429."""
    wish = retry_after(answer.headers)
    resets = _RESETS.search(str(body.get("detail"))) if wish is None and answer.status == 429 else None
    return float(resets[1]) if resets else wish
