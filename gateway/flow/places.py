"""How many calls a provider has at once: each holds a place from its sending to its answer, a ticket's end included."""

import asyncio
from collections.abc import Mapping

USUAL = 64


class Place:
    """One of a provider's places; give it back with `leave`."""

    __slots__ = ("_places",)

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places

    def leave(self) -> None:
        self._places.release()


class Places:
    """`most` calls at once by provider. Who waits for a place gets it in turn.

    A call holds one place and never waits for a second one, so that a request of many calls cannot block itself.
    """

    def __init__(self, most: Mapping[str, int]) -> None:
        self._most = most
        self._places: dict[str, asyncio.Semaphore] = {}
        self.patience = 5.0  # seconds that a request waits for its first place when another candidate may have one
        self.last_patience = 30.0  # and when none is left

    async def take(self, provider: str, seconds: float) -> Place | None:
        """A place, or None when none came free within so many seconds."""
        places = self._of(provider)
        if not places.locked():
            await places.acquire()  # at once: nobody waits
            return Place(places)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await places.acquire()
        except TimeoutError:
            return None
        return Place(places)

    def most(self, provider: str) -> int:
        return self._most.get(provider, USUAL)

    def _of(self, provider: str) -> asyncio.Semaphore:
        found = self._places.get(provider)
        if found is None:
            found = self._places[provider] = asyncio.Semaphore(self.most(provider))
        return found
