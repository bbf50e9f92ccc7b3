"""What training does with its configuration, in a few steps."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from workers.tiny import config as configuration
from workers.tiny.average import Average
from workers.tiny.config import Config
from workers.tiny.pictures import as_input, as_pixels, averages
from workers.tiny.train import train
from workers.tiny.train_vae import train as train_vae


@pytest.fixture
def config() -> Config:
    """As committed, but for a few pictures."""
    own = configuration.read()
    sizes = tuple(replace(size, pool=4, batch=2) for size in own.train.sizes[:2])
    return replace(
        own,
        train_vae=replace(own.train_vae, steps=2, batch=2, side=32),
        train=replace(own.train, steps=3, sizes=sizes),
    )


def test_training_that_is_done_is_not_done_again(config: Config, tmp_path: Path) -> None:
    """Each start goes on from the last checkpoint, and none is left to do after the last step."""
    train_vae(config, tmp_path).save_pretrained(tmp_path / "vae")
    made = train(config, tmp_path)
    assert torch.load(tmp_path / "transformer.pt", weights_only=True)["step"] == 3
    again = train(config, tmp_path)
    for weight, other in zip(made.transformer.parameters(), again.transformer.parameters(), strict=True):
        assert torch.equal(weight, other)
    own = made.vae.config
    assert len(own["latents_mean"]) == len(own["latents_std"]) == config.vae.z_dim
    assert min(own["latents_std"]) > 0


def test_latents_are_averages_of_four_by_four_pixels() -> None:
    picture = torch.arange(3 * 8 * 16, dtype=torch.float32).view(1, 3, 8, 16)
    latents = averages(picture)
    assert latents.shape == (1, 12, 1, 2)
    assert latents[0, 0, 0, 0] == picture[0, 0, :4, :4].mean()
    assert latents[0, 1, 0, 0] == picture[0, 0, :4, 4:8].mean()
    assert latents[0, 11, 0, 1] == picture[0, 2, 4:, 12:].mean()


def test_pixels_come_back_from_what_the_autoencoder_takes() -> None:
    pictures = torch.rand(2, 8, 8, 3, generator=torch.Generator().manual_seed(1)).numpy()
    assert abs(as_pixels(as_input(pictures)) - pictures).max() < 1e-6


def test_the_average_forgets_the_start_and_gives_the_weights_back() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100.0)
    average = Average(model, decay=0.99)
    nn.init.constant_(model.weight, 1.0)
    for step in range(200):
        average.update(step)
    with average.applied():
        assert abs(model.weight.item() - 1.0) < 0.1
        assert model.weight.item() != 1.0
    assert model.weight.item() == 1.0
