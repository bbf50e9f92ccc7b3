"""One forward for each of several pictures: in one pass where their calls are alike."""

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import nn

from workers.diffusion import merging
from workers.diffusion.caching import Cached
from workers.diffusion.device_errors import meant
from workers.diffusion.families import Family
from workers.diffusion.hub import Call
from workers.diffusion.merging import Merging
from workers.diffusion.picture import Picture


class Forwards:
    """For the device thread."""

    def __init__(self, denoiser: nn.Module, family: Family, device: torch.device) -> None:
        self._denoiser = denoiser
        self._family = family
        self._device = device
        self._cached = Cached(denoiser) if family.caches_blocks else None

    def bucket(self, picture: Picture) -> Hashable:
        """By what it asks of the denoiser, whichever pipeline asks. Those whose steps may be skipped go alone: which
        they are is found out one by one."""
        drawing, call = picture.drawing, picture.waits_for
        if call is None or picture.memory is not None or not self._family.merges:
            return object()
        controls = tuple(each.model for each in drawing.controls)
        return drawing.width, drawing.height, merging.shape(call, picture.rules), picture.loras, controls

    def step(self, together: Sequence[Picture]) -> None:
        """What a control net has to say comes first, so that all of them then wait for the denoiser."""
        while advised := [each for each in together if self._waits_for_advice(each)]:
            self._answer(advised, self._family.control_forward)
        self._answer([each for each in together if each.waits_for is not None], self._family.forward)

    def _waits_for_advice(self, picture: Picture) -> bool:
        call = picture.waits_for
        return call is not None and call.module is not self._denoiser

    def _answer(self, pictures: Sequence[Picture], rules: Merging) -> None:
        calls = [call for each in pictures if (call := each.waits_for) is not None]
        alone = [[number] for number in range(len(calls))]
        for group in merging.groups(calls, rules) if self._family.merges else alone:
            members = [pictures[number] for number in group]
            for picture, answer in zip(members, self._forward(members, [calls[n] for n in group], rules), strict=True):
                self._go_on(picture, answer)

    def _forward(self, pictures: Sequence[Picture], calls: Sequence[Call], rules: Merging) -> list[Any]:
        memory = pictures[0].memory
        if memory is None or self._cached is None:
            return merging.forward(calls, rules)
        return [self._cached.forward(calls[0], memory)]

    def _go_on(self, picture: Picture, answer: object) -> None:
        try:
            picture.course.go_on(answer)
        except RuntimeError as failure:
            picture.failure = meant(failure)
        except Exception as failure:
            picture.failure = failure  # whatever it is, it is this picture's alone
        if picture.denoised and self._device.type == "cuda":
            picture.ready = torch.cuda.Event()
            picture.ready.record()
