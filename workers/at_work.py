"""How long the device has been at one and the same thing: a forward that never returns is noticed by nothing else."""

import threading
import time
from collections.abc import Callable


class AtWork:
    """For any thread. Each of those that work does one thing at a time, and says so: `with at_work:`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[int, float] = {}  # by thread

    def __enter__(self) -> None:
        self._since[threading.get_ident()] = self._clock()

    def __exit__(self, *_raised: object) -> None:
        del self._since[threading.get_ident()]

    def seconds(self) -> float:
        """Of what is being done for the longest time; 0 when nothing is."""
        return max((self._clock() - since for since in list(self._since.values())), default=0.0)
