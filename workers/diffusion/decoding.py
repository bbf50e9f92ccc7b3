"""The last of a picture: its latents decoded and brought to pixels, beside the steps of others."""

import copy
from typing import Any

import torch
from PIL import Image
from torch import nn

from workers.diffusion.picture import Picture


class Decoder:
    """Belongs to the decoding thread, and has its own place in the GPU's queue.

    The autoencoder is a shallow copy: it has the same weights, but some keep what they are doing in themselves, and the
    device thread encodes with the original meanwhile."""

    def __init__(self, vae: nn.Module, device: torch.device) -> None:
        self.vae = copy.copy(vae)
        self._device = device
        self._stream: torch.cuda.Stream | None = torch.cuda.Stream(device) if device.type == "cuda" else None

    def decode(self, picture: Picture) -> Image.Image:
        if picture.recipe.kept is not None:
            return picture.recipe.kept
        with torch.no_grad(), torch.cuda.stream(self._stream) if self._stream else torch.no_grad():
            return self._decode(picture)

    def _decode(self, picture: Picture) -> Image.Image:
        latents = picture.course.latents
        if latents is None:
            raise ValueError("the picture is not denoised")
        if self._stream is not None and picture.ready is not None:
            self._stream.wait_event(picture.ready)
            latents.record_stream(self._stream)
        vae: Any = self.vae
        decoded = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
        if decoded.ndim == 5:  # an autoencoder for videos, of one frame
            decoded = decoded[:, :, 0]
        image: Image.Image = picture.pipeline.image_processor.postprocess(decoded, output_type="pil")[0]
        drawn, mended = image.convert("RGB"), picture.recipe.mended
        return drawn if mended is None else mended.around(drawn)
