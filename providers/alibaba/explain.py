"""DashScope's errors in our words.

A word stands under `code`, of a call and of a task that failed (Model Studio docs, Error codes, read 2026-11-21). It
says more than the status: an overdue account is a 400 or a 429, and moderation is a 400 or a 500.
"""

from collections.abc import Mapping
from typing import Any

from providers.base import Call
from providers.errors import Kind, ProviderError
from providers.http import HttpAnswer
from providers.refusals import kind_of_status, public_text, retry_after, texts_of

# A longer word beats a shorter one: `InternalError.Algo.DataInspectionFailed` is no `InternalError`.
_WORDS: dict[str, Kind] = {
    "DataInspectionFailed": Kind.MODERATED,
    "data_inspection_failed": Kind.MODERATED,
    "InternalError.Algo.DataInspectionFailed": Kind.MODERATED,
    "IPInfringementSuspect": Kind.MODERATED,
    "CustomRoleBlocked": Kind.MODERATED,
    "FaqRuleBlocked": Kind.MODERATED,
    "Arrearage": Kind.CREDIT,
    "CommodityNotPurchased": Kind.CREDIT,
    "PrepaidBillOverdue": Kind.CREDIT,
    "PostpaidBillOverdue": Kind.CREDIT,
    "AllocationQuota.FreeTierOnly": Kind.CREDIT,
    "InvalidApiKey": Kind.KEY,
    "NOT AUTHORIZED": Kind.KEY,
    "AccessDenied": Kind.KEY,
    "Model.AccessDenied": Kind.NOT_ALLOWED,
    "Workspace.AccessDenied": Kind.KEY,
    "Throttling": Kind.RATE,
    "insufficient_quota": Kind.RATE,  # their word for tokens a minute, no matter of money
    "ModelServingError": Kind.BUSY,
    "ModelUnavailable": Kind.BUSY,
    # Only pictures that were drawn are billed, so their own word for a failure says that nothing was paid.
    "InternalError": Kind.FAILED,
    "SystemError": Kind.FAILED,
    "ModelServiceFailed": Kind.FAILED,
    "RewriteFailed": Kind.FAILED,
    "RequestTimeOut": Kind.FAILED,
    "InvalidParameter": Kind.BAD_REQUEST,  # also `.DataInspection`: a picture that could not be fetched
    "BadRequest": Kind.BAD_REQUEST,
    "InvalidURL": Kind.BAD_REQUEST,
    "InvalidImage": Kind.BAD_REQUEST,
    "InvalidImageFormat": Kind.BAD_REQUEST,
    "InvalidImageResolution": Kind.BAD_REQUEST,
    "InvalidFile": Kind.BAD_REQUEST,
    "UnsupportedOperation": Kind.BAD_REQUEST,
}

_OUR_TEXT: dict[Kind, str] = {
    Kind.KEY: "DashScope does not accept our key for this; keys belong to one region",
    Kind.NOT_ALLOWED: "DashScope does not allow our key to use this model",
    Kind.CREDIT: "the account at Alibaba Cloud is overdue or its free quota is used up",
    Kind.MODERATED: "DashScope's moderation blocked the request",
    Kind.CANCELLED: "the task was cancelled at DashScope",
}

# Of a task these would read as a hitch in asking for it, to be waited out.
_PASSING = frozenset({Kind.KEY, Kind.CREDIT, Kind.RATE, Kind.BUSY})


def explain(answer: HttpAnswer, call: Call | None) -> ProviderError:
    """An error answer in our words. Without a call it is about a ticket, and a hitch on the way (BUSY) at most."""
    body = answer.error_object()
    word = body.get("code")
    kind = _kind(word) or kind_of_status(answer.status, own_words=isinstance(word, str))
    if call is None and kind is not Kind.RATE:
        kind = Kind.BUSY
    return _error(kind, body, call, answer.status, retry_after(answer.headers))


def failed_task(told: Mapping[str, Any], call: Call) -> ProviderError:
    """Why a task, or a picture of one, came to nothing; it is not billed then."""
    cancelled = told.get("task_status") == "CANCELED"
    kind = Kind.CANCELLED if cancelled else _kind(told.get("code")) or Kind.FAILED
    return _error(Kind.FAILED if kind in _PASSING else kind, told, call, 200, None)


def is_blocked(result: Mapping[str, Any]) -> bool:
    """One picture of several that the moderation did not let through."""
    return _kind(result.get("code")) is Kind.MODERATED


def _kind(word: object) -> Kind | None:
    """`Throttling.BurstRate` is a `Throttling`."""
    parts = word.split(".") if isinstance(word, str) else []
    longest_first = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((_WORDS[name] for name in longest_first if name in _WORDS), None)


def _error(kind: Kind, told: Mapping[str, Any], call: Call | None, status: int, wish: float | None) -> ProviderError:
    theirs = public_text(told.get("message"), hide=texts_of(call.payload)) if call else ""
    message = _OUR_TEXT.get(kind) or (f"DashScope: {theirs}" if theirs else f"DashScope answered {status}")
    return ProviderError(kind, message, provider="alibaba", status=status, retry_after=wish)
