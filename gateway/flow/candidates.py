"""Which offers can serve a request, each with its plan, and why the others cannot."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from gateway.errors import (
    GatewayError,
    InvalidValue,
    MissingParameter,
    ModelNotFound,
    NoProvider,
    NotAllowed,
    UnsupportedParameter,
)
from gateway.flow.allowed import not_allowed
from gateway.flow.deps import Deps
from gateway.flow.order import Order
from normalizers.aliases import SPELLINGS
from normalizers.catalog import Found, UnknownModel
from normalizers.errors import BadValue, Owned, Refused
from normalizers.offer import Offer, Operation
from normalizers.plan import Plan, plan

PICTURED: tuple[Operation, Operation] = ("image_to_image", "edit")
WORKERS_COME_SECONDS = 2.0  # our own are asked that often how they are
ExclusionCode = Literal["no_provider", "unsupported_parameter", "not_allowed", "no_price"]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An offer that cannot serve: its provider is not configured or has nobody there for it, a parameter cannot be
    honoured there, or the caller's key may not use it, or has a budget while nobody can say what it costs.
    """

    offer: Offer
    reason: str
    param: str | None = None
    code: ExclusionCode = "unsupported_parameter"

    @property
    def configured(self) -> bool:
        return self.code != "no_provider"

    @property
    def forbidden(self) -> bool:
        return self.code == "not_allowed"

    @property
    def mendable(self) -> bool:
        """Another value of the parameter would be honoured there, so the reason names one."""
        given = self.param or ""
        names = SPELLINGS[given].names if given in SPELLINGS else (given,)
        return any(name in self.offer.rules and self.offer.rules[name].works for name in names)


def find_model(model: str, at: Deps, operation: Operation = "generate") -> Found:
    """By its public id, or `provider/model`. Raises ModelNotFound, naming the nearest ids."""
    try:
        return at.catalog.find(model, operation)
    except UnknownModel as unknown:
        raise ModelNotFound(unknown.reason, param="model") from None


def find_for_pictures(model: str, at: Deps, *, by_strength: bool) -> tuple[Found, Operation]:
    """What the model does with a picture: an edit, or image-to-image where a strength is given; else the other one."""
    first, second = PICTURED if by_strength else PICTURED[::-1]
    found = find_model(model, at, first)
    other = found if found.offers else find_model(model, at, second)
    return (other, second) if not found.offers and other.offers else (found, first)


def consider(order: Order, at: Deps) -> list[Plan | Exclusion]:
    """A plan for each offer that can serve, in the order in which they would be asked now; then the exclusions.

    Raises for what no offer could mend.
    """
    considered = consider_all(order, at)
    plans = [entry for entry in considered if isinstance(entry, Plan)]
    excluded = [entry for entry in considered if isinstance(entry, Exclusion)]
    return [*at.routing.expected(order.found.entry.facts.id, plans, order.reach.health), *excluded]


def consider_all(order: Order, at: Deps) -> list[Plan | Exclusion]:
    with at.telemetry.tracing.plan(order.found.entry.facts.id):
        return [consider_one(order, offer, at) for offer in order.found.offers]


def consider_one(order: Order, offer: Offer, at: Deps) -> Plan | Exclusion:
    if not order.caller.may_use(offer.model, offer.provider):
        return Exclusion(offer, f"this key may not use {offer.id}", "model", "not_allowed")
    if (absent := why_nobody(order, offer, at)) is not None:
        return Exclusion(offer, absent, code="no_provider")
    try:
        made = plan(order.asked, offer, order.options, at.catalog.known)
    except Refused as refused:
        return Exclusion(offer, refused.reason, refused.param)
    except BadValue as wrong:
        raise bad_value(wrong) from None
    except Owned as owned:
        raise UnsupportedParameter(f"{owned.param}: {owned.reason}", param=owned.param) from None
    if made.price is None and order.caller.budgets:
        where = f'[providers.{offer.provider}.prices."{offer.model}"]'
        why = f"nobody can say what {offer.id} costs, and this key has a budget; set max in {where}"
        return Exclusion(offer, why, "model", "no_price")
    return made


