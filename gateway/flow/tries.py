"""One call with its retries: in its turn, at its place, and what it brings taken in picture by picture."""

import asyncio
import time
from random import Random

from gateway.flow.bringing_in import bring_in, note
from gateway.flow.calling import NotSent, OverBudget, TooLate
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn, mixes, outcome_of
from gateway.flow.order import Order
from gateway.flow.places import Place
from gateway.flow.record import MadeBefore
from gateway.flow.sending import send_one
from gateway.flow.turns import Turn
from normalizers.plan import Plan, PlannedCall
from providers.errors import Kind, ProviderError

TRIES = 3  # of one call at one provider, when the failure cost nothing
JITTER = Random()  # noqa: S311 - spreads what is repeated, guards nothing
LONGEST_WAIT = 20.0  # a provider that wants a longer pause is left for the next one


async def one_call(
    planned: PlannedCall, turn: Turn, order: Order, drawn: Drawn, at: Deps, *, reserved: list[Place]
) -> None:
    """What it brings or why it failed is added to `drawn`. `reserved` may hold a place for the first who takes it."""
    plan, retries = turn.candidate.plan, order.reach.standing(turn.offer).retries
    pause = at.routing.retries.first_pause
    retries.called(plan.offer.provider)
    for left in reversed(range(TRIES)):
        try:
            place = reserved.pop() if reserved else await until_deadline(plan, order, at)
        except ProviderError as cancelled:
            drawn.errors.append(cancelled)
            return
        if place is None:
            drawn.errors.append(no_place(plan, at))
            return
        started = at.routing.now()
        try:
            if in_vain(plan, drawn):
                return
            sent, answer = await send_one(planned, plan, order, drawn, at, elsewhere=not turn.sole)
        except (NotSent, MadeBefore) as error:
            drawn.errors.append(error)
            return
        except ProviderError as error:
            note(drawn, plan, outcome_of(error), made(planned, drawn), at.routing.now() - started)
            report(error, plan, started, order, at)
            wait = max(pause * JITTER.uniform(0.75, 1.25), error.retry_after or 0)
            again = left and may_try_again(error, wait, turn, order, at)
            if not (again and await at.limits.once_more(order, plan.offer)):
                error.param = as_given(error.param, plan, planned)
                drawn.errors.append(error)
                return
        else:
            at.routing.latencies.observe(plan.offer, at.routing.now() - started)
            break
        finally:
            place.leave()
        if made(planned, drawn) == len(planned.indexes):
            return
        planned = plan.calls([index for index in planned.indexes if index not in drawn.pictures])[0]
        await asyncio.sleep(wait)
        pause *= 2
    else:
        raise AssertionError("the last try returns or brings an answer")
    await bring_in(answer, sent, order, drawn, at, plan=plan, started=started)


def made(planned: PlannedCall, drawn: Drawn) -> int:
    """How many of its pictures are there; also a call that fails may have brought some before."""
    return sum(index in drawn.pictures for index in planned.indexes)


async def until_deadline(plan: Plan, order: Order, at: Deps) -> Place | None:
    provider = plan.offer.provider
    with order.record.stop.interrupts(provider, "the request was cancelled; nothing was sent"):
        return await order.reach[provider].standing.places.take(provider, order.deadline - time.monotonic())


def no_place(plan: Plan, at: Deps) -> ProviderError:
    provider = plan.offer.provider
    return TooLate(provider, f"its {at.routing.places.most(provider)} places stayed taken until the deadline")


def in_vain(plan: Plan, drawn: Drawn) -> bool:
    """Whether another call has met what this one would: nothing more is sent there, or paid for a request that fails.

    Only a call that waited for its place, or for another try, can be late for that.
    """
    here = plan.offer.provider
    if any(isinstance(error, MadeBefore | OverBudget) for error in drawn.errors):
        return True
    return any(not error.elsewhere or (error.provider == here and not error.again) for error in drawn.errors)


def report(error: ProviderError, plan: Plan, started: float, order: Order, at: Deps) -> None:
    """A deadline that others had used up speaks against nobody: a timeout counts with half of the time at least."""
    if error.kind is Kind.TIMEOUT and at.routing.now() - started < (order.deadline - order.started) / 2:
        return
    order.reach.health(plan.offer).failed(plan.offer, error.kind, started, error.retry_after)


def may_try_again(error: ProviderError, wait: float, turn: Turn, order: Order, at: Deps) -> bool:
    """Whether to send the call once more after `wait` seconds. With somebody else to ask, nobody waits for a provider
    that asks for a pause, unless its other pictures would then come from another provider than this one.
    """
    if not error.again or error.paid or wait > LONGEST_WAIT or time.monotonic() + wait >= order.deadline:
        return False
    trouble = None if turn.sole else order.reach.health(turn.offer).trouble(turn.offer)
    one_of_several = turn.candidate.plan.n > 1 and not mixes(order)
    if trouble is not None and not (trouble.word == "paused" and one_of_several):
        return False
    return order.reach.standing(turn.offer).retries.take(turn.offer.provider)


def as_given(field: str | None, plan: Plan, planned: PlannedCall) -> str | None:
    """The caller's own name for the wire field that a provider complains about; None for what was never sent.

    A provider may put anything there, the prompt or a key of ours included.
    """
    if field is None:
        return None
    sent = (row for row in plan.decisions if row.sent_as and row.sent_as.rpartition(".")[2] == field)
    return next((row.given_as for row in sent), field if field in planned.payload else None)
