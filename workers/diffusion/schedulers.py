"""Schedulers by name, each picture with one of its own: they keep the place in the schedule, and the steps before."""

import copy
import functools
import inspect
import math
from collections.abc import Mapping
from typing import Any

import diffusers
import torch
from torch import Tensor

from workers.diffusion.families import Prediction

# By name: the class, for models that predict a flow and for those that predict noise, and what its config changes.
_FLOW: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "euler": ("FlowMatchEulerDiscreteScheduler", {}),
    "euler_karras": ("FlowMatchEulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "euler_exponential": ("FlowMatchEulerDiscreteScheduler", {"use_exponential_sigmas": True}),
    "lcm": ("FlowMatchLCMScheduler", {}),
    # That of the LoRAs which draw in four or eight steps: lightx2v/Qwen-Image-Lightning.
    "lightning": (
        "FlowMatchEulerDiscreteScheduler",
        {
            "base_shift": math.log(3),
            "max_shift": math.log(3),
            "shift_terminal": None,
            "use_dynamic_shifting": True,
            "time_shift_type": "exponential",
        },
    ),
    "unipc": ("FlowUniPC", {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}),
    "dpmpp_2m": ("FlowDpm", {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}),
}
_NOISE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_ancestral": ("EulerAncestralDiscreteScheduler", {}),
    "euler_karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "heun": ("HeunDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "lcm": ("LCMScheduler", {}),
}


class _ScalesNoise:
    """What pipelines that begin from a picture ask of a scheduler, for those that were made without it."""

    def scale_noise(self: Any, sample: Tensor, timestep: Tensor, noise: Tensor) -> Tensor:
        """The picture under as much noise as there is at that step."""
        if self.step_index is not None:
            place = self.step_index
        elif self.begin_index is not None:
            place = self.begin_index
        else:
            place = int((self.timesteps == timestep[0].to(self.timesteps)).nonzero()[0])
        sigma = self.sigmas[place].to(sample)
        return sigma * noise + (1 - sigma) * sample


class FlowUniPC(_ScalesNoise, diffusers.UniPCMultistepScheduler):
    """UniPC for flows that may begin from a picture."""


class FlowDpm(_ScalesNoise, diffusers.DPMSolverMultistepScheduler):
    """DPM++ 2M for flows. It lays out its own sigmas, of which the pipelines' are only the number."""

    def set_timesteps(  # pyright: ignore[reportIncompatibleMethodOverride]  # the pipelines look for `sigmas` by name
        self,
        num_inference_steps: int | None = None,
        device: Any = None,
        sigmas: Any = None,
        mu: float | None = None,
    ) -> None:
        if sigmas is not None:
            num_inference_steps = len(sigmas)
        super().set_timesteps(num_inference_steps or 1, device, mu=mu)


def scheduler(name: str | None, base: Any, prediction: Prediction, steps: int) -> Any:
    """A new scheduler; `base` is the model's own, of whose config it is made. None: one of its kind."""
    return copy.copy(_unused(name, base, prediction, single_step=steps == 1))  # it lays out its state when it begins


@functools.lru_cache(maxsize=64)
def _unused(name: str | None, base: Any, prediction: Prediction, *, single_step: bool) -> Any:
    """To be copied: reading a config takes longer than a step of a small model's scheduler."""
    # A single step is the first and the last: stretching its sigma to that of a last one divides nothing by nothing.
    alone = {"shift_terminal": None} if single_step and prediction == "flow" else {}
    if name is None:
        return type(base).from_config(base.config, **alone)
    class_name, changes = (_FLOW if prediction == "flow" else _NOISE)[name]
    kind = globals().get(class_name) or getattr(diffusers, class_name)
    return kind.from_config(base.config, **{**changes, **alone})


class Steps:
    """Watches a scheduler take its steps, and knows from the last one what the picture is going to be."""

    def __init__(self, scheduler: Any, prediction: Prediction, generator: torch.Generator) -> None:
        self.done = 0
        self._scheduler = scheduler
        self._prediction = prediction
        self._last: tuple[Tensor, Tensor, Tensor] | None = None
        step = scheduler.step
        by_chance = "generator" in inspect.signature(step).parameters

        @functools.wraps(step)
        def watched(predicted: Tensor, timestep: Any, sample: Tensor, *args: Any, **kwargs: Any) -> Any:
            self._last = predicted, timestep, sample
            if by_chance and not args:
                # Not every pipeline hands it on; a scheduler without one draws from chance that all pictures share.
                kwargs.setdefault("generator", generator)
            answer = step(predicted, timestep, sample, *args, **kwargs)
            self.done += 1
            return answer

        scheduler.step = watched

    def clean(self) -> Tensor | None:
        """The latents as they would be without their noise; None before the first step."""
        if self._last is None:
            return None
        predicted, timestep, sample = self._last
        if self._prediction == "flow":
            return sample - float(timestep) / self._scheduler.config.num_train_timesteps * predicted
        kept = float(self._scheduler.alphas_cumprod[int(timestep)])
        sigma = ((1 - kept) / kept) ** 0.5
        if float(self._scheduler.init_noise_sigma) > 2:  # its samples grow with the noise instead of fading under it
            return sample - sigma * predicted
        return sample / kept**0.5 - sigma * predicted
