"""One call goes out: its pictures put in, written down before it leaves, and its end written down too."""

from dataclasses import replace

from gateway.flow.calling import KeyGone, NotSent, Stopped, ask
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn
from gateway.flow.early import Early
from gateway.flow.hand_over import with_wire_forms
from gateway.flow.order import Order
from gateway.flow.record import CallEnd, SentCall
from normalizers.plan import Plan, PlannedCall
from providers.base import Answer, Call
from providers.errors import Kind, ProviderError


async def send_one(
    planned: PlannedCall, plan: Plan, order: Order, drawn: Drawn, at: Deps, *, elsewhere: bool = False
) -> tuple[SentCall, Answer]:
    """What is ready before the answer is added to `drawn`. `elsewhere`: another candidate could be asked for it.

    Raises ProviderError; NotSent or MadeBefore where nothing went out.
    """
    reach = await at.adapters.now(order.reach, plan.offer.provider)
    if reach is None:
        raise KeyGone(plan.offer.provider)
    with reach[plan.offer.provider]:
        order = order if reach is order.reach else replace(order, reach=reach)
        return await send_now(planned, plan, order, drawn, at, elsewhere=elsewhere)


async def send_now(
    planned: PlannedCall, plan: Plan, order: Order, drawn: Drawn, at: Deps, *, elsewhere: bool
) -> tuple[SentCall, Answer]:
    record = order.record
    call = await with_wire_forms(make_call(planned, plan, order, elsewhere=elsewhere), plan, order, at)
    sent = await record.sending(call.id, plan, planned.indexes, own_key=order.reach[plan.offer.provider].own)
    early = Early(sent, plan, order, drawn, at)
    try:
        if record.stop.given:
            raise Stopped(sent.provider)
        webhook = record.webhook(sent)
        answer = await ask(replace(call, webhook=webhook) if webhook else call, sent, order, at, watch=early)
    except ProviderError as error:
        await early.settled()
        record.ended(sent, end_of(error), reason=reason_of(error))
        raise
    await early.settled()
    return sent, answer


def end_of(error: ProviderError) -> CallEnd:
    """What is written down of a call that failed. A picture that was blocked may be charged, but nothing is open."""
    if isinstance(error, NotSent):
        return "failed"
    if error.kind is Kind.CANCELLED:
        return "cancelled"
    return "unknown" if error.paid and error.kind is not Kind.MODERATED else "failed"


def reason_of(error: ProviderError) -> str:
    """`busy: it is overloaded`; `jobs/called.py` takes it apart."""
    return f"{error.kind.value}: {error.message}"


def make_call(planned: PlannedCall, plan: Plan, order: Order, *, elsewhere: bool = False) -> Call:
    place = planned.indexes[0]
    return Call(
        id=f"{order.id}.{place}",
        upstream=plan.offer.upstream,
        operation=plan.offer.operation,
        payload=planned.payload,
        images=len(planned.indexes),
        want=plan.way,
        partial_images=partials(order),
        team=order.caller.team,
        waited_for=order.record.waited_for,
        elsewhere=elsewhere,
        deadline=order.deadline,
    )


def partials(order: Order) -> int:
    """How many previews of each picture the caller waits for."""
    wanted = order.asked.fields.get("partial_images")
    return wanted if order.streamed and isinstance(wanted, int) else 0
