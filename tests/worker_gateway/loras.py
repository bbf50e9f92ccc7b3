"""LoRAs for the tiny model, made on the spot: files as anybody might name them in a request."""

import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file

RANK = 4


def tiny_lora(file: Path, seed: int, *, width: int = 128, scale: float = 0.3) -> None:
    """For the queries and keys of every block of the transformer, whose width is `width`."""
    dice = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for block in range(4):
        for layer in ("to_q", "to_k"):
            name = f"transformer.transformer_blocks.{block}.attn.{layer}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, width, generator=dice) * scale
            tensors[f"{name}.lora_B.weight"] = torch.randn(width, RANK, generator=dice) * scale
    save_file(tensors, file)


class Malice:
    """What a pickle runs when it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.witness,)


def pickled(file: Path, witness: Path) -> None:
    file.write_bytes(pickle.dumps(Malice(witness)))
