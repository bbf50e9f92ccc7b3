"""What a picture is going to cost the device, from what those before it did."""

from collections.abc import Mapping

import torch

from workers.diffusion.families import Family
from workers.engine import Drawing, Pace
from workers.pace import Learned

_GUESSES = {"cpu": Pace(1.0, 20.0), "cuda": Pace(0.4, 0.4)}  # of the full size of models, for a worker's first answer
_REFERENCE = 2**20  # pixels that a reference is scaled to, if the family says nothing else


class Expense:
    """A pace is that of a picture with the model's own guidance. For any thread."""

    def __init__(self, model: str, family: Family, device: torch.device) -> None:
        self._family = family
        self._learned = Learned({model: _GUESSES[device.type]})
        self._usual_forwards = self._forwards(family.cfg_scale)  # in a step with the model's own guidance

    @property
    def known(self) -> Mapping[str, Pace]:
        return self._learned.known

    def seconds(self, drawing: Drawing) -> float:
        return self._learned.seconds(drawing, steps=self._steps(drawing) * self._heaviness(drawing))

    def forwarded(self, drawing: Drawing, seconds: float) -> None:
        """One forward of it took so long; of several together, its share."""
        self._learned.stepped(drawing, seconds * self._usual_forwards / self._positions(drawing))

    def rested(self, drawing: Drawing, seconds: float) -> None:
        """All of it but its steps took so long."""
        self._learned.rested(drawing, seconds)

    def _steps(self, drawing: Drawing) -> float:
        source = drawing.source
        if source is None or self._family.pipelines.references is not None:
            return drawing.steps
        strength = self._family.strength if source.strength is None else source.strength
        return drawing.steps * (1.0 if strength is None else strength)

    def _heaviness(self, drawing: Drawing) -> float:
        """Of a step, beside one of the same size with the model's own guidance and no references."""
        forwards = self._usual_forwards if drawing.cfg_scale is None else self._forwards(drawing.cfg_scale)
        return forwards / self._usual_forwards * self._positions(drawing)

    def _forwards(self, scale: float) -> int:
        """In a step with so much guidance."""
        batched = self._family.prediction == "noise"  # both halves of its guidance are one forward
        return 2 if scale > 1 and not batched else 1

    def _positions(self, drawing: Drawing) -> float:
        if drawing.source is None or self._family.pipelines.references is None:
            return 1.0
        each = self._family.reference_pixels or _REFERENCE
        return 1.0 + len(drawing.source.images) * each / (drawing.width * drawing.height)
