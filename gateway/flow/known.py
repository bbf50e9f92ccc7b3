"""What need not be drawn: pictures that the cache knows, and those that somebody is drawing right now."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.flow.deps import Deps
from gateway.flow.drawn import Drawn, Found, may_be_completed_elsewhere, mixes
from gateway.flow.failure import deadline_passed
from gateway.flow.intake import handed_on
from gateway.flow.order import Order
from gateway.flow.picture import Picture, from_record, to_record
from gateway.flow.spread import draw
from gateway.store.records import Record, on_one_node, record_key
from normalizers.plan import Plan

NOBODY = ""  # never the owner of a lease
WAITED = "it waited for another request's pictures, which go on"


def cacheable(order: Order, plan: Plan, at: Deps) -> bool:
    """With policy `seeded`, two equal requests without a seed are two pictures."""
    policy = "off" if order.cache == "off" else plan.cache or at.settings.cache.policy
    return policy == "always" or (policy == "seeded" and plan.seed is not None)


def keys_of(plan: Plan, order: Order) -> list[str]:
    """A record for each picture: by its seed, or by its place where there is none.

    A picture that stays at its provider's URL is another record than one whose bytes are kept here.
    """
    kind = "u" if handed_on(plan, order) else ""
    places = [plan.seed_for(index) for index in range(plan.n)]
    return [
        record_key(plan.fingerprint, f"{kind}i{index}" if seed is None else f"{kind}{seed}")
        for index, seed in enumerate(places)
    ]


async def look_up(order: Order, plans: Sequence[Plan], at: Deps) -> Found:
    """What the cache knows, without the intention to draw the rest."""
    keys = [key for plan in plans for key in keys_of(plan, order)]
    with at.telemetry.tracing.store("cache"):
        records = await at.records.get_many(order.caller.cache_scope, keys)
    return best(plans, await still_there(keys, records, order, at))


async def still_there(
    keys: Sequence[str], records: Sequence[Record | None], order: Order, at: Deps
) -> Sequence[Record | None]:
    """Without the records whose stored picture was deleted meanwhile; those are forgotten."""
    team = order.caller.team
    gone = {
        key
        for key, record in zip(keys, records, strict=True)
        if record is not None
        and record.hash is not None
        and await at.pictures.head(team, f"{record.hash}.{record.format}") is None
    }
    if not gone:
        return records
    await at.records.delete(order.caller.cache_scope, list(gone))
    return [None if key in gone else record for key, record in zip(keys, records, strict=True)]


async def look_up_or_draw(order: Order, plans: Sequence[Plan], at: Deps) -> Drawn:
    """All n pictures, drawing what is neither known nor being drawn by another run, here or in another process."""
    keys = [key for plan in plans for key in keys_of(plan, order)]
    run = run_of(keys, plans, order)
    waited_with: Found | None = None
    leader: str | None = None
    while True:
        with at.telemetry.tracing.store("cache"):
            claim = await at.claims.claim(order.caller.cache_scope, run, order.id, keys, plans[0].n)
        if claim.held and leader is not None:
            await follow(leader, run, order, at)
            leader = None
            continue
        if claim.held:
            known_records = dict(zip(keys, claim.records, strict=True))
            return await draw_and_remember(order, plans, known_records, run, at, waited=waited_with is not None)
        records = await still_there(keys, claim.records, order, at)
        found = best(plans, records)
        if found.whole:
            return Drawn(found.plan, told_apart(found, waited_with))
        if records is not claim.records:
            continue  # all was known, but some of it is no longer stored: claim again
        waited_with = waited_with or found
        leader = await at.runs.holder(run)
        until = asyncio.get_running_loop().time() + order.deadline - time.monotonic()
        with order.record.stop.interrupts("", WAITED):
            if not await at.runs.wait(run, until):
                raise deadline_passed(order)


async def follow(leader: str, run: str, order: Order, at: Deps) -> None:
    """Until the job that drew it is over: its process may have died, and another one goes on with its calls.

    Nobody else draws it meanwhile. Raises as `Others.ended`.
    """
    async with at.runs.held(run, order.id):
        with order.record.stop.interrupts("", WAITED):
            await at.others.ended(leader, order)


def told_apart(found: Found, waited_with: Found | None) -> dict[int, Picture]:
    """Pictures that came while this request waited for another run are shared, those known before it are hits."""
    if waited_with is None:
        return dict(found.pictures)
    before: Mapping[int, Picture] = waited_with.pictures if waited_with.plan is found.plan else {}
    return {
        index: picture if index in before else replace(picture, cache="shared")
        for index, picture in found.pictures.items()
    }


def best(plans: Sequence[Plan], records: Sequence[Record | None]) -> Found:
    """The first candidate of which every picture is known; else what is known of the first, which is asked next."""
    found = of_each(plans, records)
    return next((candidate for candidate in found if candidate.whole), found[0])


def of_each(plans: Sequence[Plan], records: Sequence[Record | None]) -> list[Found]:
    """What is known of each candidate; `records` are those of the first, then those of the second, and so on."""
    each = plans[0].n
    rows = [records[place : place + each] for place in range(0, len(records), each)]
    return [Found(plan, known(row)) for plan, row in zip(plans, rows, strict=True)]


def known(row: Sequence[Record | None]) -> dict[int, Picture]:
    return {index: from_record(record) for index, record in enumerate(row) if record is not None}


async def draw_on(order: Order, plans: Sequence[Plan], at: Deps) -> Drawn:
    """A job that was begun before. What it made itself is no hit, though the cache may know it by now."""
    if not cacheable(order, plans[0], at):
        return await draw_uncached(order, plans, at)
    keys = [key for plan in plans for key in keys_of(plan, order)]
    run = run_of(keys, plans, order)
    with at.telemetry.tracing.store("cache"):
        claim = await at.claims.claim(order.caller.cache_scope, run, order.id, keys, plans[0].n)
    return await draw_and_remember(order, plans, dict(zip(keys, claim.records, strict=True)), run, at, waited=False)


async def draw_uncached(order: Order, plans: Sequence[Plan], at: Deps) -> Drawn:
    drawn = Drawn(plans[0])
    await draw(order, [Found(plan, {}) for plan in plans], drawn, at)
    return drawn


def run_of(keys: Sequence[str], plans: Sequence[Plan], order: Order) -> str:
    """What processes agree upon: one of them draws it at a time."""
    return f"{on_one_node(order.caller.cache_scope)}:{keys[0]}:{plans[0].n}"


async def draw_and_remember(
    order: Order, plans: Sequence[Plan], records: Mapping[str, Record | None], run: str, at: Deps, *, waited: bool
) -> Drawn:
    """What is missing is drawn under the lease; what was drawn is kept, also when the rest fails.

    `waited`: another run of this request has just ended.
    """
    drawn = Drawn(plans[0])
    try:
        found = of_each(plans, await still_there(tuple(records), tuple(records.values()), order, at))
        pooled = {index: picture for each in reversed(found) for index, picture in each.pictures.items()}
        # With the caller's leave, what one candidate's pictures lack may be another's; and a run whose provider failed
        # on the way was completed by another: what it brought is not drawn again, unless the caller wants one hand.
        completed = waited and len(pooled) == plans[0].n and may_be_completed_elsewhere(order)
        if mixes(order) or completed:
            found = [Found(plan, pooled) for plan in plans]
        with at.runs.kept_alive(run, order.id):
            await draw(order, found, drawn, at)
    finally:
        await remember(order, plans, drawn, run, at)
    known_there = next(candidate.pictures for candidate in found if candidate.plan is drawn.plan)
    drawn.pictures = {**known_there, **drawn.pictures}
    return drawn


async def remember(order: Order, plans: Sequence[Plan], drawn: Drawn, run: str, at: Deps) -> None:
    """Not what could not be stored: it would be answered without a URL of ours for as long as the record lives.

    The lease stays with a job that another process goes on with, where it has the same owner.
    """
    offers = {picture.offer for picture in drawn.pictures.values()}
    keys = {plan.offer.id: keys_of(plan, order) for plan in plans if plan.offer.id in offers}
    created = int(time.time())
    records = {
        keys[picture.offer][index]: to_record(picture, created)
        for index, picture in drawn.pictures.items()
        if picture.cache == "miss" and (picture.hash or not order.options.keep)
    }
    owner = NOBODY if order.record.lost else order.id
    with at.telemetry.tracing.store("cache"):
        await at.claims.finish(order.caller.cache_scope, run, owner, records, at.settings.cache.ttl)


def as_shared(drawn: Drawn) -> Drawn:
    """What another request's run drew cost this one nothing. What that run knew already is a hit for this one too."""
    pictures = {
        index: replace(picture, cache="shared") if picture.cache == "miss" else picture
        for index, picture in drawn.pictures.items()
    }
    return Drawn(drawn.plan, pictures, list(drawn.attempts))
