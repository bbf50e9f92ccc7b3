"""A job is taken up where an earlier attempt at it ended: what was made is kept, what was sent is followed to its end.

Nothing is sent a second time, but under an id of ours, which a provider draws once, and a worker of ours for nothing.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from gateway.errors import Overloaded
from gateway.flow.access import Access
from gateway.flow.bringing_in import bring_in, note
from gateway.flow.calling import ask
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn, Found, may_be_completed_elsewhere, outcome_of
from gateway.flow.early import Early
from gateway.flow.hand_over import with_wire_forms
from gateway.flow.intake import handed_on
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.record import Before, OpenCall, SentCall
from gateway.flow.sending import end_of, make_call, reason_of
from gateway.flow.together import together
from gateway.store.pictures import PictureStoreError
from normalizers.plan import Plan
from providers.abilities import Repeats
from providers.base import Answer
from providers.errors import Kind, ProviderError

LOST = "the gateway stopped while the call was on its way; it may have been paid, and is not sent again"
GONE = "the team's own key, under which it was sent, was deleted; it may have been paid, and is not sent again"
ANOTHER_KEY = "the team has brought another key since it was sent, which does not lead to it; it may have been paid"
NOT_CONFIGURED = "its provider is no longer configured; it may have been paid, and is not sent again"


def preferred(order: Order, candidates: Sequence[Found], before: Before) -> list[Found]:
    """Those that have drawn for this job already come first: the rest is drawn by the same hand, if it can.

    For who wants one hand there is no other, unless none of them is there any more: then all is drawn anew.
    """
    used = {picture.offer for picture in before.pictures.values()} | {each.sent.offer for each in before.open}
    first = [each for each in candidates if each.plan.offer.id in used]
    if first and not may_be_completed_elsewhere(order):
        return first[:1]
    return first + [each for each in candidates if each not in first]


async def take_up(order: Order, candidates: Sequence[Found], before: Before, drawn: Drawn, at: Deps) -> None:
    """Adds to `drawn` what is known, and what open calls still bring. Raises Overloaded."""
    drawn.plan = candidates[0].plan
    drawn.attempts += before.attempts
    drawn.charge(before.charges)
    await use(order, candidates, before, drawn, at)
    drawn.errors += [ProviderError(Kind.LOST, LOST, provider=provider) for provider in before.lost]
    plans = {each.plan.offer.id: each.plan for each in candidates}
    with ExitStack() as held:
        for opened in before.open:
            plan = plans.get(opened.sent.offer)
            if plan is not None:
                held.callback(places_again(opened, plan, order, at))
        await together([go_on(each, plans.get(each.sent.offer), order, drawn, at) for each in before.open])


def places_again(opened: OpenCall, plan: Plan, order: Order, at: Deps) -> Callable[[], None]:
    """Within the provider's limits, which the call takes until what this returns is called."""
    admitted = at.limits.take_up_at_provider(order, plan, opened.sent.indexes)
    return lambda: at.limits.end(admitted, lost=order.record.lost)


async def use(order: Order, candidates: Sequence[Found], before: Before, drawn: Drawn, at: Deps) -> None:
    """The pictures that there are. Those that another job left are from now on this one's, and cost it nothing."""
    by_offer = {each.plan.offer.id: each for each in candidates}
    for index, picture in before.pictures.items():
        if index >= drawn.plan.n or not (picture.offer == drawn.plan.offer.id or may_be_completed_elsewhere(order)):
            continue
        its = by_offer.get(picture.offer, candidates[0])
        if picture.cache == "miss":
            drawn.pictures[index] = picture
        elif await still_there(picture, its.plan, order, at):
            drawn.pictures[index] = its.pictures.get(index, picture)
            order.record.pictured(index, drawn.pictures[index], its.plan)


async def still_there(picture: Picture, plan: Plan, order: Order, at: Deps) -> bool:
    """In the form that is wanted: of one that is not stored, only its provider's URL is left.

    Raises Overloaded where nobody can say.
    """
    if picture.hash is None:
        return handed_on(plan, order)
    try:
        return await at.pictures.head(order.caller.team, picture.name) is not None
    except PictureStoreError as away:
        raise Overloaded("the place where pictures are kept does not answer; nothing was sent") from away


async def go_on(opened: OpenCall, plan: Plan | None, order: Order, drawn: Drawn, at: Deps) -> None:
    """What the call brings, or why it failed, is added to `drawn`."""
    sent, started = opened.sent, at.routing.now()
    access = order.reach.of_call(sent.provider, own_key=sent.own_key)
    if access is None:
        lose(sent, GONE if sent.own_key else NOT_CONFIGURED, order, drawn)
        return
    if plan is None:
        lose(sent, "the gateway no longer offers what it was drawing; it may have been paid", order, drawn)
        return
    order = replace(order, reach=order.reach.through(access))
    if opened.ticket is None and not may_repeat(access, sent, order):
        found = await order.record.found(sent, order.deadline - time.monotonic())
        if found is None:
            lose(sent, LOST, order, drawn)
            note(drawn, plan, "unknown", 0, 0)
            return
        opened = replace(opened, ticket=found)
    try:
        with access:
            answer = await answer_of(opened, plan, order, drawn, at)
    except ProviderError as error:
        if of_another_account(error, access, sent):
            error = ProviderError(Kind.LOST, f"{ANOTHER_KEY} ({error.message})", provider=sent.provider)
        order.record.ended(sent, end_of(error), reason=reason_of(error))
        drawn.errors.append(error)
        note(drawn, plan, outcome_of(error), 0, at.routing.now() - started)
        return
    await bring_in(answer, sent, order, drawn, at, plan=plan, started=started)


def of_another_account(error: ProviderError, access: Access, sent: SentCall) -> bool:
    """Whether it says nothing of the call, because the team has brought another account's key since it was sent."""
    return access.since > sent.started and not error.paid and error.kind is not Kind.FAILED


def may_repeat(access: Access, sent: SentCall, order: Order) -> bool:
    """Sent again, it is the same call. Of a request that was cancelled it might be the first, as it would be at an
    account of which the team has brought the key since then.
    """
    return isinstance(access.adapter, Repeats) and access.since <= sent.started and not order.record.stop.given


def lose(sent: SentCall, why: str, order: Order, drawn: Drawn) -> None:
    """Nobody will know what became of it."""
    order.record.ended(sent, "unknown", reason=f"{Kind.LOST.value}: {why}")
    kind = Kind.CANCELLED if order.record.stop.given else Kind.LOST
    drawn.errors.append(ProviderError(kind, why, provider=sent.provider))


async def answer_of(opened: OpenCall, plan: Plan, order: Order, drawn: Drawn, at: Deps) -> Answer:
    """By its ticket, else by the call itself. Raises ProviderError."""
    sent = opened.sent
    call = make_call(plan.calls(sent.indexes)[0], plan, order)
    if opened.ticket is not None:
        return await ask(call, sent, order, at, ticket=opened.ticket)
    whole = await with_wire_forms(call, plan, order, at)
    early = Early(sent, plan, order, drawn, at)
    try:
        return await ask(replace(whole, webhook=order.record.webhook(sent)), sent, order, at, watch=early)
    finally:
        await early.settled()
