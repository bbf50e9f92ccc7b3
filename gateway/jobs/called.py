"""A call as it is written down, and how it ended in the words of `metadata.attempts`."""

from collections.abc import Mapping

from gateway.flow.record import SentCall
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


def row_of(
    sent: SentCall,
    state: CallState,
    *,
    ticket: str | None = None,
    images: int = 0,
    cost_micros: int | None = None,
    cost_basis: str | None = None,
    reason: str | None = None,
    finished: float | None = None,
) -> CallRow:
    return CallRow(
        number=sent.number,
        provider=sent.provider,
        offer=sent.offer,
        call=sent.id,
        indexes=sent.indexes,
        state=state,
        started=sent.started,
        ticket=ticket,
        images=images,
        cost_micros=cost_micros,
        cost_basis=cost_basis,
        reason=reason,
        finished=finished,
    )
