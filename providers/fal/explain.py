"""fal's errors in our words.

Models complain with a list under `detail`, the platform with a string there and a word under `error_type`
(fal docs, Model errors and Request errors, read 2026-11-21).
"""

from dataclasses import dataclass
from typing import Literal, cast

from providers.base import Call, Json
from providers.errors import Kind, ProviderError
from providers.http_answer import HttpAnswer
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

_MODEL_WORDS: dict[str, Kind] = {
    "content_policy_violation": Kind.MODERATED,
    "no_media_generated": Kind.BROKEN,  # nothing came out, often by moderation; may be billed, so not tried again
    "internal_server_error": Kind.FAILED,
    "generation_timeout": Kind.FAILED,
    "downstream_service_error": Kind.FAILED,
    "downstream_service_unavailable": Kind.FAILED,
}
_PLATFORM_WORDS: dict[str, Kind] = {
    "request_timeout": Kind.FAILED,
    "startup_timeout": Kind.FAILED,
    "runner_scheduling_failure": Kind.FAILED,
    "runner_connection_timeout": Kind.FAILED,
    "runner_disconnected": Kind.FAILED,
    "runner_connection_refused": Kind.FAILED,
    "runner_connection_error": Kind.FAILED,
    "runner_incomplete_response": Kind.FAILED,
    "runner_server_error": Kind.FAILED,
    "internal_error": Kind.FAILED,
    "client_disconnected": Kind.CANCELLED,
    "client_cancelled": Kind.CANCELLED,
    "bad_request": Kind.BAD_REQUEST,
    "concurrent_requests_limit": Kind.RATE,
}
_WORDS = _MODEL_WORDS | _PLATFORM_WORDS

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "fal does not accept our key",
    Kind.CREDIT: "the account at fal is locked or has no credit",
    Kind.MODERATED: "fal's content checker blocked the request",
    Kind.GONE: "fal does not know this request any more",
    Kind.CANCELLED: "the request was cancelled at fal",
}


About = Literal["submission", "status", "result"]


@dataclass(frozen=True, slots=True)
class _Complaint:
    word: str = ""
    message: str = ""
    field: str | None = None


def explain(answer: HttpAnswer, call: Call | None, about: About) -> ProviderError:
    """An error answer in our words; `param` is fal's own name of the field.

    Only the answer to a submission or about a result is fal's word on the job. Asking where a ticket stands, and a
    result's error without fal's words, meet hitches on the way (BUSY).
    """
    complaint = _complaint(answer) if about != "status" else _Complaint()
    kind = _kind(answer, complaint, accepted=about != "submission")
    theirs = public_text(complaint.message, hide=texts_of(call.payload)) if call else ""
    message = _OUR_TEXT.get(kind) or (f"fal: {theirs}" if theirs else f"fal answered {answer.status}")
    return ProviderError(
        kind,
        message,
        provider="fal",
        status=answer.status,
        retry_after=retry_after(answer.headers),
        param=complaint.field if kind is Kind.BAD_REQUEST else None,
    )


def _kind(answer: HttpAnswer, complaint: _Complaint, *, accepted: bool) -> Kind:
    if answer.headers.get("x-fal-request-timeout-type") == "user":
        return Kind.TIMEOUT  # a limit that was sent with the request: fal's clients never retry it
    if accepted and answer.status in (404, 410):
        return Kind.GONE  # whatever else it says: a job that cannot be found may have been drawn
    if complaint.word in _WORDS:
        return _WORDS[complaint.word]
    wants_retry = answer.headers.get("x-fal-needs-retry") == "1" or answer.headers.get("x-fal-retryable") == "true"
    if accepted:
        return _kind_of_ticket(answer.status, complaint, wants_retry=wants_retry)
    return _kind_of_submission(answer, complaint, wants_retry=wants_retry)


def _kind_of_submission(answer: HttpAnswer, complaint: _Complaint, *, wants_retry: bool) -> Kind:
    if answer.status == 403:
        return Kind.CREDIT
    if wants_retry and answer.status not in (401, 422):
        return Kind.RATE if answer.status == 429 else Kind.BUSY
    if answer.status >= 500 and ("x-fal-request-id" in answer.headers or complaint.message):
        return Kind.BUSY  # fal itself said no before it queued the request; 5xx are never billed (fal docs, FAQ)
    return kind_of_status(answer.status, own_words=False)


def _kind_of_ticket(status: int, complaint: _Complaint, *, wants_retry: bool) -> Kind:
    if status == 401:
        return Kind.KEY
    if status == 403:
        return Kind.CREDIT
    if status == 499:
        return Kind.CANCELLED
    # 400 with nothing but a text is "still in progress"; a fault of the job itself always names its type.
    if wants_retry or status >= 500 or status in (400, 408, 425, 429):
        return Kind.BUSY
    return Kind.BAD_REQUEST if complaint.message else Kind.BROKEN


def _complaint(answer: HttpAnswer) -> _Complaint:
    body = answer.error_object()
    detail: object = body.get("detail")
    word = body.get("error_type") or body.get("type") or answer.headers.get("x-fal-error-type") or ""
    if isinstance(detail, list):
        for entry in cast(list[object], detail):
            if isinstance(entry, dict):
                return _model_complaint(cast(Json, entry), str(word))
    return _Complaint(str(word), detail if isinstance(detail, str) else "")


def _model_complaint(entry: Json, platform_word: str) -> _Complaint:
    loc: object = entry.get("loc")
    names = [part for part in cast(list[object], loc) if isinstance(part, str)] if isinstance(loc, list) else []
    field = names[1] if len(names) > 1 and names[0] == "body" else None
    return _Complaint(str(entry.get("type") or platform_word), str(entry.get("msg") or ""), field)