def why_nobody(order: Order, offer: Offer, at: Deps) -> str | None:
    """Why nobody there can be asked for it now, whatever the request; None where somebody can."""
    title = at.titles[offer.provider]
    if offer.provider not in order.reach:
        if offer.provider in order.reach.closed:
            return f"{title}: {order.reach.closed[offer.provider]}"
        return f"{title} is not configured; {at.missing[offer.provider]}"
    line = order.reach[offer.provider].line
    lacking = line.lacks(offer.upstream) if line is not None else None
    return lacking and f"{title}: {lacking}"


def is_expected(order: Order, offer: Offer) -> bool:
    """Whether somebody is about to be there who can be asked for it."""
    line = order.reach[offer.provider].line if offer.provider in order.reach else None
    return line is not None and line.expects(offer.upstream)


def candidates(order: Order, at: Deps) -> list[Plan]:
    """The plans to try, in route order, whatever the policy: what is known of a request is looked up in that order.

    Never empty. Raises when no offer can serve.
    """
    considered = consider_all(order, at)
    plans = [entry for entry in considered if isinstance(entry, Plan)]
    if not plans:
        raise nobody(order, [entry for entry in considered if isinstance(entry, Exclusion)], at)
    return plans


def first_asked(order: Order, at: Deps) -> Plan:
    """The plan of the candidate that would be asked first now. Raises when no offer can serve."""
    return at.routing.expected(order.found.entry.facts.id, candidates(order, at), order.reach.health)[0]


def bad_value(wrong: BadValue) -> GatewayError:
    missing = wrong.reason.startswith("is required")
    return (MissingParameter if missing else InvalidValue)(f"{wrong.param}: {wrong.reason}", param=wrong.param)


def cannot(order: Order, at: Deps) -> str:
    """Why a model has no offers for an operation, and what works instead."""
    if order.operation == "generate":
        return "does not draw from text alone; send a picture to /v1/images/edits"
    others = [name for name, entry in at.catalog.entries.items() if entry.offering(order.operation)]
    instead = f"; {', '.join(others[:5])} can" if others else ""
    what = "edit pictures" if order.operation == "edit" else "draw variations of a picture"
    return f"cannot {what}{instead}"


def nobody(order: Order, excluded: Iterable[Exclusion], at: Deps) -> GatewayError:
    """The first reason that the caller can do something about, else the first of a configured offer. What the key may
    not use anyway counts for nothing beside it.
    """
    everything = list(excluded)
    if not everything:
        return UnsupportedParameter(f"model: {order.asked.model} {cannot(order, at)}", param="model")
    reasons = [reason for reason in everything if not reason.forbidden]
    if not reasons:
        return not_allowed(order.caller, order.asked.model, order.found.offers)
    unpriced = [reason for reason in reasons if reason.code == "no_price"]
    refusals = [reason for reason in reasons if reason.configured and reason not in unpriced]
    if unpriced and not refusals:
        return NotAllowed(f"model: {unpriced[0].reason}", param="model")
    if not refusals:
        told = "; ".join(dict.fromkeys(reason.reason for reason in reasons))
        there = "is there" if any(reason.offer.provider in order.reach for reason in reasons) else "is configured"
        soon = WORKERS_COME_SECONDS if any(is_expected(order, reason.offer) for reason in reasons) else None
        return NoProvider(f"no provider of {order.asked.model} {there}: {told}", retry_after=soon)
    first = next((reason for reason in refusals if reason.mendable), refusals[0])
    others = [reason for reason in refusals if reason.reason != first.reason]
    also = f" (also {', '.join(f'{other.offer.id}: {other.param}' for other in others[:5])})" if others else ""
    return UnsupportedParameter(f"{first.param}: {first.reason}{also}", param=first.param)
