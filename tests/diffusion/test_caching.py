"""Steps that are skipped: as often as diffusers would, never beyond the bounds, and nobody else's."""

from pathlib import Path

import pytest
import torch
from diffusers import FirstBlockCacheConfig

from tests.diffusion.drawing import CIRCLE, SQUARES, changed, control, difference, draw
from tests.diffusion.lora_files import lora
from workers.diffusion import caching
from workers.diffusion.caching import Level
from workers.diffusion.engine import Diffusers
from workers.engine import Unsupported

MANY_STEPS = changed(CIRCLE, steps=10, acceleration="high")


def with_level(monkeypatch: pytest.MonkeyPatch, level: Level) -> None:
    monkeypatch.setitem(caching.LEVELS, "high", level)  # type: ignore[arg-type]  # a dict, whatever it promises


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.5])
def test_it_skips_what_diffusers_skips(engine: Diffusers, monkeypatch: pytest.MonkeyPatch, threshold: float) -> None:
    with_level(monkeypatch, Level(threshold, in_a_row=99, first=1))
    ours = draw(engine, MANY_STEPS)
    engine.denoiser.enable_cache(FirstBlockCacheConfig(threshold=threshold))
    try:
        theirs = engine.plainly(MANY_STEPS)
    finally:
        engine.denoiser.disable_cache()
    assert difference(ours, theirs) == 0


def test_no_more_than_a_few_in_a_row_and_none_of_the_first(engine: Diffusers, monkeypatch: pytest.MonkeyPatch) -> None:
    with_level(monkeypatch, Level(threshold=99.0, in_a_row=2, first=3))
    picture = engine.begin(MANY_STEPS)
    skipped: list[int] = []
    assert picture.memory is not None
    while not picture.denoised:
        before = picture.memory.skipped
        engine.step([picture])
        skipped.append(picture.memory.skipped - before)
    engine.drop(picture)
    with_and_without_prompt = [skipped[0::2], skipped[1::2]]
    assert with_and_without_prompt == [[0, 0, 0, 1, 1, 0, 1, 1, 0, 1]] * 2
    assert (picture.memory.forwards, picture.memory.skipped) == (20, 10)


def test_each_picture_remembers_its_own(engine: Diffusers, monkeypatch: pytest.MonkeyPatch) -> None:
    with_level(monkeypatch, Level(threshold=0.3, in_a_row=3, first=1))
    other = changed(SQUARES, steps=10, acceleration="high")
    plain = changed(CIRCLE, steps=10)
    drawings = [MANY_STEPS, other, plain]
    alone = [draw(engine, drawing) for drawing in drawings]
    begun = [engine.begin(drawing) for drawing in drawings]
    assert len({picture.bucket for picture in begun}) == 3
    while not all(picture.denoised for picture in begun):
        for picture in begun:
            engine.step([picture])
    for picture, expected in zip(begun, alone, strict=True):
        assert difference(engine.finish([picture])[0], expected) == 0
        engine.drop(picture)
    assert difference(alone[2], engine.plainly(plain)) == 0


def test_the_levels_are_bold_in_order() -> None:
    regular, high = caching.LEVELS["regular"], caching.LEVELS["high"]
    assert 0 < regular.threshold < high.threshold < 0.5
    assert 1 <= regular.in_a_row < high.in_a_row <= 5


def test_it_is_not_combined_with_control(engine: Diffusers) -> None:
    with pytest.raises(Unsupported, match="acceleration"):
        engine.begin(changed(MANY_STEPS, controls=(control(),)))


def test_lora_layers_are_those_of_the_real_one(engine: Diffusers, tmp_path: Path) -> None:
    """Adapters put layers in the place of the transformer's own, after the twin was made."""
    one = lora(tmp_path, engine.denoiser, 5, layers=("attn.to_q", "img_mod.1"))
    plain = changed(CIRCLE, loras=(one,))
    exact = changed(plain, acceleration="regular", steps=3)
    assert difference(draw(engine, exact), draw(engine, changed(plain, steps=3))) == 0
    assert not torch.is_grad_enabled()
