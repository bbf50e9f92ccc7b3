"""A family is a table: what it says is there in diffusers, and other architectures draw by theirs alone."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest

from tests.diffusion.drawing import CIRCLE, SQUARES, changed, difference, draw, draw_together, left_half, noise, source
from workers.diffusion.engine import Diffusers
from workers.diffusion.families import Family, families, family_of, with_own_facts
from workers.diffusion.merging import Merging
from workers.diffusion.schedulers import scheduler
from workers.engine import CannotLoad

DENOISERS: Mapping[str, Any] = {
    "qwen-image": diffusers.QwenImageTransformer2DModel,
    "qwen-image-edit": diffusers.QwenImageTransformer2DModel,
    "qwen-image-edit-plus": diffusers.QwenImageTransformer2DModel,
    "qwen-image-2.1": diffusers.QwenImage21Transformer2DModel,
    "flux": diffusers.FluxTransformer2DModel,
    "sdxl": diffusers.UNet2DConditionModel,
}


@pytest.fixture(params=["sdxl", "flux"])
def other(request: pytest.FixtureRequest) -> Diffusers:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("name", families())
def test_what_the_table_names_is_there(name: str) -> None:
    family = families()[name]
    drawing = family.pipelines
    for pipeline in [*family.made_as, drawing.text, drawing.image, drawing.mask, drawing.references, drawing.control]:
        assert pipeline is None or issubclass(getattr(diffusers, pipeline), diffusers.DiffusionPipeline)
    known_arguments(DENOISERS[name], family.forward)
    if drawing.control_net is not None:
        known_arguments(getattr(diffusers, drawing.control_net), family.control_forward)
        assert hasattr(diffusers, str(drawing.control_nets))
    for each in (drawing.text, drawing.image, drawing.mask):
        if each is not None:
            called_with = inspect.signature(getattr(diffusers, each).__call__).parameters
            assert family.names.get("cfg_scale", "cfg_scale") in called_with
            assert "negative_prompt" in called_with


@pytest.mark.parametrize("name", families())
def test_its_model_is_in_order(name: str) -> None:
    family = families()[name]
    model = family.model("x", distilled=False)
    assert model.default_size[0] % model.multiple_of == model.default_size[1] % model.multiple_of == 0
    assert model.shortest_side <= min(model.default_size) <= max(model.default_size) <= model.longest_side
    assert model.default_size[0] * model.default_size[1] <= (model.most_pixels or 0)
    assert model.default_steps <= model.most_steps < 501
    assert "guidance" not in model.parameters and "guidance" in family.model("x", distilled=True).parameters
    assert "control_nets" not in model.parameters, "there are none beside the model"
    assert ("strength" in model.parameters) == (family.pipelines.image is not None)


def test_a_checkpoint_belongs_to_one_family() -> None:
    classes = [name for family in families().values() for name in family.made_as]
    assert len(classes) == len(set(classes))
    assert family_of("QwenImageEditPlusPipeline").name == "qwen-image-edit-plus"
    with pytest.raises(CannotLoad, match="StableCascadePriorPipeline are not known here; there are: FluxPipeline"):
        family_of("StableCascadePriorPipeline")


def test_a_models_own_facts_go_first(tmp_path: Path) -> None:
    usual = families()["qwen-image"]
    assert with_own_facts(usual, tmp_path) == usual
    (tmp_path / "easel.toml").write_text('steps = 8\ndefault_size = [128, 64]\n[controls]\nlines = "a/b"\n')
    own = with_own_facts(usual, tmp_path)
    assert (own.steps, own.default_size, own.cfg_scale, own.controls) == (
        8,
        (128, 64),
        usual.cfg_scale,
        {"lines": "a/b"},
    )
    (tmp_path / "easel.toml").write_text("stepps = 8\n")
    with pytest.raises(CannotLoad, match="stepps"):
        with_own_facts(usual, tmp_path)
    (tmp_path / "easel.toml").write_text("steps = \n")
    with pytest.raises(CannotLoad, match="no TOML"):
        with_own_facts(usual, tmp_path)


STARTS = {
    "text": {},
    "image": {"source": source(noise(1), strength=0.8)},
    "mask": {"source": source(noise(2), mask=left_half(), strength=0.8)},
}


@pytest.mark.parametrize("start", STARTS)
def test_other_families_draw_by_their_tables_alone(other: Diffusers, start: str) -> None:
    first, second = changed(CIRCLE, **STARTS[start]), changed(SQUARES, **STARTS[start])
    expected = [other.plainly(first), other.plainly(second)]
    assert difference(draw(other, first), expected[0]) == 0
    together = draw_together(other, [first, second], apart=2)
    assert [difference(drawn, plain) <= 1 for drawn, plain in zip(together, expected, strict=True)] == [True, True]


def test_their_schedulers_draw(other: Diffusers) -> None:
    family = family_of("FluxPipeline" if "guidance" in other.models[0].parameters else "StableDiffusionXLPipeline")
    assert other.models[0].schedulers == family.schedulers
    for name in family.schedulers:
        drawing = changed(CIRCLE, scheduler=name)
        assert difference(draw(other, drawing), other.plainly(drawing)) == 0, name


def test_a_single_step_is_a_picture(engine: Diffusers, other: Diffusers) -> None:
    for each in (engine, other):
        for name in each.models[0].schedulers:
            picture = each.begin(changed(CIRCLE, steps=1, scheduler=name))
            while not picture.denoised:
                each.step([picture])
                assert picture.failure is None, name
            assert picture.course.latents is not None
            assert picture.course.latents.isfinite().all(), name
            each.drop(picture)


def test_guidance_is_for_distilled_models(flux: Diffusers, sdxl: Diffusers) -> None:
    assert difference(draw(flux, CIRCLE), draw(flux, changed(CIRCLE, guidance=9.0))) > 0
    assert "guidance" not in sdxl.models[0].parameters
    assert difference(draw(sdxl, CIRCLE), draw(sdxl, changed(CIRCLE, cfg_scale=9.0))) > 0


def test_skipped_steps_agree_with_diffusers_for_flux_too(flux: Diffusers) -> None:
    exact = changed(CIRCLE, acceleration="regular", steps=3)  # none of the first three is skipped
    assert difference(draw(flux, exact), flux.plainly(exact)) == 0
    assert "acceleration" in flux.models[0].parameters


def test_every_scheduler_of_a_table_can_be_made() -> None:
    for family in families().values():
        flow = family.prediction == "flow"
        base = diffusers.FlowMatchEulerDiscreteScheduler() if flow else diffusers.EulerDiscreteScheduler()
        for name in family.schedulers:
            assert hasattr(scheduler(name, base, family.prediction, steps=2), "step")


def known_arguments(module: Any, rules: Merging) -> None:
    known = set(inspect.signature(module.forward).parameters)
    said = {*rules.joined, *rules.padded, *rules.padded.values(), *rules.listed, rules.tokens}
    assert said <= known, f"{module.__name__}: {said - known}"


def test_no_rule_is_said_twice() -> None:
    for family in families().values():
        assert isinstance(family, Family)
        for rules in (family.forward, family.control_forward):
            assert not rules.joined & rules.listed and not rules.joined & set(rules.padded)
