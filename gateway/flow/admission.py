"""Whether a request, and later each of its providers, has room within the limits that apply to it.

The caller's key and team and the model are asked before anything is written or promised; a provider when it is chosen.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from gateway.errors import InvalidValue, RateLimited
from gateway.flow.order import Order
from gateway.settings_tables import Limited
from gateway.tenancy.caller import Limits
from gateway.tenancy.limiter import NOTHING, Admitted, Limiter, NoRoom
from gateway.tenancy.limits import Owned, Owner, Use, asked, never_fits, owned_by
from normalizers.offer import Offer
from normalizers.plan import Plan

NONE = Limits()


class Admission:
    """`models` and `providers` are the configured limits, by public id and by name."""

    def __init__(self, limiter: Limiter, models: Mapping[str, Limited], providers: Mapping[str, Limited]) -> None:
        self._limiter = limiter
        self._models = configured("model", models)
        self._providers = configured("provider", providers)

    async def admit(self, order: Order, plan: Plan, *, waits: bool = False) -> Admitted:
        """`waits`: for a process that has room, and keeps its places until its deadline.

        Raises RateLimited, or InvalidValue for what would never fit.
        """
        owned = self._owned(order)
        if not owned:
            return NOTHING
        use = Use(plan.n, plan.pixels or plan.drawn)
        wrong = never_fits(owned, use)
        if wrong is not None:
            raise wrong
        left_alone_for = order.deadline - time.monotonic() if waits else None
        names = members(order.id, range(plan.n))
        answer = await self._limiter.take(asked(owned, use), names, left_alone_for=left_alone_for)
        if isinstance(answer, NoRoom):
            raise answer.error()
        return answer

    async def standing(self, order: Order) -> dict[str, str]:
        """Headers for a request that joins a job, and takes nothing."""
        owned = self._owned(order)
        return await self._limiter.look(asked(owned, Use(0))) if owned else {}

    async def undo(self, admitted: Admitted) -> None:
        """It came to nothing, or was another's job."""
        await self._limiter.take_back(admitted)

    def take_up(self, order: Order, images: int) -> Admitted:
        """The places of a job that another process has begun, or that has waited: they are its own already."""
        return self._held(self._owned(order), members(order.id, range(images)))

    def give_up(self, job: str, images: int, *, team: str, key: str, model: str) -> None:
        """A job that nobody can go on with has no places, whatever limits there are by now."""
        self._limiter.free([Owner("key", key), Owner("team", team), Owner("model", model)], members(job, range(images)))

    def end(self, admitted: Admitted, *, lost: bool = False) -> None:
        """Its places are free, unless it is `lost`: another process goes on with the job."""
        if admitted.lease is None:
            return
        if lost:
            self._limiter.leases.leave(admitted.lease)
        else:
            self._limiter.leases.give_back(admitted.lease)

    async def at_provider(self, order: Order, plan: Plan, wanted: Sequence[int]) -> Admitted:
        """For these of its pictures. Raises RateLimited, or InvalidValue for what would never fit there."""
        owned = self._owned_by_provider(order, plan.offer)
        if not owned:
            return NOTHING
        use = Use(len(wanted), plan.drawn or plan.pixels, len(plan.calls(wanted)))
        wrong = never_fits(owned, use)
        if wrong is not None:
            raise wrong
        answer = await self._limiter.take(asked(owned, use), members(order.id, wanted))
        if isinstance(answer, NoRoom):
            raise answer.error(told=False)
        return answer

    async def once_more(self, order: Order, offer: Offer, requests: int = 1) -> bool:
        """Whether the provider may be sent that many more, for pictures that count there already."""
        owned = self._owned_by_provider(order, offer)
        if not owned:
            return True
        more = asked(owned, Use(0, requests=requests), counts=("requests",), places=False)
        return not isinstance(await self._limiter.take(more, ()), NoRoom)

    def take_up_at_provider(self, order: Order, plan: Plan, wanted: Iterable[int]) -> Admitted:
        """Of a call that an earlier process has sent."""
        return self._held(self._owned_by_provider(order, plan.offer), members(order.id, wanted))

    def gateways_alive(self, count: int) -> None:
        """Among so many the limits are shared out while there is no Redis."""
        self._limiter.gateways_alive(count)

    async def close(self) -> None:
        await self._limiter.leases.close()

    def _owned(self, order: Order) -> list[Owned]:
        model = self._models.get(order.found.entry.facts.id)
        return [*owned_by(order.caller), *([] if model is None else [model])]

    def _owned_by_provider(self, order: Order, offer: Offer) -> list[Owned]:
        """Nothing for calls under a key that the team has brought: they load another account."""
        owned, access = self._providers.get(offer.provider), order.reach.get(offer.provider)
        return [] if owned is None or (access is not None and access.own) else [owned]

    def _held(self, owned: Sequence[Owned], names: Sequence[str]) -> Admitted:
        places = asked(owned, Use(0), counts=())
        if not places:
            return NOTHING
        lease = self._limiter.hold(places, names)
        self._limiter.leases.renew_soon()
        return Admitted(places, lease)


def members(job: str, wanted: Iterable[int]) -> list[str]:
    """Who has the places: each of these pictures."""
    return [f"{job}/{index}" for index in wanted]


def configured(kind: Literal["model", "provider"], tables: Mapping[str, Limited]) -> dict[str, Owned]:
    """Those that have any."""
    found = {name: limits_of(table) for name, table in tables.items()}
    return {name: (Owner(kind, name), limits) for name, limits in found.items() if limits != NONE}


def limits_of(table: Limited) -> Limits:
    return Limits(
        table.requests_per_minute, table.images_per_minute, table.megapixels_per_minute, table.max_concurrent_images
    )


def least_wait(refusals: Sequence[RateLimited | InvalidValue]) -> RateLimited | InvalidValue:
    """What to tell of several providers: the one that has room first; one that never has is no reason to wait."""
    waits = [each for each in refusals if isinstance(each, RateLimited)]
    return min(waits, key=lambda each: each.retry_after) if waits else refusals[0]
