"""How a call that is written down ended, in the words of `metadata.attempts`."""

from collections.abc import Mapping

from gateway.store.entries import CallRow, CallState
from providers.errors import Kind

OUTCOMES: Mapping[CallState, str] = {
    "sending": "running",
    "accepted": "running",
    "done": "ok",
    "failed": "failed",
    "unknown": "unknown",
    "cancelled": "cancelled",
}
KINDS = frozenset(kind.value for kind in Kind)


def outcome_and_reason(call: CallRow) -> tuple[str, str | None]:
    """`failed` because of `busy: it is overloaded` -> `busy` and `it is overloaded`."""
    outcome = OUTCOMES[call.state]
    kind, separator, rest = (call.reason or "").partition(": ")
    if not separator or kind not in KINDS:
        return outcome, call.reason
    return kind if call.state == "failed" else outcome, rest
