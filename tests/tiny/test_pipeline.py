"""The untrained pipeline: whatever the full model's classes can do, they do with its parts."""

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import QwenImagePipeline
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as edit_plus
from PIL import Image

from workers.diffusion.processor import Processor
from workers.tiny.parts import make_controlnet
from workers.tiny.pipeline import build, save

RED = Image.new("RGB", (64, 64), (220, 40, 40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny")
    save(build(), made)
    return made


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> QwenImagePipeline:
    return QwenImagePipeline.from_pretrained(folder)


def draw(pipeline: Any, **more: Any) -> Image.Image:
    pipeline.set_progress_bar_config(disable=True)
    asked: dict[str, Any] = {"prompt": "a red circle", "width": 64, "height": 64, "num_inference_steps": 2}
    asked |= {"true_cfg_scale": 2.0, "negative_prompt": " ", "generator": torch.Generator().manual_seed(1)} | more
    return pipeline(**asked).images[0]


def test_the_folder_is_small_and_holds_no_code_and_no_pickle(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert sum(path.stat().st_size for path in files) <= 10_000_000


def test_all_parts_are_loaded_in_the_same_precision(pipeline: QwenImagePipeline) -> None:
    parts = (pipeline.text_encoder, pipeline.transformer, pipeline.vae)
    assert {part.dtype for part in parts} == {torch.float32}


def test_the_same_seed_draws_the_same(pipeline: QwenImagePipeline) -> None:
    assert draw(pipeline).tobytes() == draw(pipeline).tobytes()


def test_the_same_seed_builds_the_same_and_another_seed_another() -> None:
    first, again, other = (build(seed).transformer.proj_out.weight for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("QwenImageImg2ImgPipeline", {"image": RED}),
        ("QwenImageInpaintPipeline", {"image": RED, "mask_image": Image.new("L", (64, 64), 255)}),
    ],
)
def test_pictures_can_be_started_from_others(pipeline: QwenImagePipeline, name: str, more: dict[str, Any]) -> None:
    assert draw(getattr(diffusers, name)(**pipeline.components), **more).size == (64, 64)


@pytest.mark.parametrize("count", [1, 2])
def test_references_are_read(pipeline: QwenImagePipeline, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit_plus, "VAE_IMAGE_SIZE", 64 * 64)
    monkeypatch.setattr(edit_plus, "CONDITION_IMAGE_SIZE", 64 * 64)
    parts: dict[str, Any] = {**pipeline.components, "processor": Processor(pipeline.tokenizer)}
    edit = edit_plus.QwenImageEditPlusPipeline(**parts)
    green = Image.new("RGB", (64, 64), (40, 160, 70))
    assert draw(edit, image=[RED] * count).tobytes() != draw(edit, image=[green] * count).tobytes()


def test_a_controlnet_fits(pipeline: QwenImagePipeline) -> None:
    guided = diffusers.QwenImageControlNetPipeline(
        **pipeline.components, controlnet=make_controlnet(pipeline.transformer)
    )
    assert draw(guided, control_image=RED).size == (64, 64)


def test_each_picture_has_its_place_in_the_text(pipeline: QwenImagePipeline) -> None:
    """A picture of 56 × 56 is 4 × 4 patches of 14 pixels, four of which make one token."""
    processor = Processor(pipeline.tokenizer)
    picture = Image.new("RGB", (56, 56))
    read = processor(text=["one <|image_pad|> two <|image_pad|>", "none"], images=[picture, picture])
    pads = (read["input_ids"] == processor.image_token_id).sum(dim=1).tolist()
    assert pads == [8, 0]
    assert read["mm_token_type_ids"].sum(dim=1).tolist() == [8, 0]
    assert read["image_grid_thw"].tolist() == [[1, 4, 4], [1, 4, 4]]
