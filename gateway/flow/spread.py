"""n pictures as calls in parallel; what failed is tried again, or elsewhere, unless it may have been paid."""

import asyncio
import random
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.flow.calling import ask
from gateway.flow.cost import cost_of
from gateway.flow.deps import Deps
from gateway.flow.failure import failure
from gateway.flow.hand_over import with_wire_forms
from gateway.flow.intake import take_in
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.usage import Usage, add_usage
from normalizers.plan import Plan, PlannedCall
from providers.base import Answer, Call, Image
from providers.errors import Kind, ProviderError

TRIES = 3  # of one call at one provider, when the failure cost nothing
FIRST_PAUSE = 0.25  # seconds before the second try, doubled before the third
LONGEST_WAIT = 20.0  # a provider that wants a longer pause is left for the next one


class Attempt(NamedTuple):
    """One call, as the caller is told about it: `outcome` is `ok` or the kind of failure."""

    provider: str
    outcome: str
    images: int
    duration_ms: int


@dataclass(slots=True)
class Drawn:
    """`pictures` by their place among the n; `cost` in micro-dollars, None as soon as one call's is unknown."""

    plan: Plan
    pictures: dict[int, Picture] = field(default_factory=dict[int, Picture])
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    errors: list[ProviderError] = field(default_factory=list[ProviderError])
    cost: int | None = 0
    usage: Usage | None = None

    def charge(self, cost: int | None) -> None:
        self.cost = None if self.cost is None or cost is None else self.cost + cost


async def draw(order: Order, work: Sequence[tuple[Plan, Iterable[int]]], drawn: Drawn, at: Deps) -> None:
    """Adds pictures to `drawn`: all that are wanted of the first candidate, else of the next that nothing forbids.

    Raises a GatewayError that names what is missing and what it may have cost; `drawn` then holds what was made.
    """
    missing: list[int] = []
    for plan, wanted in work:
        if drawn.pictures and not mixes(order):
            break
        drawn.plan = plan if not drawn.pictures else drawn.plan
        missing = [index for index in wanted if index not in drawn.pictures]
        await draw_with(plan, missing, order, drawn, at)
        missing = [index for index in missing if index not in drawn.pictures]
        if not missing:
            return
        if not all(error.elsewhere for error in drawn.errors) or time.monotonic() >= order.deadline:
            break
    raise failure(order, drawn.errors, missing=len(missing), made=len(drawn.pictures))


def mixes(order: Order) -> bool:
    """Whether the pictures of one answer may come from several providers."""
    return order.asked.fields.get("mix_providers") is True


async def draw_with(plan: Plan, wanted: Sequence[int], order: Order, drawn: Drawn, at: Deps) -> None:
    """All calls of one plan at once; a second round for pictures that an answer left out without an error."""
    missing = list(wanted)
    for _round in range(TRIES):
        before = len(drawn.errors)
        await together([one_call(planned, plan, order, drawn, at) for planned in plan.calls(missing)])
        missing = [index for index in missing if index not in drawn.pictures]
        if not missing or len(drawn.errors) > before:
            return
    drawn.errors.append(
        ProviderError(Kind.BROKEN, "the provider sent fewer pictures than asked", provider=plan.offer.provider)
    )


async def one_call(planned: PlannedCall, plan: Plan, order: Order, drawn: Drawn, at: Deps) -> None:
    """One call with its retries; what it brings or why it failed is added to `drawn`."""
    pause = FIRST_PAUSE
    for left in reversed(range(TRIES)):
        started = time.monotonic()
        try:
            call = await with_wire_forms(make_call(planned, plan, order), plan, order, at)
            answer = await ask(at.adapters[plan.offer.provider], call, order, at)
        except ProviderError as error:
            note(drawn, plan, error.kind.value, 0, started)
            wait = max(pause * random.uniform(0.75, 1.25), error.retry_after or 0)  # noqa: S311 - spreads retries, guards nothing
            enough = time.monotonic() + wait < order.deadline and wait <= LONGEST_WAIT
            if left and error.again and not error.paid and enough:
                await asyncio.sleep(wait)
                pause *= 2
                continue
            error.param = as_given(error.param, plan, planned)
            drawn.errors.append(error)
            return
        await take_all(answer, planned, order, drawn, at, plan=plan)
        note(drawn, plan, "ok", sum(index in drawn.pictures for index in planned.indexes), started)
        return


def as_given(field: str | None, plan: Plan, planned: PlannedCall) -> str | None:
    """The caller's own name for the wire field that a provider complains about; None for what was never sent.

    A provider may put anything there, the prompt or a key of ours included.
    """
    if field is None:
        return None
    sent = (row for row in plan.decisions if row.sent_as and row.sent_as.rpartition(".")[2] == field)
    return next((row.given_as for row in sent), field if field in planned.payload else None)


def make_call(planned: PlannedCall, plan: Plan, order: Order) -> Call:
    place = planned.indexes[0]
    return Call(
        id=f"{order.id}.{place}",
        upstream=plan.offer.upstream,
        operation=plan.offer.operation,
        payload=planned.payload,
        images=len(planned.indexes),
        want=plan.way,
    )


def note(drawn: Drawn, plan: Plan, outcome: str, images: int, started: float) -> None:
    took = round((time.monotonic() - started) * 1000)
    drawn.attempts.append(Attempt(plan.offer.provider, outcome, images, took))


async def take_all(answer: Answer, planned: PlannedCall, order: Order, drawn: Drawn, at: Deps, *, plan: Plan) -> None:
    """Every picture of an answer; one that cannot be used takes none of the others with it."""
    images = answer.images[: len(planned.indexes)]
    drawn.charge(cost_of(answer, plan, len(images)))
    drawn.usage = add_usage(drawn.usage, answer.extra.get("usage"))
    await together(
        [
            take_one(image, index, order, drawn, at, plan=plan)
            for image, index in zip(images, planned.indexes, strict=False)
        ]
    )


async def take_one(image: Image, index: int, order: Order, drawn: Drawn, at: Deps, *, plan: Plan) -> None:
    try:
        drawn.pictures[index] = await take_in(image, plan, plan.seed_for(index), order, at)
    except ProviderError as error:
        error.provider = error.provider or plan.offer.provider
        drawn.errors.append(error)


async def together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All of it to its end, whatever happens to one part: each may be paid. A single part needs no task of its own."""
    if len(work) == 1:
        await work[0]
        return
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if outcome is not None:
            raise outcome
