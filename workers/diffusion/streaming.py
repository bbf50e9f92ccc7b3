"""A denoiser whose blocks lie on the CPU and are on the device one at a time, for as long as they compute.

Diffusers' group offloading does that too, but knows only the weights that were there when it began, so that LoRAs which
come later break it, and a forward that fails leaves it as it stands. Here a block's weights are looked up whenever it
computes, whoever calls it. Not run on a GPU yet.
"""

from typing import Any

import torch
from torch import Tensor, nn


def stream_blocks(denoiser: nn.Module, device: torch.device) -> int:
    """From now on, and for good: what is no block stays where it is. How many blocks there are."""
    lists = [child for child in denoiser.children() if isinstance(child, nn.ModuleList)]
    blocks = [block for each in lists for block in each]
    for block in blocks:
        _Streamed(block, device)
    return len(blocks)


class _Streamed:
    """Belongs to a block, by its hooks."""

    def __init__(self, block: nn.Module, device: torch.device) -> None:
        self._device = device
        self._at_home: list[tuple[Tensor, Tensor]] = []
        for tensor in _tensors(block):
            tensor.data = _pinned(tensor.data.cpu())
        block.register_forward_pre_hook(self._bring)
        block.register_forward_hook(self._take_away, always_call=True)  # also when there was no room for it

    @torch.compiler.disable
    def _bring(self, block: nn.Module, *_: Any) -> None:
        """Copies are in the device's queue before the block's work is: it waits for them."""
        for tensor in _tensors(block):
            home = tensor.data
            tensor.data = home.to(self._device, non_blocking=True, copy=True)
            self._at_home.append((tensor, home))

    @torch.compiler.disable
    def _take_away(self, *_: Any) -> None:
        """Nothing has changed them, so nothing is copied back."""
        while self._at_home:
            tensor, home = self._at_home.pop()
            tensor.data = home


def _tensors(block: nn.Module) -> list[Tensor]:
    return [*block.parameters(), *block.buffers()]


def _pinned(tensor: Tensor) -> Tensor:
    """Where the device can fetch it by itself, if there is room for that."""
    try:
        return tensor.pin_memory()
    except RuntimeError:  # without a GPU, or without enough memory that may be pinned
        return tensor
