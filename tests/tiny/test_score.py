"""The committed weights draw what they are asked for."""

import pytest
import torch
from diffusers import QwenImagePipeline

from workers.tiny import config as configuration
from workers.tiny.prompts import read_prompts
from workers.tiny.single_frame import forget_the_past
from workers.tiny.train_vae import psnr
from workers.tiny.verify import ENOUGH, Verdict, share_right, verify

CONFIG = configuration.read()


@pytest.fixture(scope="module")
def pipeline() -> QwenImagePipeline:
    torch.set_num_threads(1)
    return QwenImagePipeline.from_pretrained(configuration.MODEL_FOLDER)


@pytest.fixture(scope="module")
def verdicts(pipeline: QwenImagePipeline) -> list[Verdict]:
    return verify(pipeline, read_prompts(), CONFIG.draw)


def test_the_model_is_small_enough_to_be_kept_here() -> None:
    files = [path for path in configuration.MODEL_FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 10_000_000


@pytest.mark.parametrize("side", [64, 128, 256])
def test_pictures_that_training_never_saw_come_through_the_autoencoder_at_30_db(
    pipeline: QwenImagePipeline, side: int
) -> None:
    assert psnr(pipeline.vae, CONFIG, side, count=8).mean() >= 30


def test_the_autoencoder_holds_nothing_about_time(pipeline: QwenImagePipeline) -> None:
    before = {name: weight.clone() for name, weight in pipeline.vae.state_dict().items()}
    forget_the_past(pipeline.vae)
    assert all(torch.equal(weight, before[name]) for name, weight in pipeline.vae.state_dict().items())


def test_at_least_38_of_40_pictures_are_what_the_prompt_asked_for(verdicts: list[Verdict]) -> None:
    assert share_right(verdicts) >= ENOUGH, wrong(verdicts)


def wrong(verdicts: list[Verdict]) -> dict[str, tuple[str, ...]]:
    return {verdict.asked.prompt: tuple(verdict.wrong) for verdict in verdicts if verdict.wrong}
