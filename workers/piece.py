"""A piece: one picture of a job on its way through the device, and who is told what becomes of it."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

from workers.engine import DeviceLost, Drawing
from workers.job import Job


def partial_steps(steps: int, wanted: int) -> list[int]:
    """After which steps a partial picture is shown: `partial_steps(20, 3) == [5, 10, 15]`; never after the last."""
    return sorted({step for number in range(1, wanted + 1) if 0 < (step := steps * number // (wanted + 1)) < steps})


@dataclass(eq=False, slots=True)
class Piece:
    """`picture` is the engine's, once it is begun. `alone`: it was in a group that failed, and joins none again.
    `waits`: there is no room for its next forward before another has left the device."""

    job: Job
    index: int
    drawing: Drawing
    number: int = 0
    picture: Any = None
    alone: bool = False
    waits: bool = False
    steps_told: int = 0
    _shown: list[int] | None = field(default=None)

    @property
    def wanted(self) -> bool:
        return not self.job.token.cancelled

    def stepped(self) -> bool:
        """Whether a step was finished since this was asked before; with CFG, every second forward finishes one."""
        before, self.steps_told = self.steps_told, self.picture.steps_done
        return self.steps_told > before

    def partial_number(self) -> int | None:
        """Which partial picture is to be shown after the step that it has just taken, if one is."""
        if self._shown is None:
            self._shown = partial_steps(self.picture.steps, self.job.asked.partial_images)
        return self._shown.index(self.steps_told) if self.steps_told in self._shown else None


class Audience(Protocol):
    """Is told on the device thread, or, of what `finish` brought, on the decoding thread."""

    def stepped(self, piece: Piece, step: int, steps: int) -> None: ...
    def previewed(self, piece: Piece, image: Image.Image, number: int) -> None: ...
    def left(self, piece: Piece) -> None:
        """It takes no step any more."""
        ...

    def finished(self, piece: Piece, image: Image.Image) -> None: ...
    def failed(self, piece: Piece, error: BaseException) -> None: ...
    def lost_device(self, error: DeviceLost) -> None:
        """The device cannot be used any more."""
        ...
