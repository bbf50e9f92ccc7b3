"""Replicate's error bodies: problems with `title`, `detail` and `status`; a refused input lists `invalid_fields`.

Source: Replicate docs, HTTP API, Rate limits and the changelog of 2024-05-01, and the recordings in
replicate/replicate-python's tests, read 2026-11-21. Which keys a 429 has beside `detail` is not published.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

# What a finished prediction says in `error` (docs, Error codes, and reported texts).
MODERATED = "The input or output was flagged as sensitive. Please try again with different inputs. (E005)"
NSFW = "NSFW content detected. Try running it again, or try a different prompt."
FAILED = "Prediction failed for an unknown reason. (E1000)"
UNREADABLE = "cannot identify image file"
NOT_FETCHED = "HTTP error: the input file could not be downloaded"  # a wording of ours

_PROBLEMS: dict[int, dict[str, Any]] = {
    401: {"title": "Unauthenticated", "detail": "You did not pass a valid authentication token"},
    402: {
        "title": "Insufficient credit",
        "detail": "You have insufficient credit to run this model. Go to the billing page to purchase credit.",
    },
    404: {"detail": "The requested resource could not be found."},
    413: {"detail": "Uploaded files must be under 100 MB."},
    429: {"detail": "Request was throttled. Your rate limit resets in ~30s."},
}


@dataclass(frozen=True)
class Invalid:
    """One entry of `invalid_fields`; `field` is `input.num_outputs`, and empty for the body itself."""

    type: str
    field: str
    description: str

    def told(self) -> dict[str, str]:
        return {"type": self.type, "field": self.field, "description": self.description}


def answer(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps({**body, "status": status}), status, media_type="application/problem+json")


def problem(status: int) -> Response:
    """Replicate's own error for that status."""
    return answer(_PROBLEMS.get(status, {"title": "Internal server error", "detail": "Something went wrong"}), status)


def refused(wrong: Sequence[Invalid]) -> Response:
    """A body outside the schema: every mistake at once."""
    lines = [f"- {each.field or '(root)'}: {each.description}\n" for each in wrong]
    body = {
        "title": "Input validation failed",
        "detail": "".join(lines),
        "invalid_fields": [each.told() for each in wrong],
    }
    return answer(body, 422)


def bad_version() -> Response:
    detail = "The specified version does not exist (or perhaps you don't have permission to use it?)"
    return answer({"title": "Invalid version or not permitted", "detail": detail}, 422)


def bad_header(detail: str) -> Response:
    """A `Prefer` or `Cancel-After` that is none; the status is inferred, nobody publishes it."""
    return answer({"title": "Invalid header", "detail": detail}, 422)
