"""What other threads have to tell the event loop, without waking it for every word.

Being woken costs the one who wakes: both want the interpreter. So news that can wait a moment are handed over in one
go, at most twenty times a second.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

log = logging.getLogger("easel.worker")

Word = Callable[[], object]
MOMENT = 0.05  # seconds; nobody watches a picture's progress more closely


class Outbox:
    """Words are called on the loop in the order in which they were put in, whichever way they were."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._words: deque[Word] = deque()
        self._expected = False  # the loop reads within a moment, whatever happens
        self._resting: asyncio.TimerHandle | None = None

    def tell(self, word: Word) -> None:
        """At once."""
        self._words.append(word)
        self._wake()

    def mention(self, word: Word) -> None:
        """Within a moment."""
        self._words.append(word)
        if not self._expected:
            self._expected = True
            self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._read)
        except RuntimeError:  # the loop is closed: the worker has ended, and nobody waits for this
            log.debug("nobody waits any more")

    def _read(self) -> None:
        heard = bool(self._words)
        while self._words:
            self._loop.call_soon(self._words.popleft())
        if heard and self._resting is None:
            self._expected = True
            self._resting = self._loop.call_later(MOMENT, self._rested)

    def _rested(self) -> None:
        self._resting = None
        self._expected = False
        self._read()  # what was mentioned while it was expected
