"""A circuit breaker: it opens when too much fails, and lets one call through at a time to see whether that is over."""

from typing import Literal

from gateway.flow.window import Window
from providers.errors import Kind

# What speaks against a provider. A request that it does not take and one that it moderates do not; a rate limit is
# answered by a pause, an expired or cancelled ticket says nothing.
COUNTED = frozenset(
    {Kind.BUSY, Kind.FAILED, Kind.TIMEOUT, Kind.BROKEN, Kind.LOST, Kind.KEY, Kind.CREDIT, Kind.NOT_ALLOWED}
)
# No call gets through until a person has done something: no need to see it fail five times.
REFUSED = frozenset({Kind.KEY, Kind.CREDIT, Kind.NOT_ALLOWED})

WINDOW_SECONDS = 30.0
SHARE = 0.5  # of the calls in the window
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 120.0  # seconds, doubled each time that a probe fails
FIRST_PAUSE_REFUSED, LONGEST_PAUSE_REFUSED = 60.0, 600.0

State = Literal["closed", "half_open", "open"]


class Breaker:
    """Opens with `enough` failures in the window, when they are half of its calls. Moments are of one clock."""

    __slots__ = ("_calls", "_enough", "_failed", "_pause", "kind", "opened", "probing", "until")

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._calls = Window(WINDOW_SECONDS)
        self._failed = Window(WINDOW_SECONDS)
        self._pause = 0.0
        self.kind = Kind.BUSY  # of the failure that opened it
        self.opened: float | None = None
        self.until = 0.0
        self.probing = False  # a call is under way that will tell

    def state(self, now: float) -> State:
        """`half_open`: its pause is over, and a probe may find out, or is just finding out, whether all is well."""
        if self.opened is None:
            return "closed"
        return "open" if now < self.until else "half_open"

    def succeeded(self, started: float, now: float) -> None:
        """A call that began before the breaker opened tells nothing about now."""
        if self.opened is None:
            self._calls.add(now)
        elif started >= self.opened:
            self._close()

    def failed(self, kind: Kind, started: float, now: float) -> None:
        """While it is open only a probe's failure counts: those of calls that were under way are no news."""
        if self.opened is not None:
            if (self.probing and started >= self.until) or (kind in REFUSED and self.kind not in REFUSED):
                self.open(kind, now)
            return
        self._calls.add(now)
        self._failed.add(now)
        failed = self._failed.count(now)
        if kind in REFUSED or (failed >= self._enough and failed >= SHARE * self._calls.count(now)):
            self.open(kind, now)

    def open(self, kind: Kind, now: float) -> None:
        """From now on, for a pause that is twice the last one where that one did not help."""
        refused = kind in REFUSED
        first, longest = (FIRST_PAUSE_REFUSED, LONGEST_PAUSE_REFUSED) if refused else (FIRST_PAUSE, LONGEST_PAUSE)
        self._pause = min(longest, max(first, self._pause * 2))
        self.kind, self.opened, self.until, self.probing = kind, now, now + self._pause, False

    def _close(self) -> None:
        self.opened, self._pause, self.probing = None, 0.0, False
        self._calls.clear()
        self._failed.clear()
