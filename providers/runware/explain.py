"""Runware's errors in our words (Runware docs, Errors, read 2026-11-21)."""

from collections.abc import Sequence
from typing import Any, cast

from providers.base import Call, Json
from providers.errors import Kind, ProviderError
from providers.http import HttpAnswer
from providers.refusals import kind_of_status, public_text, retry_after, texts_of
from providers.runware.codes import kind_of

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "Runware does not accept our key, or has suspended the account",
    Kind.CREDIT: "the account at Runware has no credit",
    Kind.MODERATED: "Runware's content policy blocked the request",
    Kind.GONE: "Runware does not know this task any more",
    Kind.CANCELLED: "the task was cancelled at Runware",
}
_ENDS: dict[Kind, Kind] = dict.fromkeys((Kind.BUSY, Kind.RATE, Kind.KEY, Kind.CREDIT, Kind.LOST), Kind.FAILED)


def refusal(answer: HttpAnswer, found: Sequence[Json], call: Call | None) -> ProviderError:
    """Why a task was not accepted, or, without a call, an upload."""
    complaint = found[0] if found else {}
    said = kind_of(complaint.get("code"))
    # A proxy's error is not Runware's word: the task may be on its way.
    kind = said or kind_of_status(answer.status, own_words=bool(complaint))
    return _error(kind, complaint, call, answer)


def hitch(answer: HttpAnswer, found: Sequence[Json]) -> ProviderError:
    """Why a question about a task has no answer: the task is unknown, or something that says nothing about it."""
    gone = any(kind_of(each.get("code")) is Kind.GONE for each in found)
    kind = Kind.GONE if gone else Kind.RATE if answer.status == 429 else Kind.BUSY
    return _error(kind, {}, None, answer)


def failure(found: Sequence[Json], call: Call) -> ProviderError:
    """Why an accepted task failed: the worst that was said of its results. An unknown reason may be moderation."""
    kinds = [kind_of(each.get("code")) or Kind.BROKEN for each in found]
    worst = min(range(len(kinds)), key=lambda place: _GRAVITY.get(kinds[place], len(_GRAVITY)))
    return _error(_ENDS.get(kinds[worst], kinds[worst]), found[worst], call, None)


_GRAVITY = {kind: place for place, kind in enumerate((Kind.MODERATED, Kind.BROKEN, Kind.BAD_REQUEST, Kind.GONE))}


def _error(kind: Kind, complaint: Json, call: Call | None, answer: HttpAnswer | None) -> ProviderError:
    theirs = public_text(complaint.get("message"), hide=texts_of(call.payload)) if call else ""
    told = (
        f"Runware: {theirs}" if theirs else f"Runware answered {answer.status}" if answer else "Runware's task failed"
    )
    return ProviderError(
        kind,
        _OUR_TEXT.get(kind) or told,
        provider="runware",
        status=answer.status if answer else None,
        retry_after=retry_after(answer.headers) if answer else None,
        param=_field(complaint.get("parameter")) if kind is Kind.BAD_REQUEST else None,
    )


def _field(parameter: Any) -> str | None:
    """The wire field of `inputs.strength` or `inputs.referenceImages.0`; of several the first."""
    first = cast("list[object]", parameter)[0] if isinstance(parameter, list) and parameter else cast(object, parameter)
    steps = first.split(".") if isinstance(first, str) else []
    return next((step for step in reversed(steps) if not step.isdecimal()), None)
