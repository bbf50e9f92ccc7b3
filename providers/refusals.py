"""What every adapter's `explain` is made of: a kind for a status, a wish to wait, and words that are safe to repeat."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from providers.errors import Kind

MAX_TEXT = 300  # characters of a provider's own words that are repeated
MOST_HIDDEN = 64 * 1024  # characters of a caller's texts that are searched for; with more, nothing is repeated
_WINDOW = 16  # a run of so many characters from a caller's text counts as an echo of it

_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{48,}")  # base64, tokens
_KEY_LIKE = re.compile(r"\b(?:sk|pk|lmnfl|r8)[-_][A-Za-z0-9*._-]{6,}|\b(?:Bearer|Key) (?=\S*\d)\S{8,}")
_MASK = re.compile("\0+")
_PICTURE = re.compile(r"data:[a-z]+/[a-z0-9.+-]+;base64,|[A-Za-z0-9+/]{64}")
_DATA_URI = re.compile(r"data:[^\s\"']*", re.IGNORECASE)

# Statuses whose meaning does not depend on who answered. 521–524 are Cloudflare's: 521–523 it did not reach the
# server, 524 it did and gave up waiting (Cloudflare docs, 5xx errors, read 2026-11-21); 529 is "overloaded".
_KIND_OF_STATUS: dict[int, Kind] = {
    401: Kind.KEY,
    402: Kind.CREDIT,
    403: Kind.KEY,
    408: Kind.BUSY,
    425: Kind.BUSY,
    429: Kind.RATE,
    499: Kind.CANCELLED,
    503: Kind.BUSY,
    504: Kind.LOST,
    520: Kind.LOST,
    521: Kind.BUSY,
    522: Kind.BUSY,
    523: Kind.BUSY,
    524: Kind.LOST,
    529: Kind.BUSY,
}


def kind_of_status(status: int, *, own_words: bool) -> Kind:
    """The kind of an error status of a call that was sent.

    `own_words`: the body is the provider's own error, not a page of some proxy before it. A page that says 500 or 502
    may hide a picture that was made, so it is LOST; the provider's own word says that it failed.
    """
    if status in _KIND_OF_STATUS:
        return _KIND_OF_STATUS[status]
    if status >= 500:
        return Kind.FAILED if own_words else Kind.LOST
    return Kind.BAD_REQUEST if status >= 400 else Kind.BROKEN


def kind_of_question(status: int) -> Kind:
    """The kind of an error status of a question about a ticket: it says nothing about what the ticket stands for.

    404 alone does: the provider does not know it, or not any more.
    """
    about = {401: Kind.KEY, 402: Kind.CREDIT, 403: Kind.KEY, 404: Kind.GONE, 429: Kind.RATE}
    return about.get(status, Kind.BUSY)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait a provider asks for, in seconds: `retry-after-ms`, or `retry-after` as a number or an HTTP date."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "")
        try:
            seconds = float(text) * scale
        except ValueError:
            continue
        if 0 <= seconds < 86_400:
            return seconds
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", "")).astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or one at the end of time in a zone west of here
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def texts_of(payload: Mapping[str, Any]) -> list[str]:
    """Every string a caller may have put into a payload, for `public_text` to hide.

    Pictures are left out: they are longer than any prompt, and no base64 is repeated anyway.
    """
    found: list[str] = []
    waiting: list[object] = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if len(value) <= MOST_HIDDEN or not _PICTURE.match(value):
                found.append(value)
        elif isinstance(value, dict):
            waiting.extend(cast(dict[str, object], value).values())
        elif isinstance(value, list):
            waiting.extend(cast(list[object], value))
    return found


def public_text(text: object, *, hide: Iterable[str] = ()) -> str:
    """A provider's words in one line, without keys, base64 or any longer run of the texts in `hide`.

    `""` for anything but a string, and where the texts to hide are too long to be looked for.
    """
    if not isinstance(text, str):
        return ""
    line = " ".join(text[: 8 * MAX_TEXT].split())
    line = "".join(character for character in line if character.isprintable())
    for pattern in (_DATA_URI, _KEY_LIKE, _LONG_RUN):
        line = pattern.sub("…", line)
    secrets = list(hide)
    if sum(map(len, secrets)) > MOST_HIDDEN:
        return ""
    shown = line[: MAX_TEXT + _WINDOW]  # so that an echo which the end cuts through is still recognised
    for secret in secrets:
        shown = _masked(shown, " ".join(secret.split()))
    shown = _MASK.sub("…", shown[:MAX_TEXT])
    return shown if len(line) <= MAX_TEXT else shown[: MAX_TEXT - 1] + "…"


def _masked(line: str, secret: str) -> str:
    """As long as before, with zeros, which no line holds, in the place of the secret."""
    if not secret:
        return line
    if len(secret) < _WINDOW:
        return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "\0" * len(secret), line)
    echoed = [False] * len(line)
    for start in range(len(line) - _WINDOW + 1):
        if line[start : start + _WINDOW] in secret:
            echoed[start : start + _WINDOW] = [True] * _WINDOW
    return "".join("\0" if hidden else character for character, hidden in zip(line, echoed, strict=True))
