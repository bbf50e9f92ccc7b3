"""The way of a request, as a list of its steps; each step has a file of its own.

candidates   request + offers → plans          (candidates.py; normalizers/plan.py; asked by jobs/jobs.py)
admit        is there room?                     (gate.py; admission.py, asked by jobs/jobs.py)
known?       the cache, and runs in flight      (known.py, shared.py)
route        who is asked, in which order       (routing.py, turns.py, health.py)
spread       n → calls in parallel, retries     (spread.py, tries.py, calling.py)
hold         the budget, before the first call  (record.py; jobs/account.py)
take in      fetch, check, finish, store        (intake.py, finish.py)
hold to plan what came otherwise than planned   (truth.py)
deliver      URL or base64                      (deliver.py)
"""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

from gateway.errors import BudgetSpent, DeadlinePassed, JobCancelled, NotCached
from gateway.flow.deliver import Delivered, deliver
from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn
from gateway.flow.failure import deadline_passed
from gateway.flow.hurrying import hurry
from gateway.flow.known import as_shared, cacheable, draw_on, draw_uncached, keys_of, look_up, look_up_or_draw
from gateway.flow.order import Order
from gateway.flow.picture import Picture
from gateway.flow.truth import hold_to_plan
from gateway.store.entries import LeaseLost
from normalizers.plan import Plan
from providers.errors import ProviderError

GRACE_SECONDS = 0.5  # after the deadline, for what ends by itself

Result = TypeVar("Result")
CacheSummary = Literal["hit", "partial", "shared", "miss", "off"]


@dataclass(frozen=True, slots=True)
class Served:
    """What a request came to."""

    order: Order
    drawn: Drawn
    cache: CacheSummary

    @property
    def plan(self) -> Plan:
        return self.drawn.plan

    @property
    def pictures(self) -> list[Picture]:
        return [self.drawn.pictures[index] for index in range(self.plan.n)]


async def generate(order: Order, plans: Sequence[Plan], at: Deps) -> Served:
    """Pictures for a request, by one of these plans or several. Raises a GatewayError."""
    with at.telemetry.stage("draw"):
        drawn, cache = await in_time(order, pictures(order, plans, at))
    hold_to_plan(order, drawn, at)
    return Served(order, drawn, cache)


async def delivered(served: Served, at: Deps) -> list[Delivered]:
    """The pictures as the caller wants them. Raises NotFound for one that is no longer stored."""
    with at.telemetry.stage("deliver"):
        wanted = served.plan.response_format
        return [await deliver(picture, wanted, served.order, at) for picture in served.pictures]


async def in_time(order: Order, work: Awaitable[Result]) -> Result:
    """Until the deadline. Calls and downloads end with it by themselves, and know better what happened; pictures that
    are being finished or stored then go on without this caller, and are kept for the next one: they are paid.
    """
    limit = asyncio.timeout(order.deadline + GRACE_SECONDS - time.monotonic())
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise deadline_passed(order) from None
        raise


async def pictures(order: Order, plans: Sequence[Plan], at: Deps) -> tuple[Drawn, CacheSummary]:
    """From the cache, from a run that is in flight, or drawn now."""
    if order.record.before is not None and order.record.before.calls:
        drawn = await draw_on(order, plans, at)
        return drawn, summary(drawn) if cacheable(order, plans[0], at) else "off"
    if order.cache == "only":
        return await cached_only(order, plans, at), "hit"
    if not cacheable(order, plans[0], at):
        return await draw_uncached(order, plans, at), "off"
    return await by_a_run(order, plans, at)


async def by_a_run(order: Order, plans: Sequence[Plan], at: Deps) -> tuple[Drawn, CacheSummary]:
    """Its own, or that of an equal request which came before."""
    work, record = partial(look_up_or_draw, order, plans, at), order.record
    hurried = partial(hurry, order, at.adapters)
    try:
        drawn, shared = await at.shared.once(
            same_fate(order, plans), work, record.stop, hurry=hurried, waited_for=record.waited_for
        )
    except (DeadlinePassed, BudgetSpent) as failed:  # it names the request whose run it was
        if failed.request == order.id:
            raise
        if isinstance(failed, DeadlinePassed):  # each caller is told his own
            raise deadline_passed(order) from None
        if failed.owner in (order.caller.key, order.caller.team):
            raise BudgetSpent(failed.message, order.id, failed.owner) from None
        return await pictures(order, plans, at)  # this key's budget may allow it
    except ProviderError as left:
        raise JobCancelled(order.id, left.message) from None
    except LeaseLost as lost:
        if order.record.lost:
            raise
        await at.others.ended(str(lost), order)  # another process goes on with the run that this request waited for
        return await pictures(order, plans, at)
    if shared:
        drawn = for_follower(as_shared(drawn), plans)
    return drawn, summary(drawn)


def same_fate(order: Order, plans: Sequence[Plan]) -> str:
    """Requests share a run when they may be served by the same offers, listed here in the order of the route: the
    order in which they are asked may be another one each time.

    A request that forces a provider, or whose strictness excludes one, must not get what another's failover brought.
    """
    mixed = str(order.asked.fields.get("mix_providers"))
    return ",".join([order.caller.cache_scope, mixed, *(key for plan in plans for key in keys_of(plan, order))])


async def cached_only(order: Order, plans: Sequence[Plan], at: Deps) -> Drawn:
    found = await look_up(order, plans, at)
    if not found.whole:
        raise NotCached(
            f"{len(found.missing)} of {found.plan.n} pictures are not in the cache, "
            "and X-Easel-Cache: only forbids drawing"
        )
    return Drawn(found.plan, dict(found.pictures))


def for_follower(drawn: Drawn, plans: Sequence[Plan]) -> Drawn:
    """The pictures of another request's run, with this request's own plan: its decisions and response format."""
    drawn.plan = next((plan for plan in plans if plan.offer.id == drawn.plan.offer.id), drawn.plan)
    return drawn


def summary(drawn: Drawn) -> CacheSummary:
    outcomes = {picture.cache for picture in drawn.pictures.values()}
    if "miss" in outcomes:
        return "miss" if outcomes == {"miss"} else "partial"
    return "shared" if "shared" in outcomes else "hit"
