"""Safetensors files, made by hand: whole ones, and ones that are wrong in one way."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "transformer.blocks.0.attn.to_q.lora_A.weight"


def tensor(first: int = 0, shape: tuple[int, ...] = (2, 4), dtype: str = "F16", width: int = 2) -> dict[str, Any]:
    size = width
    for side in shape:
        size *= side
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [first, first + size]}


def header(tensors: Mapping[str, Any]) -> bytes:
    return json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()


def safetensors(tensors: Mapping[str, Any] | None = None, data: bytes = bytes(16)) -> bytes:
    text = header({NAME: tensor()} if tensors is None else tensors)
    return len(text).to_bytes(8, "little") + text + data


def lora(folder: Path, name: str = "fox.safetensors", value: int = 0) -> Path:
    """A small one; files of different values have different digests."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(safetensors(data=bytes([value]) * 16))
    return file
