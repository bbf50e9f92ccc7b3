"""LoRAs for the tiny model, made on the spot: files as anybody might name them in a request."""

import json
import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file

RANK, SCALE = 4, 0.3


def lora_for(model: Path, file: Path, seed: int, *, wider: int = 0) -> None:
    """For the queries and keys of every block of the model's transformer; one that is `wider` than it does not fit."""
    own = json.loads((model / "transformer" / "config.json").read_text())
    width = own["num_attention_heads"] * own["attention_head_dim"] + wider
    dice = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for block in range(own["num_layers"]):
        for layer in ("to_q", "to_k"):
            name = f"transformer.transformer_blocks.{block}.attn.{layer}"
            tensors[f"{name}.lora_A.weight"] = torch.randn(RANK, width, generator=dice) * SCALE
            tensors[f"{name}.lora_B.weight"] = torch.randn(width, RANK, generator=dice) * SCALE
    save_file(tensors, file)


class Malice:
    """What a pickle runs when it is read."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.witness,)


def pickled(file: Path, witness: Path) -> None:
    file.write_bytes(pickle.dumps(Malice(witness)))
