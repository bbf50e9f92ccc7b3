"""Steps that are mostly skipped: as long as the first block of a transformer does what it did, so will the others.

This is the first-block cache of ParaAttention, as diffusers has it too (tests hold the two together); here each picture
has a memory of its own, so that pictures with and without it take turns, and no more than a few steps in a row are
skipped. It is for transformers whose blocks return what became of the text and of the picture, in this order.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from workers.diffusion.hub import Call
from workers.engine import Acceleration

_BLOCKS = ("transformer_blocks", "single_transformer_blocks")


@dataclass(frozen=True, slots=True)
class Level:
    """`threshold`: how far, relative to its size, what the first block does may drift from what it did when the others
    were last run. `in_a_row`: how many steps at most are skipped one after the other. `first`: how many are not."""

    threshold: float
    in_a_row: int
    first: int = 3


# Between the cautious and the bold settings that are published for this method: 0.08 and 0.24 with 3 in a row.
LEVELS: Mapping[Acceleration, Level] = {"regular": Level(0.1, 2), "high": Level(0.2, 4)}


@dataclass(slots=True, eq=False)
class _Track:
    """Of one of the calls of a step, such as the one with the prompt."""

    seen: int = 0
    skipped_in_a_row: int = 0
    first_change: Tensor | None = None  # what the first block did to the picture when the others were last run
    after_first: tuple[Tensor, Tensor] | None = None
    rest_change: tuple[Tensor, Tensor] | None = None  # what the others did to text and picture
    skips: bool = False


@dataclass(slots=True, eq=False)
class Memory:
    """Of one picture."""

    level: Level
    forwards: int = 0
    skipped: int = 0
    tracks: dict[str, _Track] = field(default_factory=dict[str, _Track])


class Cached:
    """A transformer beside the real one, with the same weights, whose blocks may be skipped."""

    def __init__(self, transformer: nn.Module) -> None:
        self._real = transformer
        self._twin = copy.copy(transformer)
        self._twin.__dict__.pop("_diffusers_hook", None)  # of the other one
        self._now = _Now()
        lists = [name for name in _BLOCKS if isinstance(getattr(transformer, name, None), nn.ModuleList)]
        blocks = [(name, block) for name in lists for block in getattr(transformer, name)]
        wrapped: dict[str, list[nn.Module]] = {name: [] for name in lists}
        for place, (name, block) in enumerate(blocks):
            kind: type[_Block] = _First if place == 0 else _Last if place == len(blocks) - 1 else _Between
            wrapped[name].append(kind(block, self._now))
        self._lists = {name: nn.ModuleList(modules) for name, modules in wrapped.items()}

    def forward(self, call: Call, memory: Memory) -> Any:
        """The answer to a call of the real one."""
        # Anew each time: adapters put layers of their own in the place of the real one's.
        self._twin.__dict__["_modules"] = {**self._real.__dict__["_modules"], **self._lists}
        track = memory.tracks.setdefault(call.context, _Track())
        self._now.level, self._now.track = memory.level, track
        try:
            return self._twin(*call.args, **call.kwargs)
        finally:
            memory.forwards += 1
            memory.skipped += track.skips


@dataclass(slots=True, eq=False)
class _Now:
    """Whose forward it is."""

    level: Level = LEVELS["regular"]
    track: _Track = field(default_factory=_Track)


class _Block(nn.Module):
    def __init__(self, block: nn.Module, now: _Now) -> None:
        super().__init__()
        self.block = block
        self.now = now


class _First(_Block):
    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        text, picture = self.block(*args, **kwargs)
        track = self.now.track
        change = picture - kwargs["hidden_states"]
        track.skips = _may_skip(track, change, self.now.level)  # pyright: ignore[reportCallIssue]  # torch mistypes `disable`
        track.seen += 1
        if track.skips and track.rest_change is not None:
            track.skipped_in_a_row += 1
            return text + track.rest_change[0], picture + track.rest_change[1]
        track.skipped_in_a_row = 0
        track.first_change, track.after_first = change, (text, picture)
        return text, picture


class _Between(_Block):
    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if self.now.track.skips:
            return kwargs["encoder_hidden_states"], kwargs["hidden_states"]
        return self.block(*args, **kwargs)


class _Last(_Between):
    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        text, picture = super().forward(*args, **kwargs)
        track = self.now.track
        if not track.skips and track.after_first is not None:
            track.rest_change = text - track.after_first[0], picture - track.after_first[1]
            track.after_first = None
        return text, picture


@torch.compiler.disable
def _may_skip(track: _Track, change: Tensor, level: Level) -> bool:
    if track.seen < level.first or track.skipped_in_a_row >= level.in_a_row or track.rest_change is None:
        return False
    known = track.first_change
    if known is None or known.shape != change.shape:
        return False
    return bool(((change - known).abs().mean() / known.abs().mean()).item() <= level.threshold)
