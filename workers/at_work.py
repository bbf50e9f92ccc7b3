"""How long the device has been at one and the same thing: a forward that never returns is noticed by nothing else."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager


class AtWork:
    """For any thread. Each of those that work does one thing at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[int, float] = {}  # by thread

    @contextmanager
    def on_something(self) -> Generator[None]:
        me = threading.get_ident()
        self._since[me] = self._clock()
        try:
            yield
        finally:
            del self._since[me]

    def seconds(self) -> float:
        """Of what is being done for the longest time; 0 when nothing is."""
        return max((self._clock() - since for since in list(self._since.values())), default=0.0)
