"""The stock pipelines of a model, all made of the same parts; each picture has a copy of one to itself."""

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import diffusers
import torch
from torch import nn

from workers.diffusion.hub import StandIn, UndecodedVae
from workers.diffusion.loading import Loaded


class Pipelines:
    """Makes them when they are first asked for, and keeps them."""

    def __init__(self, loaded: Loaded, device: torch.device) -> None:
        self._loaded = loaded
        self._device = device
        self._made: dict[tuple[str, tuple[str, ...]], Any] = {}

    def plain(self, name: str, controls: Sequence[str] = ()) -> Any:
        """A pipeline that draws by itself, as its authors meant it."""
        wanted = (name, tuple(controls))
        if wanted not in self._made:
            self._made[wanted] = self._make(name, controls)
        return self._made[wanted]

    def whole(self, name: str, scheduler: Any, controls: Sequence[str] = ()) -> Any:
        """A copy that draws by itself, with another scheduler."""
        own = copy.copy(self.plain(name, controls))
        own.__dict__["scheduler"] = scheduler
        return own

    def under_way(self, name: str, scheduler: Any, controls: Sequence[str] = ()) -> Any:
        """A copy that stops at its denoiser, and ends where it would decode."""
        plain = self.plain(name, controls)
        denoiser = self._loaded.family.denoiser
        own = copy.copy(plain)
        # Not by its __setattr__, which would write into the config that all copies share.
        own.__dict__ |= {
            denoiser: StandIn(getattr(plain, denoiser)),
            "vae": UndecodedVae(plain.vae),
            "scheduler": scheduler,
        }
        if controls:
            own.__dict__["controlnet"] = StandIn(plain.controlnet)
        return own

    def _make(self, name: str, controls: Sequence[str]) -> Any:
        kind = _placed(getattr(diffusers, name), self._device)
        takes = inspect.signature(kind.__init__).parameters
        parts = {part: value for part, value in self._loaded.parts.items() if part in takes}
        if controls:
            parts["controlnet"] = self._control(controls)
        made = kind(**parts)
        made.set_progress_bar_config(disable=True)
        return made

    def _control(self, names: Sequence[str]) -> nn.Module:
        if len(names) == 1:
            return self._loaded.controls[names[0]]
        pipelines = self._loaded.family.pipelines
        nets = [self._loaded.controls[name] for name in (names[:1] if pipelines.one_control_net else names)]
        return getattr(diffusers, str(pipelines.control_nets))(nets)


def _placed(kind: Any, device: torch.device) -> Any:
    """The class, sure of where it computes; its own guess is where the first of its parts lies, which may move."""
    return type(
        kind.__name__, (kind,), {"_execution_device": property(lambda _: device), "__module__": kind.__module__}
    )
