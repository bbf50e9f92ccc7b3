"""Civitai's error bodies: problem documents, for a refused body with its mistakes by path, and a bare string with 403.

Source: Civitai developer docs, Errors & retries, and the orchestrator's OpenAPI document, read 2026-11-21. The words of
a mistake are those that the docs' troubleshooting tables quote, as far as they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic_core import ErrorDetails
from starlette.responses import Response

PROBLEM = "application/problem+json"
_TITLES = {
    401: ("Unauthorized", "15.5.2"),
    402: ("Payment Required", "15.5.3"),
    404: ("Not Found", "15.5.5"),
    409: ("Conflict", "15.5.10"),
    413: ("Content Too Large", "15.5.14"),
    415: ("Unsupported Media Type", "15.5.16"),
    422: ("Unprocessable Content", "15.5.21"),
    429: ("Too Many Requests", "15.5.0"),
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with a body; `path` is `steps[0].input.steps`."""

    path: str
    message: str


def problem(status: int, detail: str | None = None) -> Response:
    """Civitai's own error for that status."""
    if status == 403:
        return Response(orjson.dumps(detail or "Forbidden"), status, media_type="application/json")
    title, section = _TITLES.get(status, ("An error occurred while processing your request.", "15.6.1"))
    body = {"type": f"https://tools.ietf.org/html/rfc9110#section-{section}", "title": title, "status": status}
    return Response(orjson.dumps(body | ({"detail": detail} if detail else {})), status, media_type=PROBLEM)


def refused(mistakes: Sequence[Mistake]) -> Response:
    """A body that is not taken: every mistake at once."""
    errors: dict[str, list[str]] = {}
    for each in mistakes:
        errors.setdefault(each.path, []).append(each.message)
    body = {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": errors,
    }
    return Response(orjson.dumps(body), 400, media_type=PROBLEM)


def mistake(error: ErrorDetails, at: str = "") -> Mistake:
    """One of pydantic's, in Civitai's words; `at` is the path of the object that was read."""
    path = at
    for step in error["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    name = next((str(step) for step in reversed(error["loc"]) if isinstance(step, str)), "body")
    return Mistake(path or "$", _words(name, error))


_WORDS = {
    "missing": "{name} is required.",
    "extra_forbidden": "{name} is not a valid property.",
    "literal_error": "{name} must be one of {expected}.",
    "too_long": "{name} maxItems is {max_length}.",
    "too_short": "{name} minItems is {min_length}.",
    "string_too_long": "{name} must be at most {max_length} characters.",
    "string_pattern_mismatch": "{name} must match AIR pattern.",
    "multiple_of": "{name} must be divisible by {multiple_of}.",
    "greater_than_equal": "The field {name} must be at least {ge}.",
    "less_than_equal": "The field {name} must be at most {le}.",
}


def _words(name: str, error: ErrorDetails) -> str:
    given: dict[str, Any] = error.get("ctx", {})
    return _WORDS.get(error["type"], f"{{name}}: {error['msg']}.").format(name=name, **given)
