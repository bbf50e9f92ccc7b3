"""Several calls failed: the one error that the caller gets for it."""

from gateway.errors import (
    BudgetSpent,
    ContentPolicyViolation,
    DeadlinePassed,
    GatewayError,
    InvalidValue,
    JobCancelled,
    Overloaded,
    ProviderFailed,
)
from gateway.flow.admission import least_wait
from gateway.flow.calling import NotWritten, OverBudget, TooLate
from gateway.flow.drawn import Drawn
from gateway.flow.intake import Flagged
from gateway.flow.order import Order
from gateway.store.entries import Shortage
from normalizers.price import as_dollars
from providers.errors import Kind


def failure(order: Order, drawn: Drawn, *, missing: int) -> GatewayError:
    """A made picture is a paid one; it stays with the job, and a repeated request uses it."""
    errors, made = drawn.errors, len(drawn.pictures)
    if not errors and not made and drawn.no_room:
        return least_wait(drawn.no_room)
    if not errors and not made:
        return Overloaded("every provider of this model has as many calls as it may have; nothing was sent")
    decided = decisive(order, drawn, missing=missing)
    if decided is not None:
        return decided
    told = "; ".join(dict.fromkeys(f"{error.provider}: {error.message}" for error in errors))
    if {error.kind for error in errors} == {Kind.BAD_REQUEST} and not made:
        param = next((error.param for error in errors if error.param), None)
        return InvalidValue(f"the provider does not take this request. {told}", param=param)
    paid = made > 0 or any(error.paid for error in errors)
    pictures = f"{missing} of {missing + made} pictures are missing" if made else "no picture was made"
    kept = f"; the {made} that were made stay with job {order.id}, and the same request, sent again, uses them"
    advice = "; it may have been paid, so do not simply send it again" if paid and not made else ""
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return ProviderFailed(
        f"{pictures}{kept if made else advice}. {told}",
        paid=paid,
        retry_after=max(waits, default=None),
        cost=drawn.cost,
    )


def decisive(order: Order, drawn: Drawn, *, missing: int) -> GatewayError | None:
    """A cancellation decides over moderation, that over a deadline, and a deadline over the rest."""
    errors = drawn.errors
    kinds = {error.kind for error in errors}
    if Kind.CANCELLED in kinds:
        why = next(error.message for error in errors if error.kind is Kind.CANCELLED)
        return JobCancelled(order.id, why, cost=drawn.cost)
    if Kind.MODERATED in kinds:
        return blocked(order, drawn, missing=missing)
    if Kind.TIMEOUT in kinds:
        return deadline_passed(order, drawn)
    return not_sent(order, drawn)


def not_sent(order: Order, drawn: Drawn) -> GatewayError | None:
    """For a reason that lies here; a budget decides for what was still to be sent."""
    errors = drawn.errors
    over = next((error for error in errors if isinstance(error, OverBudget)), None)
    if over is not None:
        return budget_spent(order, over.shortage, drawn)
    if not drawn.pictures and all(isinstance(error, NotWritten) for error in errors):
        return Overloaded(errors[0].message)
    if not drawn.pictures and all(isinstance(error, TooLate) for error in errors):
        message = f"request {order.id} was not begun in time, and costs nothing. {errors[0].message}"
        return DeadlinePassed(message, order.id)
    return None


def budget_spent(order: Order, shortage: Shortage, drawn: Drawn) -> BudgetSpent:
    owner, period, wanted, left = shortage
    whose = "this key" if owner == order.caller.key else "this key's team"
    when = "" if period == "total" else f" for {period}"
    message = (
        f"what is asked for may cost {as_dollars(wanted)} dollars, and {as_dollars(left)} are left of the budget of "
        f"{whose}{when}; an admin can raise it"
    )
    if drawn.pictures:
        kept = f"{len(drawn.pictures)} of {drawn.plan.n} pictures were made and stay with job {order.id}"
        message += f". {kept}, and the same request, sent again, uses them"
    return BudgetSpent(message, order.id, owner, cost=drawn.cost)


def blocked(order: Order, drawn: Drawn, *, missing: int) -> ContentPolicyViolation:
    """Of several pictures it says how many were flagged and what all of them cost: the others are paid too."""
    error = next(error for error in drawn.errors if error.kind is Kind.MODERATED)
    told = f"{error.provider} blocked this request: {error.message}"
    flagged = sum(isinstance(error, Flagged) for error in drawn.errors)
    wanted = missing + len(drawn.pictures)
    if flagged and wanted > 1:
        kept = f", and the others stay with job {order.id}" if drawn.pictures else ""
        told += f"; this is so for {flagged} of {wanted} pictures{kept}"
    if drawn.cost:
        told += f". What was drawn costs {as_dollars(drawn.cost)} dollars"
    return ContentPolicyViolation(told, param=error.param, cost=drawn.cost)


def deadline_passed(order: Order, drawn: Drawn | None = None) -> DeadlinePassed:
    """`drawn`: what this request itself has brought until then."""
    message = (
        f"request {order.id} was not finished in time; the provider may still be working on it, and it may be paid"
    )
    return DeadlinePassed(message, order.id, cost=drawn.cost if drawn else None)
