"""How long calls to an offer take: the median of the last ones, for routing by speed."""

import statistics
import time
from collections import deque
from collections.abc import Callable

from normalizers.offer import Offer

REMEMBERED = 32  # calls of one offer
FRESH_SECONDS = 600.0  # an offer that nobody called for so long is tried again as if it were new
EXPLORE_SECONDS = 60.0  # for so long an offer that nothing is known of is left to the request that tries it


class _Seen:
    __slots__ = ("explored", "last", "taken")

    def __init__(self) -> None:
        self.taken: deque[float] = deque(maxlen=REMEMBERED)
        self.last = 0.0
        self.explored: float | None = None


class Latencies:
    """Seconds from sending a call to its answer, by offer and operation. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[tuple[str, str], _Seen] = {}

    def observe(self, offer: Offer, seconds: float) -> None:
        """A call that brought its pictures."""
        seen = self._of(offer)
        seen.taken.append(seconds)
        seen.last = self._clock()
        seen.explored = None

    def median(self, offer: Offer) -> float | None:
        """None when no call was observed lately."""
        seen = self._of(offer)
        if self._clock() - seen.last > FRESH_SECONDS:
            seen.taken.clear()
        return statistics.median(seen.taken) if seen.taken else None

    def unexplored(self, offer: Offer) -> bool:
        """Nothing is known of it, and no request is just finding out."""
        explored = self._of(offer).explored
        recently = explored is not None and self._clock() - explored < EXPLORE_SECONDS
        return self.median(offer) is None and not recently

    def explore(self, offer: Offer) -> None:
        """A request is about to find out."""
        self._of(offer).explored = self._clock()

    def forget(self) -> None:
        """Start anew."""
        self._seen.clear()

    def _of(self, offer: Offer) -> _Seen:
        key = (offer.id, offer.operation)
        found = self._seen.get(key)
        if found is None:
            found = self._seen[key] = _Seen()
        return found
