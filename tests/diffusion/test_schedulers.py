"""Every scheduler that a model lists draws a picture of its own, the same that the stock pipeline draws with it."""

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler

from tests.diffusion.drawing import CIRCLE, changed, difference, draw, left_half, noise, source
from workers.diffusion.engine import Diffusers
from workers.diffusion.families import families
from workers.diffusion.schedulers import Steps, scheduler

FLOW = families()["qwen-image"].schedulers
STARTS = {
    "text": {},
    "image": {"source": source(noise(1), strength=0.8)},
    "mask": {"source": source(noise(2), mask=left_half(), strength=0.9)},
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("name", FLOW)
def test_it_is_the_stock_pipelines(engine: Diffusers, name: str, start: str) -> None:
    drawing = changed(CIRCLE, scheduler=name, **STARTS[start])
    drawn = draw(engine, drawing)
    assert difference(drawn, engine.plainly(drawing)) == 0


def test_they_differ(engine: Diffusers) -> None:
    pictures = [draw(engine, changed(CIRCLE, scheduler=name, steps=6)) for name in FLOW]
    usual = draw(engine, changed(CIRCLE, steps=6))
    assert [name for name, drawn in zip(FLOW, pictures, strict=True) if difference(drawn, usual) == 0] == ["euler"]


def test_chance_is_the_pictures_own(engine: Diffusers) -> None:
    """`lcm` adds noise at every step."""
    torch.manual_seed(1)
    first = draw(engine, changed(CIRCLE, scheduler="lcm"))
    torch.manual_seed(2)
    assert difference(first, draw(engine, changed(CIRCLE, scheduler="lcm"))) == 0


@pytest.mark.parametrize("family", ["qwen-image", "sdxl"])
def test_the_picture_is_foreseen_without_its_noise(engine: Diffusers, family: str) -> None:
    """A perfect model's prediction, at any noise, leads to the same latents."""
    known = families()[family]
    base = engine.scheduler if known.prediction == "flow" else scheduler_of_noise()
    for name in known.schedulers:
        made = scheduler(name, base, known.prediction, steps=2)
        extra = (
            {"mu": 0.7, "sigmas": np.array([1.0, 0.5])} if known.prediction == "flow" else {"num_inference_steps": 2}
        )
        made.set_timesteps(**extra)
        steps = Steps(made, known.prediction, torch.Generator().manual_seed(0))
        assert steps.clean() is None
        latents, noise_of = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.randn(1, 4, 4)
        timestep = made.timesteps[0]
        if known.prediction == "flow":
            sigma = float(timestep) / 1000
            sample, predicted = (1 - sigma) * latents + sigma * noise_of, noise_of - latents
        else:
            kept = float(made.alphas_cumprod[int(timestep)])
            grows = float(made.init_noise_sigma) > 2
            sample = (
                latents + ((1 - kept) / kept) ** 0.5 * noise_of
                if grows
                else kept**0.5 * latents + (1 - kept) ** 0.5 * noise_of
            )
            predicted = noise_of
        made.step(predicted, timestep, sample)
        clean = steps.clean()
        assert clean is not None and torch.allclose(clean, latents, atol=2e-2), name
        assert steps.done == 1


def scheduler_of_noise() -> object:
    return EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
