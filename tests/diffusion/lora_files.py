"""LoRAs of random numbers for the tiny model, as their trainers would save them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from workers.engine import Lora

ATTENTION = ("attn.to_q", "attn.to_v", "attn.add_k_proj")


def lora(
    folder: Path,
    transformer: nn.Module,
    seed: int = 1,
    *,
    weight: float = 1.0,
    layers: Iterable[str] = ATTENTION,
    width: int | None = None,
    blocks: int | None = None,
    rank: int = 4,
    dtype: torch.dtype = torch.float16,
) -> Lora:
    """`width` and `blocks` are those of another model, if it is to be for one."""
    chance = torch.Generator().manual_seed(seed)
    modules = dict(transformer.named_modules())
    tensors: dict[str, torch.Tensor] = {}
    for block in range(blocks or len(list(modules["transformer_blocks"].children()))):
        for layer in layers:
            wide_in, wide_out = _widths(modules[f"transformer_blocks.0.{layer}"])
            name = f"transformer.transformer_blocks.{block}.{layer}"
            down = torch.randn(rank, width or wide_in, generator=chance)
            up = torch.randn(width or wide_out, rank, generator=chance)
            tensors |= {f"{name}.lora_A.weight": down.to(dtype), f"{name}.lora_B.weight": up.mul(0.2).to(dtype)}
    file = folder / f"{seed}.safetensors"
    save_file(tensors, file)
    return Lora(f"lora {seed}", file, f"{seed:064x}", weight)


def _widths(linear: nn.Module) -> tuple[int, int]:
    """Also of one that has an adapter already."""
    known: Any = linear
    return known.in_features, known.out_features
