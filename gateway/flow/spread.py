"""n pictures as calls in parallel; what failed is tried again, or elsewhere, unless it may have been paid."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from gateway.errors import InvalidValue, RateLimited
from gateway.flow.attempt import Attempt
from gateway.flow.calling import NotWritten, OverBudget
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn, Found, may_be_completed_elsewhere
from gateway.flow.failure import failure
from gateway.flow.order import Order
from gateway.flow.places import Place
from gateway.flow.record import MadeBefore
from gateway.flow.resume import preferred, take_up
from gateway.flow.sending import make_call
from gateway.flow.together import together
from gateway.flow.tries import TRIES, one_call
from gateway.flow.turns import Turn, Turns, may_follow
from normalizers.offer import Offer
from normalizers.plan import PlannedCall
from providers.errors import Kind, ProviderError


async def draw(order: Order, candidates: Sequence[Found], drawn: Drawn, at: Deps) -> None:
    """Adds pictures to `drawn`: all that are wanted of the first candidate, else of the next that nothing forbids.

    Raises a GatewayError that names what is missing and what it may have cost; `drawn` then holds what was made.
    """
    if order.record.before is not None:
        candidates = preferred(order, candidates, order.record.before)
        await take_up(order, candidates, order.record.before, drawn, at)
        if whole(drawn):
            return
        if not may_send_more(order, drawn):
            raise failure(order, drawn, missing=drawn.plan.n - len(drawn.pictures))
    try:
        await by_turns(order, candidates, drawn, at)
    except MadeBefore:
        await draw(order, candidates, drawn, at)


async def by_turns(order: Order, candidates: Sequence[Found], drawn: Drawn, at: Deps) -> None:
    """As `draw`. Raises MadeBefore when there turn out to be pictures of an earlier try; nothing was sent then."""
    turns = Turns(order, candidates, at)
    missing = [index for index in range(drawn.plan.n) if index not in drawn.pictures] if drawn.pictures else []
    before: Offer | None = None
    failures: list[ProviderError] = []
    while (turn := turns.next(drawn)) is not None:
        missing = wanted_of(turn.candidate, missing, drawn)
        errors = len(drawn.errors)
        try:
            if missing and had_rather_not(turn, missing, order, drawn, at):
                turns.postpone(turn.candidate)
                continue
            if missing and not may_follow(turn, before, failures, len(turn.candidate.plan.calls(missing)), order):
                break
            asked = not missing or await draw_with(turn, missing, order, drawn, at)
        finally:
            if turn.admission == "probe":
                order.reach.health(turn.offer).release(turn.offer)
        missing = [index for index in missing if index not in drawn.pictures]
        if not missing:
            return
        made_before(drawn)
        if turns.postponed:
            pass_over_dear(drawn)
        if not goes_on(order, drawn):
            break
        if asked:
            before, failures = turn.offer, drawn.errors[errors:]
    raise failure(order, drawn, missing=len(missing))


def whole(drawn: Drawn) -> bool:
    return all(index in drawn.pictures for index in range(drawn.plan.n))


def made_before(drawn: Drawn) -> None:
    """Raises MadeBefore where a call was held back for it; every call of the request was."""
    found = next((error for error in drawn.errors if isinstance(error, MadeBefore)), None)
    if found is not None:
        drawn.errors.clear()
        raise found


def wanted_of(candidate: Found, missing: Sequence[int], drawn: Drawn) -> list[int]:
    """What this candidate is to draw: what it lacks itself, or what is still missing beside pictures made before.

    What the cache knows of it is not drawn again.
    """
    if not drawn.pictures:
        drawn.plan = candidate.plan
        return candidate.missing
    drawn.pictures.update({index: candidate.pictures[index] for index in missing if index in candidate.pictures})
    return [index for index in missing if index not in drawn.pictures]


def goes_on(order: Order, drawn: Drawn) -> bool:
    """Whether another candidate may draw what is missing."""
    return (not drawn.pictures or may_be_completed_elsewhere(order)) and may_send_more(order, drawn)


def may_send_more(order: Order, drawn: Drawn) -> bool:
    """Nothing of what is missing may be paid already, it can be written down, and there is time."""
    if any(isinstance(error, NotWritten | OverBudget) for error in drawn.errors):
        return False
    return all(error.elsewhere for error in drawn.errors) and time.monotonic() < order.deadline


async def draw_with(turn: Turn, wanted: Sequence[int], order: Order, drawn: Drawn, at: Deps) -> bool:
    """All calls of one plan at once, a second round for pictures that an answer left out without an error.

    False when no place came free there, or the limits of the provider leave no room: nothing was sent.
    """
    started = time.monotonic()
    places = order.reach.standing(turn.offer).places
    patience = places.last_patience if turn.sole else places.patience
    place = await places.take(turn.offer.provider, min(patience, order.deadline - started))
    if place is None:
        pass_over(turn.offer, started, drawn, at)
        return False
    reserved = [place]
    plan = turn.candidate.plan
    with ExitStack() as held:
        held.callback(leave, reserved)
        try:
            admitted = await at.limits.at_provider(order, plan, wanted)
        except (RateLimited, InvalidValue) as no_room:
            pass_over_limited(turn.offer, no_room, drawn, at)
            return False
        held.callback(lambda: at.limits.end(admitted, lost=order.record.lost))
        order.record.expects(plan, len(wanted))
        await rounds(turn, wanted, order, drawn, at, reserved=reserved)
    return True


def had_rather_not(turn: Turn, wanted: Sequence[int], order: Order, drawn: Drawn, at: Deps) -> bool:
    """Whether our own workers leave the request to another candidate, which is there: its wait would be too long."""
    line = order.reach[turn.offer.provider].line
    if line is None or turn.sole:
        return False
    plan = turn.candidate.plan
    declined = line.declines(make_call(plan.calls(wanted)[0], plan, order, elsewhere=True))
    if declined is None:
        return False
    at.telemetry.skipped(turn.offer.provider, declined.word)
    drawn.attempts.append(Attempt(turn.offer.provider, "skipped", 0, 0, declined.reason))
    return True


def pass_over_dear(drawn: Drawn) -> None:
    """What the budget does not allow decides nothing while somebody is left who had rather not, and costs less."""
    for error in [each for each in drawn.errors if isinstance(each, OverBudget)]:
        drawn.errors.remove(error)
        if not any(attempt.provider == error.provider for attempt in drawn.attempts):
            drawn.attempts.append(Attempt(error.provider, "skipped", 0, 0, error.message))


def leave(unused: Sequence[Place]) -> None:
    for place in unused:
        place.leave()


async def rounds(
    turn: Turn, wanted: Sequence[int], order: Order, drawn: Drawn, at: Deps, *, reserved: list[Place]
) -> None:
    plan, missing = turn.candidate.plan, list(wanted)
    for number in range(TRIES):
        if number and not await at.limits.once_more(order, plan.offer, len(plan.calls(missing))):
            break
        before = len(drawn.errors)
        for calls in in_turn(turn, plan.calls(missing)):
            await together([one_call(planned, turn, order, drawn, at, reserved=reserved) for planned in calls])
            if len(drawn.errors) > before:
                return
        missing = [index for index in missing if index not in drawn.pictures]
        if not missing:
            return
    order.reach.health(plan.offer).failed(plan.offer, Kind.BROKEN, at.routing.now())
    drawn.errors.append(
        ProviderError(Kind.BROKEN, "the provider sent fewer pictures than asked", provider=plan.offer.provider)
    )


def in_turn(turn: Turn, calls: Sequence[PlannedCall]) -> list[Sequence[PlannedCall]]:
    """All at once; one before the others where it is not certain that any will succeed."""
    return [calls] if turn.admission == "yes" or len(calls) == 1 else [calls[:1], calls[1:]]


def pass_over(offer: Offer, started: float, drawn: Drawn, at: Deps) -> None:
    seconds = time.monotonic() - started
    reason = f"its {at.routing.places.most(offer.provider)} places stayed taken for {seconds:.1f} s"
    at.telemetry.skipped(offer.provider, "full")
    drawn.attempts.append(Attempt(offer.provider, "skipped", 0, round(seconds * 1000), reason))


def pass_over_limited(offer: Offer, no_room: RateLimited | InvalidValue, drawn: Drawn, at: Deps) -> None:
    at.telemetry.skipped(offer.provider, "limited")
    drawn.attempts.append(Attempt(offer.provider, "skipped", 0, 0, no_room.message))
    drawn.no_room.append(no_room)
