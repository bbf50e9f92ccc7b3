"""What need not be drawn: pictures that the cache knows, and those that somebody is drawing right now."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.flow.deps import Deps
from gateway.flow.failure import deadline_passed
from gateway.flow.intake import handed_on
from gateway.flow.order import Order
from gateway.flow.picture import Picture, from_record, to_record
from gateway.flow.spread import Drawn, draw
from gateway.store.records import Record, record_key
from normalizers.plan import Plan


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures by their place among the n, and the plan whose they are."""

    plan: Plan
    pictures: Mapping[int, Picture]

    @property
    def whole(self) -> bool:
        return len(self.pictures) == self.plan.n


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
    records = await at.records.get_many(order.caller.team, keys)
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
    await at.records.delete(team, list(gone))
    return [None if key in gone else record for key, record in zip(keys, records, strict=True)]


async def look_up_or_draw(order: Order, plans: Sequence[Plan], at: Deps) -> Drawn:
    """All n pictures, drawing what is neither known nor being drawn by another process."""
    keys = [key for plan in plans for key in keys_of(plan, order)]
    run = f"{{{order.caller.team}}}:{keys[0]}:{plans[0].n}"
    while True:
        claim = await at.claims.claim(order.caller.team, run, order.id, keys, plans[0].n)
        records = await still_there(keys, claim.records, order, at)
        found = best(plans, records)
        if found.whole:
            return Drawn(found.plan, dict(found.pictures))
        if claim.held:
            return await draw_and_remember(order, plans, found, run, at)
        if records is not claim.records:
            continue  # all was known, but some of it is no longer stored: claim again
        loop = asyncio.get_running_loop()
        left = order.deadline - time.monotonic()
        if not await at.runs.wait(run, loop.time() + left):
            raise deadline_passed(order)


def best(plans: Sequence[Plan], records: Sequence[Record | None]) -> Found:
    """The first candidate of which every picture is known; else what is known of the first, which is asked next."""
    each = plans[0].n
    rows = [records[place : place + each] for place in range(0, len(records), each)]
    found = [Found(plan, known(row)) for plan, row in zip(plans, rows, strict=True)]
    return next((candidate for candidate in found if candidate.whole), found[0])


def known(row: Sequence[Record | None]) -> dict[int, Picture]:
    return {index: from_record(record) for index, record in enumerate(row) if record is not None}


async def draw_and_remember(order: Order, plans: Sequence[Plan], found: Found, run: str, at: Deps) -> Drawn:
    """What is missing is drawn under the lease; what was drawn is kept, also when the rest fails."""
    wanted = [index for index in range(found.plan.n) if index not in found.pictures]
    # Pictures of one answer come from one provider: with some of them known, only their plan is asked.
    allowed = [found.plan] if found.pictures else list(plans)
    drawn = Drawn(found.plan)
    try:
        with at.runs.kept_alive(run, order.id):
            await draw(order, allowed, wanted, drawn, at)
    finally:
        await remember(order, drawn, run, at)
    drawn.pictures.update(found.pictures)
    return drawn


async def remember(order: Order, drawn: Drawn, run: str, at: Deps) -> None:
    keys = keys_of(drawn.plan, order)
    created = int(time.time())
    records = {
        keys[index]: to_record(picture, created)
        for index, picture in drawn.pictures.items()
        if picture.offer == drawn.plan.offer.id
    }
    await at.claims.finish(order.caller.team, run, order.id, records, at.settings.cache.ttl)


def as_shared(drawn: Drawn) -> Drawn:
    """What another request's run brought: it cost this one nothing."""
    pictures = {index: replace(picture, cache="shared") for index, picture in drawn.pictures.items()}
    return Drawn(drawn.plan, pictures, list(drawn.attempts), cost=0)
