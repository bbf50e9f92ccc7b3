"""How much of the load on a provider may be repetition: a budget, so that an outage does not multiply the calls."""

import time
from collections.abc import Callable

from gateway.flow.window import Window

WINDOW_SECONDS = 10.0
SHARE = 0.2  # of the calls in the window
ALWAYS = 10  # in a window, however few calls there were


class RetryBudget:
    """Calls and their repetitions by provider. What is repeated is a retry there, or a call elsewhere in its place."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: dict[str, Window] = {}
        self._repeated: dict[str, Window] = {}
        self.first_pause = 0.25  # seconds before the second try of a call, doubled before the third

    def called(self, provider: str) -> None:
        """Count a call that is not a repetition."""
        self._window(self._calls, provider).add(self._clock())

    def take(self, provider: str, calls: int = 1) -> bool:
        """Whether so many calls may be repeated now; they are counted then."""
        now = self._clock()
        repeated = self._window(self._repeated, provider)
        allowed = max(ALWAYS, SHARE * self._window(self._calls, provider).count(now))
        if repeated.count(now) + calls > allowed:
            return False
        repeated.add(now, calls)
        return True

    def forget(self) -> None:
        """Start anew."""
        self._calls.clear()
        self._repeated.clear()

    @staticmethod
    def _window(windows: dict[str, Window], provider: str) -> Window:
        found = windows.get(provider)
        if found is None:
            found = windows[provider] = Window(WINDOW_SECONDS)
        return found
