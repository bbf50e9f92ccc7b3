"""The running average of a model's weights, which draws better than the last ones do."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential, with a decay per step that is lower at first so that the random start is soon forgotten."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._live = list(model.parameters())
        self._mean = [weight.detach().clone() for weight in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights as they are after this step, counted from 0."""
        share = 1 - min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._mean, [weight.detach() for weight in self._live], share)  # pyright: ignore[reportPrivateUsage]  # the one call that does all weights

    @torch.no_grad()
    def copy(self) -> None:
        """The model takes on the averaged weights."""
        for weight, mean in zip(self._live, self._mean, strict=True):
            weight.copy_(mean)

    @contextmanager
    def applied(self) -> Generator[None]:
        """The averaged weights, for as long as the block lasts."""
        kept = [weight.detach().clone() for weight in self._live]
        self.copy()
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, before in zip(self._live, kept, strict=True):
                    weight.copy_(before)

    def state(self) -> list[Tensor]:
        """What `load` takes."""
        return self._mean

    @torch.no_grad()
    def load(self, state: list[Tensor]) -> None:
        """Go on from what `state` gave."""
        for mean, before in zip(self._mean, state, strict=True):
            mean.copy_(before)
