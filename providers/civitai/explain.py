"""Civitai's errors in our words (Civitai developer docs, Errors & retries, read 2026-11-21)."""

import re
from typing import cast

import orjson

from providers.base import Call, Json
from providers.civitai.reply import complaint, reasons
from providers.errors import Kind, ProviderError
from providers.http import HttpAnswer
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "Civitai does not accept our token, or does not allow this account to do that",
    Kind.CREDIT: "the account at Civitai has not enough Buzz",
    Kind.MODERATED: "Civitai's content moderation blocked the request",
    Kind.GONE: "Civitai does not know this workflow any more",
    Kind.CANCELLED: "the workflow was cancelled at Civitai",
}
# Of a job's `reason`; what has no word here, or none at all, is a failure that Civitai does not charge for.
_REASONS: dict[str, Kind] = {
    "blocked": Kind.MODERATED,
    "canceled": Kind.CANCELLED,
    "no_provider_available": Kind.BAD_REQUEST,
}
_ENDS = {"failed": Kind.FAILED, "expired": Kind.FAILED, "canceled": Kind.CANCELLED}
# No code tells these apart: Civitai's own site reads a 403 to a submission as too little Buzz, while the API document
# says "forbidden", and a prompt that the account may not draw is a 400 like any other.
_NO_BUZZ = re.compile(r"buzz|fund|balance|payment", re.IGNORECASE)
_BLOCKED = re.compile(r"\bmature\b|\bmoderat|\bblocked\b|\bprohibited\b", re.IGNORECASE)
_FIELD = re.compile(r"\.input\.([A-Za-z]{1,40})")


def refusal(answer: HttpAnswer, call: Call | None) -> ProviderError:
    """Why a submission or an upload was not accepted. LOST for what leaves open whether it was."""
    problem = _problem(answer)
    said = _said(problem)
    kind = kind_of_status(answer.status, own_words=bool(problem))
    if answer.status == 409:
        kind = Kind.LOST  # another one with our id is being taken
    elif answer.status == 403 and _NO_BUZZ.search(said):
        kind = Kind.CREDIT
    elif kind is Kind.BAD_REQUEST and _BLOCKED.search(said):
        kind = Kind.MODERATED
    elif kind is Kind.BAD_REQUEST and not problem:
        kind = Kind.BUSY  # of a proxy before it, which does not speak for Civitai
    theirs = public_text(said, hide=texts_of(call.payload)) if call else ""
    return ProviderError(
        kind,
        _OUR_TEXT.get(kind) or (f"Civitai: {theirs}" if theirs else f"Civitai answered {answer.status}"),
        provider="civitai",
        status=answer.status,
        retry_after=retry_after(answer.headers),
        param=_param(problem) if kind is Kind.BAD_REQUEST else None,
    )


def hitch(answer: HttpAnswer) -> ProviderError:
    """Why a look at a workflow told nothing: it is unknown, or the look failed and says nothing about it."""
    kind = Kind.GONE if answer.status == 404 else Kind.RATE if answer.status == 429 else Kind.BUSY
    return ProviderError(
        kind,
        _OUR_TEXT.get(kind) or f"Civitai answered {answer.status}",
        provider="civitai",
        status=answer.status,
        retry_after=retry_after(answer.headers),
    )


def failure(workflow: Json, call: Call) -> ProviderError:
    """Why a workflow ended without pictures. What failed or expired is given back; a cancelled one perhaps not."""
    kinds = [_REASONS.get(reason, Kind.FAILED) for reason in reasons(workflow)]
    usual = _ENDS.get(str(workflow.get("status")), Kind.BROKEN)
    kind = next((kind for kind in _REASONS.values() if kind in kinds), usual)
    if kind is Kind.BAD_REQUEST:
        text = "no worker at Civitai can draw this"
    else:
        theirs = public_text(complaint(workflow), hide=texts_of(call.payload))
        text = _OUR_TEXT.get(kind) or (f"Civitai: {theirs}" if theirs else "the workflow failed at Civitai")
    return ProviderError(kind, text, provider="civitai")


def _problem(answer: HttpAnswer) -> Json:
    """The problem document; with 403 a bare string, which is read as its detail."""
    try:
        body: object = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(body, str):
        return {"detail": body}
    return cast(Json, body) if isinstance(body, dict) else {}


def _said(problem: Json) -> str:
    """The first mistake, else the detail, else the title."""
    for messages in _errors(problem).values():
        if isinstance(messages, list) and messages and isinstance(messages[0], str):
            return messages[0]
    return next((text for text in (problem.get("detail"), problem.get("title")) if isinstance(text, str)), "")


def _param(problem: Json) -> str | None:
    """The wire field of `steps[0].input.images[2]`."""
    fields = (_FIELD.search(path) for path in _errors(problem))
    return next((found[1] for found in fields if found), None)


def _errors(problem: Json) -> Json:
    errors = problem.get("errors")
    return cast(Json, errors) if isinstance(errors, dict) else {}
