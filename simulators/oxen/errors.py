"""Oxen's two kinds of error bodies, and what a failed generation says.

Source: Oxen docs, Async queue and Models (bodies with `type` and `title`), and bodies that public clients of it
recorded (`message` alone, from the model behind), read 2026-11-21. Statuses other than 401 and 404 are not documented.
"""

from typing import Any

from starlette.responses import Response

from simulators.front import json_answer

# From models, through the hub: clients recorded "Getting model response error: 422 - …".
MODERATED = "Getting model response error: 422 - The input or output was flagged as sensitive."
FAILED = "Getting model response error: 500 - Internal server error"
UNREADABLE = "Getting model response error: 422 - cannot identify image file"
NO_CREDITS = "Insufficient credits"
BAD_COUNT = "num_generations must be an integer between 1 and 4"

_TITLES: dict[str, tuple[int, str]] = {
    "unauthenticated": (401, "You are not authenticated"),
    "resource_not_found": (404, "The requested resource could not be found"),
    "invalid_params": (400, "The parameters are invalid"),
    "insufficient_credits": (402, NO_CREDITS),
    "rate_limited": (429, "Too many requests"),
    "unknown_error": (500, "An unknown error occurred"),
}
_TYPE_OF_STATUS = {status: kind for kind, (status, _title) in _TITLES.items()}


def refused(kind: str, detail: str = "", *, status: int | None = None) -> Response:
    """`{"error": {"type", "title", "detail"?}, "status": "error", "status_message"}`."""
    usual, title = _TITLES[kind]
    error: dict[str, Any] = {"type": kind, "title": title, **({"detail": detail} if detail else {})}
    return json_answer({"error": error, "status": "error", "status_message": kind}, status or usual)


def of_model(message: str, status: int) -> Response:
    """`{"error": {"message"}}`, as errors of the models themselves come."""
    return json_answer({"error": {"message": message}}, status)


def of_status(status: int) -> Response:
    """Oxen's own error for that status."""
    return refused(_TYPE_OF_STATUS.get(status, "unknown_error" if status >= 500 else "invalid_params"), status=status)
