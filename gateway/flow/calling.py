"""One call to a provider: sent, waited for, timed and counted, whatever the protocol."""

import asyncio
import time

from gateway.flow.deps import Deps
from gateway.flow.order import Order
from providers.base import Adapter, Answer, Call, Direct, Queued
from providers.errors import Kind, ProviderError
from providers.polling import follow


class NotSent(ProviderError):
    """For a reason that lies here: it cost nothing and says nothing of its provider."""

    def __init__(self, provider: str, why: str) -> None:
        super().__init__(Kind.BUSY, f"{why}; nothing was sent", provider=provider)


class TooLate(NotSent):
    """The deadline came before the call."""


async def ask(adapter: Adapter, call: Call, order: Order, at: Deps) -> Answer:
    """The provider's answer before the order's deadline. Raises ProviderError, TooLate when that has passed."""
    started = time.monotonic()
    if started >= order.deadline:  # on an open connection a call goes out before a timeout can cancel it
        raise TooLate(adapter.name, "the deadline has passed")
    outcome = "ok"
    try:
        with at.telemetry.calling(adapter.name):
            return await send(adapter, call, order.deadline)
    except ProviderError as error:
        outcome = error.kind.value
        error.provider = error.provider or adapter.name
        raise
    finally:
        at.telemetry.called(adapter.name, outcome, time.monotonic() - started)


async def send(adapter: Adapter, call: Call, deadline: float) -> Answer:
    """A direct call is one exchange; a queued one is submitted once, and its ticket followed to its end."""
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            if not hasattr(adapter, "submit"):
                direct: Direct = adapter  # pyright: ignore[reportAssignmentType] - an adapter without tickets answers at once
                return await direct.generate(call)
            queued: Queued = adapter  # pyright: ignore[reportAssignmentType] - only a queued adapter has submit
            receipt = await queued.submit(call)
    except TimeoutError:
        message = "the provider did not answer in time; it may still be working on it"
        raise ProviderError(Kind.TIMEOUT, message, provider=adapter.name) from None
    return receipt if isinstance(receipt, Answer) else await follow(queued, receipt, call, deadline)
