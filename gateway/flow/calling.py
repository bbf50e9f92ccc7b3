"""One call to a provider: sent, waited for, timed and counted, whatever the protocol."""

import asyncio
import time
from dataclasses import replace
from functools import partial

from gateway.flow.deps import Deps
from gateway.flow.order import Order
from gateway.flow.record import SentCall
from gateway.store.entries import Shortage
from gateway.tracing import IMAGES, OUTCOME
from providers.abilities import Shows
from providers.base import Adapter, Answer, Call, Direct, Queued, Ticket, Watch
from providers.errors import Kind, NotBegun, ProviderError
from providers.polling import follow

STOPPED = "the request was cancelled while the provider was working on it; it may have been paid"


class NotSent(ProviderError):
    """For a reason that lies here: it cost nothing and says nothing of its provider."""

    def __init__(self, provider: str, why: str) -> None:
        super().__init__(Kind.BUSY, f"{why}; nothing was sent", provider=provider)


class TooLate(NotSent):
    """The deadline came before the call."""


class NotWritten(NotSent):
    """The database is away, and nothing goes out that is not written down first: here and at every other provider."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider, "the database, which keeps what is paid for, does not answer")


class OverBudget(NotSent):
    """A budget does not allow it, here or anywhere else."""

    def __init__(self, provider: str, shortage: Shortage) -> None:
        super().__init__(provider, "the budget does not allow it")
        self.shortage = shortage


class KeyGone(NotSent):
    """The team has deleted its own key there, and nobody else's is used in its place."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider, "the team's own key there was deleted")
        self.kind = Kind.KEY


class Stopped(NotSent):
    """The request was cancelled before the call."""

    def __init__(self, provider: str) -> None:
        super().__init__(provider, "the request was cancelled")
        self.kind = Kind.CANCELLED


async def ask(
    call: Call, sent: SentCall, order: Order, at: Deps, *, ticket: Ticket | None = None, watch: Watch | None = None
) -> Answer:
    """The provider's answer before the order's deadline; `ticket` is that of a call which was sent before.

    `watch` is told what a direct adapter shows meanwhile, where somebody looks on.

    Raises ProviderError, TooLate when there is no time to send it.
    """
    adapter, started = order.reach[sent.provider].adapter, time.monotonic()
    if ticket is None and started >= order.deadline:  # on an open connection it goes out before a timeout can cancel it
        raise TooLate(adapter.name, "the deadline has passed")
    outcome = "ok"
    trying = at.telemetry.tracing.attempt(adapter.name, sent.offer, sent.id, call.images)
    with at.telemetry.calling(adapter.name), trying as attempt:
        call = replace(call, traceparent=attempt.traceparent) if attempt.recorded else call
        try:
            answer = await send(adapter, call, sent, order, ticket=ticket, watch=watch)
            attempt.tell({IMAGES: len(answer.images)})
            return answer
        except ProviderError as error:
            outcome = error.kind.value
            attempt.failed(outcome)
            error.provider = error.provider or adapter.name
            raise
        finally:
            attempt.tell({OUTCOME: outcome})
            at.telemetry.called(adapter.name, outcome, time.monotonic() - started)


async def send(
    adapter: Adapter, call: Call, sent: SentCall, order: Order, *, ticket: Ticket | None, watch: Watch | None
) -> Answer:
    """A direct call is one exchange; a queued one is submitted once, its ticket written down, then followed."""
    if not hasattr(adapter, "submit"):
        direct: Direct = adapter  # pyright: ignore[reportAssignmentType] - an adapter without tickets answers at once
        return await exchanged(direct, call, order, watch)
    queued: Queued = adapter  # pyright: ignore[reportAssignmentType] - only a queued adapter has submit
    receipt = ticket or await submitted_or_found(queued, call, sent, order)
    if isinstance(receipt, Answer):
        return receipt
    record = order.record
    if ticket is None:
        await record.accepted(sent, receipt)
    progressed = partial(record.progressed, sent) if record.watched else None
    hint = record.hint(sent)
    return await follow(
        queued, receipt, call, order.deadline, on_progress=progressed, hint=hint, stop=record.stop.event
    )


async def submitted_or_found(queued: Queued, call: Call, sent: SentCall, order: Order) -> Ticket | Answer:
    """What was sent, and may be paid, is not given up while its provider may still tell of it."""
    try:
        return await submitted(queued, call, order)
    except ProviderError as lost:
        if not lost.paid or lost.kind is Kind.MODERATED:
            raise
        found = await order.record.found(sent, order.deadline - time.monotonic())
        if found is None:
            raise
        return found


async def submitted(queued: Queued, call: Call, order: Order) -> Ticket | Answer:
    try:
        async with asyncio.timeout(max(0.0, order.deadline - time.monotonic())):
            return await queued.submit(call)
    except TimeoutError:
        raise unanswered(queued.name) from None


async def exchanged(direct: Direct, call: Call, order: Order, watch: Watch | None) -> Answer:
    record = order.record
    try:
        with record.stop.interrupts(direct.name, STOPPED):
            async with asyncio.timeout(max(0.0, order.deadline - time.monotonic())):
                if watch is not None and record.watched and isinstance(direct, Shows):
                    return await direct.generate_watched(call, watch)
                return await direct.generate(call)
    except NotBegun as waited:
        raise TooLate(direct.name, waited.message) from waited
    except TimeoutError:
        raise unanswered(direct.name) from None


def unanswered(provider: str) -> ProviderError:
    message = "the provider did not answer in time; it may still be working on it"
    return ProviderError(Kind.TIMEOUT, message, provider=provider)
