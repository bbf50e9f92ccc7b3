"""How fast an engine draws, learned from what was drawn."""

import threading
from collections.abc import Mapping

from workers.engine import Drawing, Pace

_WEIGHT = 0.2  # of the newest among all that were seen: a handful of steps settle it, one that stalled does not


class Learned:
    """A pace for each model: a guess until the first measurement, then an average that forgets.

    For any thread."""

    def __init__(self, guesses: Mapping[str, Pace]) -> None:
        self.known = dict(guesses)
        self._measured: set[tuple[str, str]] = set()
        self._learning = threading.Lock()

    def seconds(self, drawing: Drawing, steps: float | None = None) -> float:
        """Of a picture; with fewer steps than it asks for, of what is left of one."""
        pace = self.known[drawing.model]
        taken = drawing.steps if steps is None else steps
        return pace.seconds_per_picture + taken * _megapixels(drawing) * pace.seconds_per_megapixel_step

    def stepped(self, drawing: Drawing, seconds: float) -> None:
        """A step of the picture took so long; of several together, its share."""
        with self._learning:
            old = self.known[drawing.model]
            new = self._mixed("step", drawing.model, old.seconds_per_megapixel_step, seconds / _megapixels(drawing))
            self.known[drawing.model] = Pace(old.seconds_per_picture, new)

    def rested(self, drawing: Drawing, seconds: float) -> None:
        """All of the picture but its steps took so long."""
        with self._learning:
            old = self.known[drawing.model]
            new = self._mixed("rest", drawing.model, old.seconds_per_picture, seconds)
            self.known[drawing.model] = Pace(new, old.seconds_per_megapixel_step)

    def _mixed(self, what: str, model: str, old: float, new: float) -> float:
        if (what, model) in self._measured:
            return (1 - _WEIGHT) * old + _WEIGHT * new
        self._measured.add((what, model))
        return new


def _megapixels(drawing: Drawing) -> float:
    return drawing.width * drawing.height / 1e6
