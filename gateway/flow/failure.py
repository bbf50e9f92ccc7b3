"""Several calls failed: the one error that the caller gets for it."""

from collections.abc import Sequence

from gateway.errors import (
    ContentPolicyViolation,
    DeadlinePassed,
    GatewayError,
    InvalidValue,
    Overloaded,
    ProviderFailed,
)
from gateway.flow.order import Order
from providers.errors import Kind, ProviderError


def failure(order: Order, errors: Sequence[ProviderError], *, missing: int, made: int) -> GatewayError:
    """Moderation decides over a deadline, a deadline over the rest; a made picture is a paid one."""
    if not errors and not made:
        return Overloaded("every provider of this model has as many calls as it may have; nothing was sent")
    kinds = {error.kind for error in errors}
    if Kind.MODERATED in kinds:
        error = next(error for error in errors if error.kind is Kind.MODERATED)
        return ContentPolicyViolation(f"{error.provider} blocked this request: {error.message}", param=error.param)
    if Kind.TIMEOUT in kinds:
        return deadline_passed(order)
    told = "; ".join(dict.fromkeys(f"{error.provider}: {error.message}" for error in errors))
    if kinds == {Kind.BAD_REQUEST} and not made:
        param = next((error.param for error in errors if error.param), None)
        return InvalidValue(f"the provider does not take this request. {told}", param=param)
    paid = made > 0 or any(error.paid for error in errors)
    pictures = f"{missing} of {missing + made} pictures are missing" if made else "no picture was made"
    advice = "; it may have been paid, so do not simply send it again" if paid else ""
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    return ProviderFailed(f"{pictures}{advice}. {told}", paid=paid, retry_after=max(waits, default=None))


def deadline_passed(order: Order) -> DeadlinePassed:
    return DeadlinePassed(
        f"request {order.id} was not finished in time; the provider may still be working on it, and it may be paid"
    )
