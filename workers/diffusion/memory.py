"""What can be done when the device is full, a rung at a time, each costing more than the one before."""

import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from workers.diffusion.devices import Place
from workers.diffusion.streaming import stream_blocks

Rung = Callable[[], str | None]
"""Does what it can, and says what; None if there was nothing to do."""


class Ladder:
    """For the device thread. What a rung does stays done, but for the first: caches fill again."""

    def __init__(
        self,
        place: Place,
        denoiser: nn.Module,
        encoders: Sequence[nn.Module],
        vaes: Sequence[Any],
        forget: Rung,
        *,
        encoders_outside: bool = False,
    ) -> None:
        """`vaes` are the autoencoder and its copies; `forget` drops what is only kept to save time."""
        self._place = place
        self._denoiser = denoiser
        self._encoders = encoders
        self._vaes = vaes
        self._forget = forget
        self._emptied = False  # since the last forward that worked
        self._encoders_wait_outside = encoders_outside
        self._rungs: list[Rung] = [self._tile, self._move_encoders, self._stream_weights]

    def worked(self) -> None:
        """There was enough room."""
        self._emptied = False

    def relieve(self) -> str | None:
        if not self._emptied:
            self._emptied = True
            return self._empty()
        while self._rungs:
            done = self._rungs.pop(0)()
            if done is not None:
                self._empty()
                return done
        return None

    @contextmanager
    def encoding(self) -> Generator[None]:
        """The text encoders are on the device meanwhile."""
        if not self._encoders_wait_outside:
            yield
            return
        try:
            for encoder in self._encoders:
                encoder.to(self._place.device)
            yield
        finally:
            for encoder in self._encoders:
                encoder.to("cpu")
            torch.cuda.empty_cache()

    def _empty(self) -> str:
        self._forget()
        gc.collect()
        if self._place.cuda:
            torch.cuda.empty_cache()
        return "emptied the caches"

    def _tile(self) -> str | None:
        tiled = [vae for vae in self._vaes if hasattr(vae, "enable_tiling")]
        for vae in tiled:
            vae.enable_tiling()
        return "the autoencoder works tile by tile" if tiled else None

    def _move_encoders(self) -> str | None:
        if not self._place.cuda or not self._encoders or self._encoders_wait_outside:
            return None
        for encoder in self._encoders:
            encoder.to("cpu")
        self._encoders_wait_outside = True
        return "the text encoder waits on the CPU"

    def _stream_weights(self) -> str | None:
        if not self._place.cuda:
            return None
        stream_blocks(self._denoiser, self._place.device)
        return "the denoiser's weights come from the CPU, block by block"
