"""How often something happened lately: a count over a moving window, in constant memory and time."""

PARTS = 10


class Window:
    """Counts over the last `seconds`, exact to a tenth of them. Moments are of one monotonic clock, in seconds."""

    __slots__ = ("_counts", "_newest", "_part_seconds", "_total")

    def __init__(self, seconds: float) -> None:
        self._part_seconds = seconds / PARTS
        self._counts = [0] * PARTS
        self._newest = 0
        self._total = 0

    def add(self, now: float, times: int = 1) -> None:
        self._forget_old(now)
        self._counts[self._newest % PARTS] += times
        self._total += times

    def count(self, now: float) -> int:
        self._forget_old(now)
        return self._total

    def clear(self) -> None:
        self._counts = [0] * PARTS
        self._total = 0

    def _forget_old(self, now: float) -> None:
        part = int(now / self._part_seconds)
        for passed in range(1, min(part - self._newest, PARTS) + 1):
            place = (self._newest + passed) % PARTS
            self._total -= self._counts[place]
            self._counts[place] = 0
        self._newest = max(self._newest, part)
