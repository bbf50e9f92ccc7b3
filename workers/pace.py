"""How fast an engine draws, learned from what was drawn."""

from collections.abc import Mapping

from workers.engine import Drawing, Pace

_WEIGHT = 0.2  # of the newest among all that were seen: a handful of steps settle it, one that stalled does not


class Learned:
    """A pace for each model: a guess until the first measurement, then an average that forgets.

    Any thread reads; one may tell of steps, and one of all else."""

    def __init__(self, guesses: Mapping[str, Pace]) -> None:
        self._guesses = dict(guesses)
        self._per_picture: dict[str, float] = {}
        self._per_megapixel_step: dict[str, float] = {}

    @property
    def known(self) -> Mapping[str, Pace]:
        return {model: self._pace(model) for model in self._guesses}

    def seconds(self, drawing: Drawing, steps: float | None = None) -> float:
        """Of a picture; with fewer steps than it asks for, of what is left of one."""
        pace = self._pace(drawing.model)
        taken = drawing.steps if steps is None else steps
        return pace.seconds_per_picture + taken * _megapixels(drawing) * pace.seconds_per_megapixel_step

    def stepped(self, drawing: Drawing, seconds: float) -> None:
        """A step of the picture took so long; of several together, its share."""
        _mix(self._per_megapixel_step, drawing.model, seconds / _megapixels(drawing))

    def rested(self, drawing: Drawing, seconds: float) -> None:
        """All of the picture but its steps took so long."""
        _mix(self._per_picture, drawing.model, seconds)

    def _pace(self, model: str) -> Pace:
        guess = self._guesses[model]
        return Pace(
            self._per_picture.get(model, guess.seconds_per_picture),
            self._per_megapixel_step.get(model, guess.seconds_per_megapixel_step),
        )


def _mix(measured: dict[str, float], model: str, newest: float) -> None:
    before = measured.get(model)
    measured[model] = newest if before is None else (1 - _WEIGHT) * before + _WEIGHT * newest


def _megapixels(drawing: Drawing) -> float:
    return drawing.width * drawing.height / 1e6
