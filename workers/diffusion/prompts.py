"""Prompts that were encoded stay encoded for a while: n pictures of one prompt, and every empty negative prompt."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Any

import torch
from PIL import Image
from torch import Tensor

_MOST_BYTES = 256 * 2**20


class Prompts:
    """Keeps what a pipeline's `encode_prompt` returned, the least lately used goes first. For the device thread."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, Any] = OrderedDict()
        self._bytes = 0

    def remember(self, pipeline: Any, besides: str, encoding: Callable[[], AbstractContextManager[None]]) -> None:
        """From now on the pipeline encodes only what is new. `besides`: what else the outcome depends on, such as
        LoRAs; `encoding`: where it is done."""
        encode = pipeline.encode_prompt
        kind = type(pipeline).__name__

        def encode_prompt(*args: Any, **kwargs: Any) -> Any:
            key = _key((kind, besides, args, kwargs))
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            with encoding():
                answer = encode(*args, **kwargs)
            self._keep(key, answer)
            return answer

        pipeline.__dict__["encode_prompt"] = encode_prompt

    def forget(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def _keep(self, key: bytes, answer: Any) -> None:
        size = _bytes(answer)
        if size > self._most_bytes:
            return
        self._kept[key] = answer
        self._bytes += size
        while self._bytes > self._most_bytes:
            self._bytes -= _bytes(self._kept.popitem(last=False)[1])


def _key(value: Any) -> bytes:
    digest = blake2b(digest_size=32)
    _feed(digest.update, value)
    return digest.digest()


def _feed(update: Callable[[bytes], None], value: Any) -> None:
    """Every value with its kind and length before it, so that no two calls read alike."""
    match value:
        case dict():
            _feed(update, sorted(value.items()))
        case list() | tuple():
            update(f"list {len(value)};".encode())
            for each in value:
                _feed(update, each)
        case Image.Image():
            _feed(update, ("image", value.mode, value.size, value.tobytes()))
        case bytes():
            update(f"bytes {len(value)};".encode() + value)
        case Tensor():
            _feed(
                update,
                ("tensor", str(value.dtype), tuple(value.shape), value.cpu().view(torch.uint8).numpy().tobytes()),
            )
        case _:
            text = repr(value).encode()
            update(f"{type(value).__name__} {len(text)};".encode() + text)


def _bytes(answer: Any) -> int:
    parts = answer if isinstance(answer, list | tuple) else (answer,)
    return sum(part.numel() * part.element_size() for part in parts if isinstance(part, Tensor))
