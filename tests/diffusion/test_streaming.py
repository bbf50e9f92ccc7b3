"""Blocks that come to the device one at a time. Here it is the CPU: what is brought and taken away is looked at."""

from pathlib import Path

import pytest
import torch

from tests.diffusion.conftest import loaded
from tests.diffusion.drawing import CIRCLE, changed, difference, draw
from tests.diffusion.lora_files import lora
from workers.diffusion.streaming import stream_blocks
from workers.engine import OutOfMemory


def test_pictures_are_the_same_with_adapters_that_come_later_and_with_skipped_steps(
    folder: Path, tmp_path: Path
) -> None:
    engine = loaded(folder)
    one, other = (lora(tmp_path, engine.denoiser, seed) for seed in (1, 2))
    drawings = [
        CIRCLE,
        changed(CIRCLE, loras=(one,)),
        changed(CIRCLE, loras=(one, other)),
        changed(CIRCLE, acceleration="high", steps=8),
    ]
    expected = [draw(engine, drawing) for drawing in drawings]
    engine.relieve()  # which forgets the adapters
    assert engine.resources().loras == {}
    assert stream_blocks(engine.denoiser, torch.device("cpu")) == 3
    for drawing, before in zip(drawings, expected, strict=True):
        assert difference(draw(engine, drawing), before) == 0
    assert len(engine.resources().loras) == 2


def test_a_block_is_on_the_device_only_while_it_computes() -> None:
    """Told by where in memory its weights lie: at home, or in a copy."""
    seen: list[list[bool]] = []

    class Block(torch.nn.Linear):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            seen.append([place != home for place, home in zip(places(), homes, strict=True)])
            if len(seen) > 2:
                raise OutOfMemory
            return super().forward(input)

    def places() -> list[int]:
        return [parameter.data_ptr() for parameter in model.parameters()]

    model = torch.nn.Module()
    model.blocks = torch.nn.ModuleList([Block(2, 2), Block(2, 2)])
    model.rest = torch.nn.Linear(2, 2)
    assert stream_blocks(model, torch.device("cpu")) == 2
    homes = places()
    for block in model.blocks:
        block(torch.zeros(1, 2))
    assert seen == [[True, True, False, False, False, False], [False, False, True, True, False, False]]
    assert places() == homes
    with pytest.raises(OutOfMemory):
        model.blocks[0](torch.zeros(1, 2))
    assert places() == homes, "also after a forward that failed"
