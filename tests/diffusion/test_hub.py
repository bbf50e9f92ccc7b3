"""A picture under way: stopped, cancelled, failed, each without the others noticing."""

import gc
import weakref

import pytest
import torch

from tests.diffusion.drawing import CIRCLE, SQUARES, changed, difference, draw, noise, source
from workers.diffusion.engine import Diffusers
from workers.engine import DeviceLost, OutOfMemory


def test_steps_are_counted(engine: Diffusers) -> None:
    picture = engine.begin(CIRCLE)
    counted = [(picture.steps, picture.steps_done)]
    while not picture.denoised:
        assert picture.tokens > 16  # the picture's own, and its prompt's
        engine.step([picture])
        counted.append((picture.steps, picture.steps_done))
    assert counted == [(4, forwards // 2) for forwards in range(9)]  # with guidance a step is two forwards
    engine.finish([picture])
    engine.drop(picture)


def test_an_edit_of_part_strength_has_fewer_steps(engine: Diffusers) -> None:
    picture = engine.begin(changed(CIRCLE, source=source(noise(1), strength=0.5)))
    assert picture.steps == 2
    engine.drop(picture)


def test_strength_zero_is_the_picture_as_it_was(engine: Diffusers) -> None:
    before = noise(1)
    picture = engine.begin(changed(CIRCLE, source=source(before, strength=0.0)))
    assert (picture.steps, picture.denoised) == (0, True)
    assert difference(engine.finish([picture])[0], before) == 0
    engine.drop(picture)


@pytest.mark.parametrize("forwards", [0, 1, 3])
def test_a_dropped_picture_lets_go_of_everything(engine: Diffusers, forwards: int) -> None:
    expected = draw(engine, SQUARES)
    other = engine.begin(SQUARES)
    picture = engine.begin(changed(CIRCLE, seed=99))
    for _ in range(forwards):
        engine.step([picture, other])
    assert picture.waits_for is not None
    latents = weakref.ref(picture.waits_for.kwargs["hidden_states"])
    engine.drop(picture)
    assert picture.waits_for is None
    gc.collect()
    assert latents() is None
    while not other.denoised:
        engine.step([other])
    assert difference(engine.finish([other])[0], expected) <= 1
    engine.drop(other)


def test_a_denoised_picture_holds_nothing_but_its_latents(engine: Diffusers) -> None:
    picture = engine.begin(CIRCLE)
    while not picture.denoised:
        engine.step([picture])
    assert picture.waits_for is None and picture.course.latents is not None
    engine.drop(picture)
    engine.drop(picture)  # once more does no harm


def test_no_room_leaves_every_picture_as_it_was(engine: Diffusers) -> None:
    expected = [draw(engine, CIRCLE), draw(engine, SQUARES)]
    begun = [engine.begin(CIRCLE), engine.begin(SQUARES)]
    with failing(engine, torch.OutOfMemoryError("CUDA out of memory")), pytest.raises(OutOfMemory):
        engine.step(begun)
    assert [picture.failure for picture in begun] == [None, None]
    for picture, plain in zip(begun, expected, strict=True):
        while not picture.denoised:
            engine.step([picture])
        assert difference(engine.finish([picture])[0], plain) == 0
        engine.drop(picture)


def test_an_error_on_the_device_is_for_nobody_in_particular(engine: Diffusers) -> None:
    picture = engine.begin(CIRCLE)
    with failing(engine, RuntimeError("no such kernel")), pytest.raises(RuntimeError, match="no such kernel"):
        engine.step([picture])
    with failing(engine, RuntimeError("CUDA error: an illegal memory access")), pytest.raises(DeviceLost):
        engine.step([picture])
    engine.drop(picture)


def test_a_picture_may_fail_alone(engine: Diffusers) -> None:
    begun = [engine.begin(CIRCLE), engine.begin(SQUARES)]
    engine.step(begun)

    def broken(*_: object, **__: object) -> None:
        raise ValueError("a bad step")

    begun[0].pipeline.scheduler.step = broken
    engine.step(begun)
    assert isinstance(begun[0].failure, ValueError) and begun[1].failure is None
    assert [picture.steps_done for picture in begun] == [0, 1]
    for picture in begun:
        engine.drop(picture)


class failing:
    """The denoiser fails, as a device does: in the middle of its forward."""

    def __init__(self, engine: Diffusers, error: Exception) -> None:
        self._block = engine.denoiser.transformer_blocks[1]
        self._error = error

    def __enter__(self) -> None:
        def fail(*_: object) -> None:
            raise self._error

        self._hook = self._block.register_forward_pre_hook(fail)

    def __exit__(self, *_: object) -> None:
        self._hook.remove()
