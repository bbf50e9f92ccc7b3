"""A call as it is written down, and how it ended in the words of `metadata.attempts`."""

from collections.abc import Mapping

from gateway.flow.record import SentCall
from gateway.store.entries import CallRow, CallState
from normalizers.plan import Plan
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


def planned_call(
    number: int, call: str, plan: Plan, indexes: tuple[int, ...], now: float, *, own_key: bool
) -> SentCall:
    """A call that is about to go out, with what its pictures are planned to have and to cost."""
    size, images = plan.drawn or plan.pixels, len(indexes)
    return SentCall(
        number,
        call,
        plan.offer.provider,
        plan.offer.id,
        indexes,
        now,
        pixels=None if size is None else size[0] * size[1] * images,
        planned=None if plan.price is None else plan.price * images,
        price=f"{plan.quote.basis} {plan.offer.price.shape}",
        own_key=own_key,
    )


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
        pixels=sent.pixels,
        planned_micros=sent.planned,
        price=sent.price,
        own_key=sent.own_key,
    )
