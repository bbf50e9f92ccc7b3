"""Takes what a request is to count, from the limits that all gateways share, or from this one's part of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from gateway.errors import RateLimited
from gateway.store.limits import LEASE, SECOND, Lease, SharedLimits, Taken
from gateway.telemetry import Telemetry
from gateway.tenancy.leases import Leases
from gateway.tenancy.limits import Asked, Owner, given_back, headers_of, only_looked_at, places_name, refusal
from gateway.tenancy.local_limits import LocalLimits

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Admitted:
    """What was taken; `headers` tell how the limits stand since then."""

    asked: Asked | None = None
    lease: Lease | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])


NOTHING = Admitted()


@dataclass(frozen=True, slots=True)
class NoRoom:
    """One of the limits has none, so nothing was taken."""

    asked: Asked
    answer: Taken

    def error(self, *, told: bool = True) -> RateLimited:
        """`told`: with headers that say how the limits stand."""
        headers = headers_of(self.asked, self.answer) if told else {}
        return RateLimited(refusal(self.asked, self.answer), retry_after=self.answer.wait / SECOND, headers=headers)


class Limiter:
    """`gateways` is how many share the limits, as far as this one knows."""

    def __init__(self, shared: SharedLimits, telemetry: Telemetry) -> None:
        self._shared = shared
        self._telemetry = telemetry
        self.leases = Leases(shared)
        self._local = LocalLimits(self.leases.held)
        self._alone = False

    def gateways_alive(self, count: int) -> None:
        self._local.gateways = max(1, count)

    async def take(
        self, asked: Asked, members: Sequence[str], *, left_alone_for: float | None = None
    ) -> Admitted | NoRoom:
        """All or nothing. Each of the `members` takes one of each of the places. They are held until they are given
        back or, where no process looks after them, left alone for so many seconds.
        """
        if not asked:
            return NOTHING
        lease_for = LEASE if left_alone_for is None else max(1, round(left_alone_for * SECOND))
        answer = await self._answer(asked, members, lease_for)
        if answer.refused is not None:
            return NoRoom(asked, answer)
        lease = lease_of(asked, members) if asked.places else None
        if lease is not None and left_alone_for is None:
            self.leases.hold(lease)
        return Admitted(asked, lease, headers_of(asked, answer))

    def hold(self, asked: Asked, members: Sequence[str]) -> Lease:
        """Without asking whether there is room for them."""
        lease = lease_of(asked, members)
        self.leases.hold(lease)
        return lease

    def free(self, owners: Sequence[Owner], members: Sequence[str]) -> None:
        """Places that nobody holds."""
        self.leases.give_back(Lease(tuple(map(places_name, owners)), tuple(members)))

    async def look(self, asked: Asked) -> dict[str, str]:
        """How the limits stand, as headers."""
        rates = only_looked_at(asked)
        if not rates:
            return {}
        answer = await self._shared.take(rates.rates, (), ())
        return headers_of(rates, answer or self._local.take(rates.rates, (), 0, moment()))

    async def take_back(self, admitted: Admitted) -> None:
        """Nothing came of it."""
        if admitted.lease is not None:
            self.leases.give_back(admitted.lease)
        if admitted.asked is None or not admitted.asked.rates:
            return
        rates = given_back(admitted.asked.rates)
        if await self._shared.take(rates, (), ()) is None:
            self._local.take(rates, (), 0, moment())

    async def _answer(self, asked: Asked, members: Sequence[str], lease: int) -> Taken:
        answer = await self._shared.take(asked.rates, asked.places, members, lease=lease)
        if answer is not None:
            self._with_redis()
            return answer
        answer = self._local.take(asked.rates, asked.places, len(members), moment())
        self._without_redis(answer)
        return answer

    def _without_redis(self, answer: Taken) -> None:
        self._telemetry.limited_alone("admitted" if answer.refused is None else "refused")
        if not self._alone:
            self._alone = True
            log.warning("limits_local", gateways=self._local.gateways)

    def _with_redis(self) -> None:
        """Places that were taken while it was away are told."""
        if self._alone:
            self._alone = False
            log.info("limits_shared")
            self.leases.renew_soon()


def lease_of(asked: Asked, members: Sequence[str]) -> Lease:
    return Lease(tuple(each.name for each in asked.places), tuple(members))


def moment() -> int:
    """In microseconds."""
    return time.monotonic_ns() // 1000
