"""What an engine does while it is loaded, for the person who waits: a bar on a terminal, lines of the log elsewhere."""

import logging
import sys
import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

log = logging.getLogger("easel.worker")

_LOGGED_SHARE = 0.25  # a line each time so much more of the same is done


class Telling:
    """Called, from any thread, with what is being done and the share that is done, 0 to 1; None: nobody knows that.

    `with Telling() as told:` leaves the terminal as it was, whatever happens.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._what = ""
        self._share = 0.0
        self._bar = _bar() if sys.stderr.isatty() else None
        self._row: TaskID | None = None

    def __call__(self, what: str, share: float | None = None) -> None:
        with self._lock:
            new = what != self._what
            if new:
                self._what, self._share = what, 0.0
            if self._bar is not None:
                self._draw(self._bar, share, new=new)
            elif share is not None and share >= self._share + _LOGGED_SHARE:
                log.info("%s: %d %%", what, round(100 * share))
                self._share = share
            elif new:
                log.info("%s", what)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._bar is not None:
                if error is None:
                    self._finish_row(self._bar)
                self._bar.stop()

    def _draw(self, bar: Progress, share: float | None, *, new: bool) -> None:
        if new:
            self._finish_row(bar)
            bar.start()
            self._row = bar.add_task(self._what, total=None)
        if self._row is not None and share is not None:
            bar.update(self._row, total=1.0, completed=share)

    def _finish_row(self, bar: Progress) -> None:
        if self._row is not None:
            bar.update(self._row, total=1.0, completed=1.0)
            bar.stop_task(self._row)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
