"""A picture under way in the engine `diffusers`."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from workers.diffusion import merging
from workers.diffusion.adapters import LoraSet
from workers.diffusion.caching import Memory
from workers.diffusion.hub import Call, Course
from workers.diffusion.merging import Merging
from workers.diffusion.recipes import Recipe
from workers.diffusion.schedulers import Steps
from workers.engine import Drawing

Shown = Callable[["Picture"], Image.Image]


@dataclass(eq=False)
class Picture:
    """See `workers.engine.Unfinished`. `pipeline` is its own: a pipeline keeps what it is doing in itself."""

    drawing: Drawing
    recipe: Recipe
    pipeline: Any
    course: Course
    progress: Steps
    rules: Merging
    shown: Shown
    loras: LoraSet = ()
    memory: Memory | None = None  # if steps may be skipped
    bucket: Hashable = None
    failure: Exception | None = None
    ready: torch.cuda.Event | None = None  # the latents are, on the device
    seconds_aside: float = 0.0  # of the device, for all that is no step

    @property
    def steps(self) -> int:
        return 0 if self.recipe.kept is not None else int(self.pipeline.num_timesteps)

    @property
    def steps_done(self) -> int:
        return self.progress.done

    @property
    def tokens(self) -> int:
        call = self.course.waits_for
        return 0 if call is None else merging.tokens(call, self.rules)

    @property
    def denoised(self) -> bool:
        return self.course.latents is not None or self.recipe.kept is not None

    @property
    def waits_for(self) -> Call | None:
        return self.course.waits_for

    def preview(self) -> Image.Image:
        return self.shown(self)
