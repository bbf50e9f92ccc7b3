"""The last of a picture: its latents decoded and brought to pixels, beside the steps of others."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from workers.diffusion.picture import Picture

_PIXELS_AT_ONCE = 2**18  # of several pictures: what they need beside the weights grows with it


class Decoder:
    """Belongs to the decoding thread, and has its own place in the GPU's queue.

    The autoencoder is a shallow copy: it has the same weights, but some keep what they are doing in themselves, and the
    device thread encodes with the original meanwhile."""

    def __init__(self, vae: nn.Module, device: torch.device) -> None:
        self.vae = copy.copy(vae)
        self._device = device
        self._stream: torch.cuda.Stream | None = torch.cuda.Stream(device) if device.type == "cuda" else None

    def decode(self, pictures: Sequence[Picture]) -> list[Image.Image]:
        """Of one size, and few enough pixels: all in one go, in which a CPU needs less for two than for one twice."""
        pixels = sum(picture.drawing.width * picture.drawing.height for picture in pictures)
        together = [pictures] if pixels <= _PIXELS_AT_ONCE else [[picture] for picture in pictures]
        with torch.no_grad(), torch.cuda.stream(self._stream) if self._stream else torch.no_grad():
            return [image for group in together for image in self._decode(group)]

    def _decode(self, pictures: Sequence[Picture]) -> list[Image.Image]:
        kept = [picture.recipe.kept for picture in pictures if picture.recipe.kept is not None]
        if kept:
            return kept  # it took no step, so it is alone
        vae: Any = self.vae
        latents = torch.cat([self._latents(picture) for picture in pictures])
        decoded = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
        if decoded.ndim == 5:  # an autoencoder for videos, of one frame
            decoded = decoded[:, :, 0]
        images = pictures[0].pipeline.image_processor.postprocess(decoded, output_type="pil")
        return [_mended(picture, image.convert("RGB")) for picture, image in zip(pictures, images, strict=True)]

    def _latents(self, picture: Picture) -> Tensor:
        latents = picture.course.latents
        if latents is None:
            raise ValueError("the picture is not denoised")
        if self._stream is not None and picture.ready is not None:
            self._stream.wait_event(picture.ready)
            latents.record_stream(self._stream)
        return latents


def _mended(picture: Picture, drawn: Image.Image) -> Image.Image:
    mended = picture.recipe.mended
    return drawn if mended is None else mended.around(drawn)
