"""Runware's error items, and the HTTP status that goes with each.

Source: Runware docs, "Errors" and "Task Polling", and the codes that runware-sdk 1.8.0 tells apart (errors.py), read
2026-11-21. Which of its codes the moderation sends is not documented: `contentPolicyViolation` is our choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from simulators.front import json_answer

DOCS = "https://runware.ai/docs/platform/errors"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one task. `parameter` is a path such as `safety.mode`, or several of them."""

    code: str
    message: str
    status: int = 400
    parameter: str | list[str] | None = None

    def item(self, task_type: str | None = None, task_uuid: str | None = None, **more: Any) -> dict[str, Any]:
        """One entry of `errors`; what is not known is left out."""
        item = {
            "code": self.code,
            "message": self.message,
            "parameter": self.parameter,
            "taskType": task_type,
            "taskUUID": task_uuid,
            "documentation": DOCS,
        }
        return {name: value for name, value in item.items() if value is not None} | more


BAD_KEY = Complaint("invalidApiKey", "Invalid API key. Get one at https://my.runware.ai/signup", 401, "apiKey")
MODERATED = Complaint("contentPolicyViolation", "The request was blocked by the content policy.", 400)
FAILED = Complaint("inferenceError", "The inference failed. Please try again.", 500)
UNKNOWN_TASK = Complaint("taskNotFound", "No task was found with this taskUUID.", 404, "taskUUID")
NOT_AN_ARRAY = Complaint("invalidRequest", "The request must be an array of at least one task.", 400)

_PLATFORM: dict[int, Complaint] = {
    401: BAD_KEY,
    402: Complaint("insufficientCredits", "Insufficient credits in your account.", 402),
    403: Complaint("accountSuspended", "This account is suspended.", 403),
    404: Complaint("modelNotFound", "The model was not found.", 404, "model"),
    429: Complaint("rateLimitExceeded", "Too many requests.", 429),
    500: Complaint("internalServerError", "An internal error occurred.", 500),
    502: Complaint("providerError", "The provider failed.", 502),
    503: Complaint("noAvailableServer", "No server is available for this model.", 503),
    504: Complaint("providerTimeout", "The provider timed out.", 504),
}


def titled(name: str) -> str:
    """A field as the codes have it: `seedImage` -> `SeedImage`."""
    return name[:1].upper() + name[1:]


def platform_complaint(status: int) -> Complaint:
    """The platform's own error for an HTTP status."""
    return _PLATFORM.get(status, Complaint("unknownError", "An unknown error occurred.", status))


def envelope(data: Sequence[dict[str, Any]], errors: Sequence[dict[str, Any]], status: int) -> Response:
    """The reply to an array of tasks. An empty `errors` is left out: the official client takes any as a failure."""
    body: dict[str, Any] = {}
    if data or not errors:
        body["data"] = list(data)
    if errors:
        body["errors"] = list(errors)
    return json_answer(body, status)


def failure(complaint: Complaint, task_type: str | None = None) -> Response:
    """A reply that holds nothing but one error."""
    return envelope((), [complaint.item(task_type)], complaint.status)
