"""fal's error bodies: an array for what the model refuses, a string for what the platform does.

Source: fal docs, "Model errors" and "Request errors", read 2026-11-21.
"""

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

from simulators.front import json_answer

DOCS = "https://docs.fal.ai/errors#"
# Two of pydantic's words are others on fal's page.
_RENAMED = {"too_long": "sequence_too_long", "too_short": "sequence_too_short"}


@dataclass(frozen=True)
class Failure:
    """How a run ended when it ended badly: what a direct call answers, and what a queued one's result does.

    `error_type` is empty where fal's platform has no word for it.
    """

    status: int
    body: dict[str, Any]
    error_type: str
    headers: dict[str, str] = field(default_factory=dict[str, str])

    def answer(self) -> Response:
        named = {"X-Fal-Error-Type": self.error_type} if self.error_type else {}
        return json_answer(self.body, self.status, {**named, **self.headers})


def _entry(kind: str, message: str, loc: list[str | int], **more: Any) -> dict[str, Any]:
    return {"loc": loc, "msg": message, "type": kind, "url": DOCS + kind, **more}


def model_failure(status: int, kind: str, message: str, loc: list[str | int], **more: Any) -> Failure:
    """One entry of the array form."""
    return Failure(status, {"detail": [_entry(kind, message, loc, **more)]}, kind)


def refused(wrong: ValidationError) -> Failure:
    """A body outside the model's schema: every mistake in one array."""
    detail: list[dict[str, Any]] = []
    for error in wrong.errors(include_url=False):
        kind = _RENAMED.get(error["type"], error["type"])
        more: dict[str, Any] = {"ctx": error["ctx"]} if "ctx" in error else {}
        detail.append(_entry(kind, error["msg"], ["body", *error["loc"]], input=error["input"], **more))
    return Failure(422, {"detail": detail}, detail[0]["type"])


def platform_failure(status: int) -> Failure:
    """The platform's own error for that status."""
    kind, message = _PLATFORM.get(status, (None, "Error"))
    body = {"detail": message} if kind is None else {"detail": message, "error_type": kind}
    headers: dict[str, str] = {}
    if status == 429:
        body = {"detail": message, "type": kind}
        headers["X-Fal-Needs-Retry"] = "1"
    return Failure(status, body, kind or "", headers)


MODERATED = model_failure(
    422,
    "content_policy_violation",
    "The content could not be processed because it contained material flagged by a content checker.",
    ["body", "prompt"],
)
FAILED = model_failure(500, "internal_server_error", "Internal server error", ["body"])
CANCELLED = Failure(
    499, {"detail": "Request was cancelled by the client", "error_type": "client_cancelled"}, "client_cancelled"
)
START_TIMEOUT = Failure(
    504,
    {"detail": "Request timed out before it was started", "error_type": "request_timeout"},
    "request_timeout",
    {"X-Fal-Request-Timeout-Type": "user"},
)


def bad_key() -> Response:
    return json_answer({"detail": "invalid key credentials"}, 401)


def not_found() -> Response:
    return json_answer({"status": "NOT_FOUND"}, 404)


_PLATFORM: dict[int, tuple[str | None, str]] = {
    400: ("bad_request", "Bad request"),
    401: (None, "invalid key credentials"),
    403: (None, "User is locked. Reason: Exhausted balance."),
    404: (None, "Application not found"),
    429: ("concurrent_requests_limit", "Too many concurrent requests"),
    499: ("client_disconnected", "Client disconnected"),
    500: ("runner_server_error", "The runner answered with a server error"),
    502: ("runner_incomplete_response", "The runner's response was incomplete"),
    503: ("runner_disconnected", "The runner disconnected"),
    504: ("request_timeout", "Request timed out"),
}
