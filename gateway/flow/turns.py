"""Whose turn it is: the first candidate that nothing speaks against, or the least bad one when nobody else is left."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from gateway.flow.attempt import Attempt
from gateway.flow.breaker import COUNTED
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn, Found
from gateway.flow.order import Order
from normalizers.offer import Offer
from providers.errors import Kind, ProviderError

OUTAGE = COUNTED | {Kind.RATE}


class Turn(NamedTuple):
    """A candidate to ask. `probe`, and `forced` where something speaks against it: one call first, then the others.

    `sole`: nobody in good health is left after it.
    """

    candidate: Found
    admission: Literal["yes", "probe", "forced"]
    sole: bool

    @property
    def offer(self) -> Offer:
        return self.candidate.plan.offer


class Turns:
    """The candidates of one request, each asked at most once; one that is postponed has not been asked."""

    def __init__(self, order: Order, candidates: Sequence[Found], at: Deps) -> None:
        self._reach = order.reach
        self._left = at.routing.in_order(order.found.entry.facts.id, candidates)
        self._postponed: list[Found] = []
        self._at = at
        self._passed_over: set[str] = set()

    def next(self, drawn: Drawn) -> Turn | None:
        """Those that are passed over are noted in `drawn`. A probe is to be released in the end."""
        for place, candidate in enumerate(self._left):
            admission = self._reach.health(candidate.plan.offer).admit(candidate.plan.offer)
            if admission != "no":
                del self._left[place]
                return Turn(candidate, admission, self._nobody_healthy_left())
            self._pass_over(candidate.plan.offer, drawn)
        if self._postponed:
            candidate = self._postponed.pop(0)
            admission = self._reach.health(candidate.plan.offer).admit(candidate.plan.offer)
            return Turn(candidate, "forced" if admission == "no" else admission, sole=True)
        if not self._left:
            return None
        least_bad = min(self._left, key=lambda each: self._reach.health(each.plan.offer).badness(each.plan.offer))
        self._left.remove(least_bad)
        return Turn(least_bad, "forced", sole=True)

    def postpone(self, candidate: Found) -> None:
        """It had rather not be asked now: it is asked when nobody in good health is left."""
        self._postponed.append(candidate)

    @property
    def postponed(self) -> bool:
        """Whether somebody is still there who may be asked in the end."""
        return bool(self._postponed)

    def _nobody_healthy_left(self) -> bool:
        if self._postponed:
            return False
        offers = (each.plan.offer for each in self._left)
        return all(self._reach.health(offer).trouble(offer) is not None for offer in offers)

    def _pass_over(self, offer: Offer, drawn: Drawn) -> None:
        trouble = self._reach.health(offer).trouble(offer)
        if trouble is not None and offer.id not in self._passed_over:
            self._passed_over.add(offer.id)
            self._at.telemetry.skipped(offer.provider, trouble.word)
            drawn.attempts.append(Attempt(offer.provider, "skipped", 0, 0, trouble.reason))


def may_follow(turn: Turn, before: Offer | None, errors: Sequence[ProviderError], calls: int, order: Order) -> bool:
    """Whether these calls may be made in the place of those that failed at the offer `before`.

    They take from the budget of the provider that failed. With its budget spent, or its breaker open, it is no longer
    asked first by anybody: calls elsewhere are then a detour, which multiplies nothing. A candidate that is in trouble
    itself is no detour.
    """
    outage = next((error.kind for error in errors if error.kind in OUTAGE), None)
    if before is None or outage is None:
        return True
    if turn.admission == "forced":
        return order.reach.standing(turn.offer).retries.take(turn.offer.provider, calls)
    health, retries, _places = order.reach.standing(before)
    if health.trouble(before) is None and not retries.take(before.provider, calls):
        health.trip(before, outage)
    return True
