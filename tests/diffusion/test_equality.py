"""The engine draws what the stock pipelines draw: alone the very same, with others the same but for rounding."""

import pytest

from tests.diffusion.drawing import (
    CIRCLE,
    SQUARES,
    changed,
    control,
    difference,
    draw,
    draw_together,
    left_half,
    noise,
    source,
)
from workers.diffusion.engine import Diffusers
from workers.engine import Drawing, Unsupported

DRAWN = {
    "text": {},
    "no guidance": {"cfg_scale": 1.0},
    "negative prompt": {"negative_prompt": "a blue triangle"},
    "image": {"source": source(noise(1), strength=0.8)},
    "mask": {"source": source(noise(2), mask=left_half(), strength=1.0)},
    "control": {"controls": (control(0.7, 0.1, 0.9),)},
    "two controls": {"controls": (control(0.7), control(0.4, seed=6))},
    "not square": {"width": 96, "height": 64},
}
EDITED = {
    "text": {},
    "one reference": {"source": source(noise(1))},
    "three references": {"source": source(noise(1), noise(2, 96), noise(3))},
    "masked": {"source": source(noise(4), mask=left_half())},
}


@pytest.mark.parametrize("how", DRAWN)
def test_a_picture_alone_is_the_plain_pipelines(engine: Diffusers, how: str) -> None:
    alone(engine, changed(CIRCLE, **DRAWN[how]))


@pytest.mark.parametrize("how", EDITED)
def test_an_edit_alone_is_the_plain_pipelines(editor: Diffusers, how: str) -> None:
    alone(editor, changed(CIRCLE, **EDITED[how]))


@pytest.mark.parametrize("how", ["text", "one reference", "masked"])
def test_an_edit_of_one_reference_is_the_plain_pipelines(single_editor: Diffusers, how: str) -> None:
    assert (single_editor.models[0].most_images, single_editor.models[0].masks) == (1, True)
    first, second = changed(CIRCLE, **EDITED[how]), changed(SQUARES, **EDITED[how])
    alone(single_editor, first)
    together(single_editor, first, second)


def test_a_single_reference_is_looked_at(single_editor: Diffusers) -> None:
    one, other = (draw(single_editor, changed(CIRCLE, source=source(noise(seed)))) for seed in (1, 2))
    assert difference(one, other) > 10


@pytest.mark.parametrize("how", DRAWN)
def test_pictures_at_different_steps_share_forwards(engine: Diffusers, how: str) -> None:
    together(engine, changed(CIRCLE, **DRAWN[how]), changed(SQUARES, **DRAWN[how]))


@pytest.mark.parametrize("how", EDITED)
def test_edits_at_different_steps_share_forwards(editor: Diffusers, how: str) -> None:
    together(editor, changed(CIRCLE, **EDITED[how]), changed(SQUARES, **EDITED[how]))


def test_text_and_picture_share_forwards(engine: Diffusers) -> None:
    """They ask the same of the denoiser, though different pipelines ask."""
    together(engine, CIRCLE, changed(SQUARES, source=source(noise(1), strength=0.9)))


def test_a_mask_with_several_references_leaves_the_rest_as_it_was(editor: Diffusers) -> None:
    before = noise(4)
    drawn = draw(editor, changed(CIRCLE, source=source(before, noise(5), mask=left_half())))
    right = (40, 0, 64, 64)
    assert difference(drawn.crop(right), before.crop(right)) == 0
    assert difference(drawn.crop((0, 0, 24, 64)), before.crop((0, 0, 24, 64))) > 30


def test_seed_and_prompt_decide(engine: Diffusers) -> None:
    first = draw(engine, CIRCLE)
    assert difference(first, draw(engine, CIRCLE)) == 0
    assert difference(first, draw(engine, changed(CIRCLE, seed=9))) > 10
    assert difference(first, draw(engine, changed(CIRCLE, cfg_scale=7.0))) > 0


def test_a_negative_prompt_that_would_do_nothing_is_refused(engine: Diffusers) -> None:
    with pytest.raises(Unsupported, match="cfg_scale") as refused:
        engine.begin(changed(CIRCLE, negative_prompt="blue", cfg_scale=1.0))
    assert refused.value.param == "negative_prompt"
    unguided = changed(CIRCLE, cfg_scale=1.0)
    assert difference(draw(engine, changed(unguided, negative_prompt=" ")), draw(engine, unguided)) == 0


def alone(engine: Diffusers, drawing: Drawing) -> None:
    assert difference(draw(engine, drawing), engine.plainly(drawing)) == 0


def together(engine: Diffusers, first: Drawing, second: Drawing) -> None:
    drawn = draw_together(engine, [first, second], apart=3)
    assert difference(drawn[0], engine.plainly(first)) <= 1
    assert difference(drawn[1], engine.plainly(second)) <= 1
