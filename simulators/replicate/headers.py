"""The two headers that bound a prediction: how long its creation is held open, and when it is cancelled.

Source: Replicate docs, Create a prediction and Prediction lifecycle, and its OpenAPI, read 2026-11-21. The OpenAPI's
pattern for `Prefer` lets 61 to 99 through by accident; the documented 1 to 60 are taken here.
"""

import re
from collections.abc import Mapping

from starlette.responses import Response

from simulators.replicate.errors import bad_header

LONGEST_WAIT = 60  # seconds; also what a plain `wait` means
LEAST_LIMIT = 5.0
_PREFER = re.compile(r"wait(?:=(\d{1,4}))?", re.ASCII)
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", re.ASCII)


class BadHeader(ValueError):
    """A value that Replicate does not take."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.answer: Response = bad_header(detail)


def seconds_to_wait(headers: Mapping[str, str]) -> int | None:
    """`wait` or `wait=5`; None where the answer should come at once. Raises BadHeader."""
    prefer = headers.get("prefer")
    if prefer is None:
        return None
    found = _PREFER.fullmatch(prefer)
    if not found:
        raise BadHeader("Prefer must be wait, or wait=n")
    wait = int(found[1] or LONGEST_WAIT)
    if not 1 <= wait <= LONGEST_WAIT:
        raise BadHeader(f"Prefer: wait takes 1 to {LONGEST_WAIT} seconds")
    return wait


def cancel_after(headers: Mapping[str, str]) -> float | None:
    """`30`, `30s`, `5m` or `1h30m45s` in seconds. Raises BadHeader."""
    text = headers.get("cancel-after")
    if text is None:
        return None
    found = _DURATION.fullmatch(text.strip())
    if not found or not any(found.groups()):
        raise BadHeader("Cancel-After must be a duration such as 30, 30s, 5m or 1h30m45s")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    limit = float(hours * 3600 + minutes * 60 + seconds)
    if limit < LEAST_LIMIT:
        raise BadHeader("Cancel-After must be at least 5 seconds")
    return limit
