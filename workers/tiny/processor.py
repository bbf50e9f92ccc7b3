"""Reads a prompt together with its reference pictures, for the edit pipelines.

Qwen's own processor refuses to be built without torchvision, for the sake of videos. This one is accepted in its place.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image
from transformers import BatchFeature, Qwen2Tokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from workers.tiny.tokenizer import SPECIAL

_IMAGE = SPECIAL["image"]


class Processor:
    """Called like Qwen2VLProcessor: texts with one `<|image_pad|>` for each picture, in the order of the pictures."""

    def __init__(self, tokenizer: Qwen2Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.image_processor = Qwen2VLImageProcessorPil(patch_size=14, temporal_patch_size=2, merge_size=2)
        self.image_token_id = tokenizer.convert_tokens_to_ids(_IMAGE)

    def __call__(
        self,
        text: str | Sequence[str],
        images: Image | Sequence[Image] | None = None,
        padding: bool = True,
        return_tensors: str = "pt",
        **_: Any,
    ) -> BatchFeature:
        """Token ids, masks and the pictures' pixels; each `<|image_pad|>` stands there once per merged patch."""
        texts = [text] if isinstance(text, str) else list(text)
        looked: dict[str, Any] = {}
        if images is not None:
            pictures = [images] if isinstance(images, Image) else list(images)
            looked = dict(self.image_processor(images=pictures, return_tensors="pt"))
            texts = self._with_room(texts, looked["image_grid_thw"])
        read = self.tokenizer(texts, padding=padding, return_tensors=return_tensors)
        kinds = (read["input_ids"] == self.image_token_id).to(torch.int32)
        return BatchFeature({**read, **looked, "mm_token_type_ids": kinds})

    def _with_room(self, texts: list[str], grids: torch.Tensor) -> list[str]:
        patches = iter(grids.prod(dim=1).tolist())
        parts = [text.split(_IMAGE) for text in texts]
        made: list[str] = []
        for first, *others in parts:
            made.append(first + "".join(_IMAGE * (next(patches) // 4) + other for other in others))
        return made
