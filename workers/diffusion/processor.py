"""Reads a prompt together with its reference pictures, in place of Qwen's own processors: those want torchvision."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL.Image import Image
from transformers import BatchFeature
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

_IMAGE = "<|image_pad|>"
_LOOKS: dict[str, Any] = {"patch_size": 14, "temporal_patch_size": 2, "merge_size": 2}


class Processor:
    """Called like Qwen2VLProcessor: texts with one `<|image_pad|>` for each picture, in the order of the pictures."""

    def __init__(self, tokenizer: Any, folder: Path | None = None) -> None:
        """`folder` has the image processor's preprocessor_config.json; without one it looks as Qwen2.5-VL does."""
        self.tokenizer = tokenizer
        self.image_processor = (
            Qwen2VLImageProcessorPil.from_pretrained(str(folder)) if folder else Qwen2VLImageProcessorPil(**_LOOKS)
        )
        self._merged = self.image_processor.merge_size**2
        self.image_token_id = int(tokenizer.convert_tokens_to_ids(_IMAGE))

    def __call__(
        self,
        text: str | Sequence[str],
        images: Image | Sequence[Image] | None = None,
        padding: bool = True,
        return_tensors: str = "pt",
        **_: Any,
    ) -> BatchFeature:
        texts = [text] if isinstance(text, str) else list(text)
        looked_at: dict[str, Any] = {}
        if images is not None:
            pictures = [images] if isinstance(images, Image) else list(images)
            looked_at = dict(self.image_processor(images=pictures, return_tensors="pt"))
            texts = self._with_room(texts, looked_at["image_grid_thw"].prod(dim=1).tolist())
        read = self.tokenizer(texts, padding=padding, return_tensors=return_tensors)
        kinds = (read["input_ids"] == self.image_token_id).int()
        return BatchFeature({**read, **looked_at, "mm_token_type_ids": kinds})

    def _with_room(self, texts: list[str], patches: list[int]) -> list[str]:
        """Each mark of a picture once for every token that the picture will be."""
        rooms = iter(patches)
        made: list[str] = []
        for text in texts:
            first, *others = text.split(_IMAGE)
            made.append(first + "".join(_IMAGE * (next(rooms) // self._merged) + other for other in others))
        return made
