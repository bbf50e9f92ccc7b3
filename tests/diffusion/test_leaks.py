"""What is over leaves nothing: neither pictures that were finished, nor those that were cancelled or failed."""

import gc
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from greenlet import greenlet

from tests.diffusion.conftest import loaded
from tests.diffusion.drawing import CIRCLE, changed, control, left_half, noise, source
from tests.diffusion.lora_files import lora
from workers.diffusion.engine import Diffusers
from workers.diffusion.picture import Picture
from workers.engine import Drawing, Lora, Unsupported, WrongAdapter

ROUNDS = 3
SHORT = changed(CIRCLE, steps=2)


@pytest.fixture
def wrong(folder: Path, tmp_path: Path) -> Lora:
    return lora(tmp_path, loaded(folder).denoiser, 77, width=48)


def test_pictures_cancels_and_failures_leave_nothing(folder: Path, tmp_path: Path, wrong: Lora) -> None:
    engine = loaded(folder, most_bytes_of_loras=0)
    kinds = [
        SHORT,
        changed(SHORT, cfg_scale=1.0, acceleration="high", steps=5),
        changed(SHORT, loras=(lora(tmp_path, engine.denoiser, 1),)),
        changed(SHORT, controls=(control(),)),
        changed(SHORT, source=source(noise(1), mask=left_half(), strength=0.9)),
    ]
    counts: list[Counter[str]] = []
    for _ in range(ROUNDS):
        ends = [over for drawing in kinds for over in every_end(engine, drawing)]
        for refused in (changed(SHORT, loras=(wrong,)), changed(SHORT, prompt=" red" * 2000)):
            with pytest.raises((WrongAdapter, Unsupported)):
                engine.begin(refused)
        engine.relieve()  # what is kept on purpose
        gc.collect()
        assert [end for end in ends if end() is not None] == []
        counts.append(held())
        assert engine.resources().loras == {}
    assert counts[-1] == counts[0], counts
    assert not any("lora_" in name for name, _ in engine.denoiser.named_parameters())


def every_end(engine: Diffusers, drawing: Drawing) -> list[weakref.ref[Any]]:
    """A picture that is finished, one that is cancelled at each forward before, and one that fails by itself."""
    ends: list[weakref.ref[Any]] = []
    forwards = 0
    while True:
        picture = engine.begin(drawing)
        for _ in range(forwards):
            engine.step([picture])
        over = picture.denoised
        if over:
            engine.finish([picture])
        engine.drop(picture)
        ends += traces(picture)
        forwards += 1
        if over:
            break
    picture = engine.begin(drawing)
    picture.pipeline.scheduler.step = broken
    while picture.failure is None:
        engine.step([picture])
    engine.drop(picture)
    return ends + traces(picture)


def broken(*_: object, **__: object) -> None:
    raise ValueError("a bad step")


def traces(picture: Picture) -> list[weakref.ref[Any]]:
    return [weakref.ref(each) for each in (picture, picture.pipeline, picture.course)]


def held() -> Counter[str]:
    kinds: dict[str, type] = {"greenlet": greenlet, "tensor": torch.Tensor, "picture": Picture}
    objects = gc.get_objects()
    return Counter(name for each in objects for name, kind in kinds.items() if issubclass(type(each), kind))
