"""LoRAs: stacked with weights, switched between pictures, and gone without a trace."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.diffusion.conftest import loaded
from tests.diffusion.drawing import CIRCLE, SQUARES, changed, difference, draw, draw_together
from tests.diffusion.lora_files import lora
from workers.diffusion.engine import Diffusers
from workers.engine import Lora, WrongAdapter


@pytest.fixture(scope="module")
def drawing_engine(folder: Path) -> Diffusers:
    """One of its own: every test begins with the adapters that the one before left on the device."""
    return loaded(folder)


@pytest.fixture
def one(drawing_engine: Diffusers, tmp_path: Path) -> Lora:
    return lora(tmp_path, drawing_engine.denoiser, 1)


@pytest.fixture
def other(drawing_engine: Diffusers, tmp_path: Path) -> Lora:
    return lora(tmp_path, drawing_engine.denoiser, 2, layers=("attn.to_k", "img_mlp.net.2", "attn.to_q"), rank=2)


def test_a_lora_changes_the_picture_by_its_weight_and_leaves_no_trace(drawing_engine: Diffusers, one: Lora) -> None:
    before = draw(drawing_engine, CIRCLE)
    full = draw(drawing_engine, changed(CIRCLE, loras=(one,)))
    half = draw(drawing_engine, changed(CIRCLE, loras=(replace(one, weight=0.5),)))
    none = draw(drawing_engine, changed(CIRCLE, loras=(replace(one, weight=0.0),)))
    assert difference(before, full) > 3
    assert difference(half, full) > 0 and difference(half, before) > 0
    assert difference(none, before) == 0
    assert difference(draw(drawing_engine, CIRCLE), before) == 0


def test_the_plain_pipeline_draws_the_same(drawing_engine: Diffusers, one: Lora, other: Lora) -> None:
    stacked = changed(CIRCLE, loras=(one, replace(other, weight=-0.7)))
    assert difference(draw(drawing_engine, stacked), drawing_engine.plainly(stacked)) == 0
    assert difference(draw(drawing_engine, stacked), draw(drawing_engine, changed(CIRCLE, loras=(one,)))) > 0


def test_the_same_one_twice_counts_twice(drawing_engine: Diffusers, one: Lora) -> None:
    twice = draw(drawing_engine, changed(CIRCLE, loras=(one, replace(one, name="again"))))
    assert difference(twice, draw(drawing_engine, changed(CIRCLE, loras=(replace(one, weight=2.0),)))) == 0


def test_pictures_of_different_sets_take_turns(drawing_engine: Diffusers, one: Lora, other: Lora) -> None:
    drawings = [CIRCLE, changed(CIRCLE, loras=(one,)), changed(CIRCLE, loras=(one, other))]
    alone = [draw(drawing_engine, drawing) for drawing in drawings]
    begun = [drawing_engine.begin(drawing) for drawing in drawings]
    assert len({picture.bucket for picture in begun}) == 3
    while not all(picture.denoised for picture in begun):
        for picture in begun:
            drawing_engine.step([picture])
    for picture, expected in zip(begun, alone, strict=True):
        assert difference(drawing_engine.finish([picture])[0], expected) == 0
        drawing_engine.drop(picture)


def test_pictures_of_one_set_share_forwards(drawing_engine: Diffusers, one: Lora) -> None:
    drawings = [changed(CIRCLE, loras=(one,)), changed(SQUARES, loras=(one,))]
    together = draw_together(drawing_engine, drawings, apart=3)
    for drawn, drawing in zip(together, drawings, strict=True):
        assert difference(drawn, draw(drawing_engine, drawing)) <= 1


@pytest.mark.parametrize("foreign", [{"width": 48}, {"blocks": 7}])
def test_another_architecture_is_refused_and_does_no_harm(
    drawing_engine: Diffusers, tmp_path: Path, foreign: dict[str, int]
) -> None:
    before = draw(drawing_engine, CIRCLE)
    wrong = lora(tmp_path, drawing_engine.denoiser, 77, **foreign)  # pyright: ignore[reportArgumentType]  # width or blocks
    for _ in range(2):
        with pytest.raises(WrongAdapter, match="the LoRA lora 77 is not for Tiny"):
            drawing_engine.begin(changed(CIRCLE, loras=(wrong,)))
    assert wrong.digest not in drawing_engine.resources().loras
    assert difference(draw(drawing_engine, CIRCLE), before) == 0


def test_what_is_no_lora_is_refused(drawing_engine: Diffusers, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    save_file({"transformer.proj_out.weight": torch.zeros(4, 4)}, weights)
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"\x80\x04garbage")
    for file in (weights, garbage):
        with pytest.raises(WrongAdapter):
            drawing_engine.begin(changed(CIRCLE, loras=(Lora("odd", file, "0" * 64, 1.0),)))


def test_the_least_lately_used_goes_when_there_are_too_many(folder: Path, tmp_path: Path) -> None:
    engine = loaded(folder, most_bytes_of_loras=40_000)
    first, second, third = (lora(tmp_path, engine.denoiser, seed) for seed in (1, 2, 3))
    expected = draw(engine, changed(CIRCLE, loras=(first,)))
    held = engine.begin(changed(CIRCLE, loras=(first,)))
    for each in (second, third, second):
        draw(engine, changed(CIRCLE, loras=(each,)))
    assert set(engine.resources().loras) == {first.digest, second.digest}, "held by a picture; used last"
    while not held.denoised:
        engine.step([held])
    assert difference(engine.finish([held])[0], expected) == 0
    engine.drop(held)
    assert dict(engine.resources().loras) == {first.digest: "lora 1", second.digest: "lora 2"}
