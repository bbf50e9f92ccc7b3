"""DashScope's error bodies: `{request_id, code, message}`, of a call and, with status 200, inside a task.

Source: Model Studio docs, "Error codes", read 2026-11-21. The wording of the messages is not documented throughout.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from simulators.front import json_answer


@dataclass(frozen=True)
class Failure:
    """How a call or a task ended when it ended badly."""

    status: int
    code: str
    message: str

    def answer(self) -> Response:
        return answered({"code": self.code, "message": self.message}, self.status)


def answered(body: dict[str, Any], status: int = 200) -> Response:
    """Every answer has an id of its own."""
    return json_answer({**body, "request_id": str(uuid.uuid4())}, status)


def invalid(message: str, code: str = "InvalidParameter") -> Failure:
    return Failure(400, code, message)


MODERATED = invalid("Input or output data may contain inappropriate content.", "DataInspectionFailed")
FAILED = Failure(500, "InternalError.Algo", "inference internal error")
BAD_KEY = Failure(401, "InvalidApiKey", "Invalid API-key provided.")
NO_KEY = Failure(401, "InvalidApiKey", "No API-key provided.")
NO_MODEL = Failure(404, "ModelNotFound", "Model can not be found.")
ONLY_ASYNC = Failure(403, "AccessDenied", "current user api does not support synchronous calls.")
ONLY_SYNC = Failure(403, "AccessDenied", "current user api does not support asynchronous calls.")
TOO_LATE = invalid("The task is not pending and cannot be canceled.", "UnsupportedOperation")

_USUAL: dict[int, tuple[str, str]] = {
    400: ("InvalidParameter", "Required parameter(s) missing or invalid, please check the request parameters."),
    401: (BAD_KEY.code, BAD_KEY.message),
    403: ("AccessDenied", "Access denied."),
    404: (NO_MODEL.code, NO_MODEL.message),
    408: ("RequestTimeOut", "Request timed out, please try again later."),
    409: ("Conflict", "Model instance already exists, please specify a suffix."),
    413: ("BadRequest.TooLarge", "Payload Too Large"),
    429: ("Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    503: ("ModelUnavailable", "Model is unavailable, please try again later."),
}


def usual_error(status: int) -> Failure:
    """DashScope's own error for that status."""
    code, message = _USUAL.get(status, ("InternalError", "An internal error has occurred."))
    return Failure(status, code, message)
