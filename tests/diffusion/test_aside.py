"""What is beside the steps: previews, the fast autoencoder, prompts that stay encoded, the memory ladder, the pace."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKLQwenImage
from PIL import Image

from tests.diffusion.conftest import loaded
from tests.diffusion.drawing import CIRCLE, SQUARES, changed, difference, draw, noise, source
from workers.diffusion.devices import place
from workers.diffusion.engine import Diffusers
from workers.diffusion.memory import Ladder
from workers.diffusion.preview import Previews, normalised
from workers.diffusion.prompts import Prompts
from workers.diffusion.still_vae import make_fast


def test_a_single_picture_needs_no_third_dimension(folder: Path) -> None:
    stock = AutoencoderKLQwenImage.from_pretrained(folder / "vae").eval()
    fast = AutoencoderKLQwenImage.from_pretrained(folder / "vae").eval()
    for parameters in zip(stock.parameters(), fast.parameters(), strict=True):  # also what a picture never meets
        for parameter in parameters:
            torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(parameter.numel()))
    assert make_fast(fast) > 20
    picture = torch.rand(1, 3, 1, 32, 48, generator=torch.Generator().manual_seed(1)) * 2 - 1
    latents = stock.encode(picture).latent_dist.mode()
    assert torch.allclose(fast.encode(picture).latent_dist.mode(), latents, rtol=1e-4, atol=1e-5)
    assert torch.allclose(fast.decode(latents).sample, stock.decode(latents).sample, rtol=1e-4, atol=1e-5)
    video = torch.rand(1, 3, 5, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(fast.encode(video).latent_dist.mode(), stock.encode(video).latent_dist.mode(), atol=1e-5)


class Averaging(torch.nn.Module):
    """An autoencoder whose latents are colours: means of 8 x 8 pixels, mixed."""

    mixed = torch.tensor([[0.5, 0.1, 0.0], [0.0, 0.7, 0.2], [0.3, 0.0, 0.9], [0.2, 0.2, 0.2]])
    dtype = torch.float32

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Module()
        self.encoder.conv_in = torch.nn.Conv2d(3, 1, 1)
        self.config = type("Config", (), {"scaling_factor": 2.0, "shift_factor": 0.1})()

    def encode(self, pictures: torch.Tensor) -> Any:
        latents = torch.einsum("zc,nchw->nzhw", self.mixed, torch.nn.functional.avg_pool2d(pictures, 8))
        mode = type("Mode", (), {"mode": lambda _: latents})()
        return type("Encoded", (), {"latent_dist": mode})()


def test_previews_have_the_colours_of_the_picture() -> None:
    vae = Averaging()
    previews = Previews(vae, torch.device("cpu"))
    colours = torch.zeros(1, 3, 64, 64)
    colours[:, 0, :, :32], colours[:, 2, :, 32:] = 1.0, -1.0
    latents = normalised(vae, vae.encode(colours).latent_dist.mode())
    progress = type("Progress", (), {"clean": lambda _: latents})()
    picture: Any = type("Shown", (), {"progress": progress, "drawing": CIRCLE, "pipeline": None})()
    shown = previews.show(picture)
    assert shown.size == (64, 64)
    assert near(shown.getpixel((10, 30)), (255, 128, 128)) and near(shown.getpixel((54, 30)), (128, 128, 0))


def test_a_preview_of_every_step(engine: Diffusers) -> None:
    picture = engine.begin(changed(CIRCLE, width=96))
    previews: list[Image.Image] = []
    while not picture.denoised:
        previews.append(picture.preview())
        engine.step([picture])
    engine.drop(picture)
    assert {preview.size for preview in previews} == {(96, 64)}
    assert previews[0].getextrema() == ((128, 128),) * 3, "nothing is known before the first step"
    assert difference(previews[3], previews[-1]) > 0


def test_prompts_stay_encoded(engine: Diffusers) -> None:
    encoded: list[object] = []

    @contextmanager
    def encoding() -> Generator[None]:
        encoded.append(None)
        yield

    class Pipeline:
        def encode_prompt(self, prompt: str, image: Image.Image | None = None) -> tuple[torch.Tensor, None]:
            return torch.full((100,), float(len(prompt))), None

    prompts = Prompts(most_bytes=1000)
    pipeline: Any = Pipeline()
    prompts.remember(pipeline, "", encoding)
    asked = ["a", "a", "bb", "a", "ccc", "bb"]  # there is room for two of them
    assert [float(pipeline.encode_prompt(prompt=prompt)[0][0]) for prompt in asked] == [1, 1, 2, 1, 3, 2]
    assert len(encoded) == 4
    for image in (noise(1), noise(1), noise(2)):
        pipeline.encode_prompt(prompt="a", image=image)
    assert len(encoded) == 6
    other: Any = Pipeline()
    prompts.remember(other, "with another LoRA", encoding)
    other.encode_prompt(prompt="bb")
    assert len(encoded) == 7
    prompts.forget()
    other.encode_prompt(prompt="bb")
    assert len(encoded) == 8
    assert draw(engine, CIRCLE).size == (64, 64)


def test_the_ladder_has_an_end(folder: Path) -> None:
    engine = loaded(folder)
    expected = [draw(engine, CIRCLE), draw(engine, changed(SQUARES, width=128, height=128))]
    done = [engine.relieve() for _ in range(4)]
    assert done == ["emptied the caches", "the autoencoder works tile by tile", None, None]
    assert difference(draw(engine, CIRCLE), expected[0]) == 0
    assert draw(engine, changed(SQUARES, width=128, height=128)).size == (128, 128)
    assert [engine.relieve(), engine.relieve()] == ["emptied the caches", None], "caches fill again"


def test_text_encoders_that_wait_outside_come_back_to_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[str] = []

    class Encoder(torch.nn.Module):
        def to(self, device: Any) -> "Encoder":  # pyright: ignore[reportIncompatibleMethodOverride]  # only this use of it
            moved.append(str(device))
            return self

    cuda = type(place("cpu", "auto"))(torch.device("cuda", 0), torch.float32)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    ladder = Ladder(cuda, torch.nn.Module(), [Encoder()], [], lambda: None)
    with ladder.encoding():
        assert moved == []
    assert [ladder.relieve(), ladder.relieve()] == ["emptied the caches", "the text encoder waits on the CPU"]
    with ladder.encoding():
        assert moved == ["cpu", "cuda:0"]
    assert moved == ["cpu", "cuda:0", "cpu"]


def test_the_pace_is_learned(folder: Path, editor: Diffusers) -> None:
    engine = loaded(folder)
    guess = engine.seconds(changed(CIRCLE, steps=50))
    began = time.perf_counter()
    for seed in range(3):
        draw(engine, changed(CIRCLE, seed=seed))
    elapsed = (time.perf_counter() - began) / 3
    assert engine.seconds(CIRCLE) < 20 * elapsed and engine.seconds(CIRCLE) > elapsed / 20
    assert guess > engine.seconds(CIRCLE)
    steps = engine.seconds(changed(CIRCLE, steps=100)) - engine.seconds(changed(CIRCLE, steps=50))
    unguided = [engine.seconds(changed(CIRCLE, steps=steps, cfg_scale=1.0)) for steps in (100, 50)]
    assert unguided[0] - unguided[1] == pytest.approx(steps / 2)
    half = engine.seconds(changed(CIRCLE, steps=100, source=source(noise(1), strength=0.5)))
    assert half == pytest.approx(engine.seconds(changed(CIRCLE, steps=50)))
    with_two = changed(CIRCLE, steps=50, source=source(noise(1), noise(2)))
    assert editor.seconds(with_two) > 2 * editor.seconds(changed(CIRCLE, steps=50)) * 0.6
    assert engine.resources().pace["tiny"].seconds_per_megapixel_step > 0
    assert engine.resources().memory.total > 2**30


def near(one: Any, other: tuple[int, int, int]) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(one, other, strict=True))
