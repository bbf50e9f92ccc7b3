"""The places that this process holds: renewed for all of them at once, given back in a batch that nobody waits for."""

import asyncio
import contextlib
from collections import Counter

import structlog

from gateway.store.limits import LEASE, SECOND, Lease, SharedLimits

log = structlog.stdlib.get_logger()

RENEW_SECONDS = LEASE / SECOND / 3
TRY_AGAIN_SECONDS = 0.25  # while Redis cannot be told; it may be back within a moment
MOST_IN_A_CALL = 200  # leases, so that a crowded process does not hold Redis up


class Leases:
    """A lease of a process that is killed runs out by itself."""

    def __init__(self, shared: SharedLimits) -> None:
        self._shared = shared
        self._held: set[Lease] = set()
        self._counts: Counter[str] = Counter()
        self._over: list[tuple[float, Lease]] = []  # with the moment from which it need not be told any more
        self._closing = False
        self._giving: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        self._due = asyncio.Event()

    def held(self, name: str) -> int:
        """How many places of that name this process has."""
        return self._counts[name]

    def hold(self, lease: Lease) -> None:
        """One that was just taken; it is kept until it is given back."""
        self._held.add(lease)
        for name in lease.names:
            self._counts[name] += len(lease.members)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._keep_renewing(), name="places held")

    def give_back(self, lease: Lease) -> None:
        """Also one that nobody here holds."""
        self._drop(lease)
        self._over.append((asyncio.get_running_loop().time() + LEASE / SECOND, lease))
        if self._giving is None:
            self._giving = asyncio.create_task(self._give(), name="places given back")

    def leave(self, lease: Lease) -> None:
        """Another process goes on with the job, and with its places; if not, they run out."""
        self._drop(lease)

    def renew_soon(self) -> None:
        """Redis may have lost them."""
        self._due.set()

    async def close(self) -> None:
        """What is still held runs out, or is taken over; what was given back is told once more."""
        self._closing = True
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        if self._giving is not None:
            await asyncio.wait([self._giving])

    def _drop(self, lease: Lease) -> None:
        if lease not in self._held:
            return
        self._held.discard(lease)
        for name in lease.names:
            self._counts[name] -= len(lease.members)
            if not self._counts[name]:
                del self._counts[name]

    async def _give(self) -> None:
        try:
            while self._over:
                over, self._over = self._over[:MOST_IN_A_CALL], self._over[MOST_IN_A_CALL:]
                if await self._shared.release([lease for _until, lease in over]) or self._closing:
                    continue
                await asyncio.sleep(TRY_AGAIN_SECONDS)
                now = asyncio.get_running_loop().time()
                self._over += [each for each in over if each[0] > now]
        finally:
            self._giving = None

    async def _keep_renewing(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_SECONDS):
                    await self._due.wait()
            self._due.clear()
            try:
                await self._renew()
            except Exception as fault:
                log.error("fault", where="places held", exc_info=fault)

    async def _renew(self) -> None:
        """Without those that are given back meanwhile: they would be taken anew."""
        held = list(self._held)
        for first in range(0, len(held), MOST_IN_A_CALL):
            await self._shared.renew([each for each in held[first : first + MOST_IN_A_CALL] if each in self._held])
