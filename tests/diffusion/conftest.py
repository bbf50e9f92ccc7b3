"""Models of a few random numbers in the folders that real ones come in, and engines that draw with them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from tests.diffusion import other_families
from workers.diffusion.engine import Diffusers
from workers.tiny import config
from workers.tiny.parts import make_controlnet
from workers.tiny.pipeline import build, save

_TINY = config.read()
SMALL = replace(
    _TINY, vae=replace(_TINY.vae, base_dim=8, z_dim=4), transformer=replace(_TINY.transformer, layers=3, heads=2)
)
FACTS = """\
title = "Tiny"
default_size = [64, 64]
longest_side = 256
steps = 4
cfg_scale = 3.0
reference_pixels = 4096
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """diffusers' schedulers hand numpy tensors in a way that it is going to give up."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    torch.set_num_threads(1)
    with torch.no_grad():
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text-to-image model with a control net beside it."""
    folder = tmp_path_factory.mktemp("tiny")
    pipeline = build(1, SMALL)
    save(pipeline, folder)
    net = make_controlnet(pipeline.transformer)
    for number, parameter in enumerate(net.parameters()):
        if not parameter.any():  # what a control net adds starts as nothing
            torch.nn.init.normal_(parameter, std=0.2, generator=torch.Generator().manual_seed(number))
    net.save_pretrained(folder / "edges")
    (folder / "easel.toml").write_text(FACTS + '[controls]\nedges = "edges"\n')
    return folder


@pytest.fixture(scope="session")
def editing_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a checkpoint that edits, with several references."""
    return _editing(tmp_path_factory.mktemp("tiny-edit"), "QwenImageEditPlusPipeline")


@pytest.fixture(scope="session")
def engine(folder: Path) -> Diffusers:
    return loaded(folder)


@pytest.fixture(scope="session")
def editor(editing_folder: Path) -> Diffusers:
    return loaded(editing_folder)


@pytest.fixture(scope="session")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Diffusers:
    return loaded(other_families.sdxl(tmp_path_factory.mktemp("sdxl")))


@pytest.fixture(scope="session")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Diffusers:
    return loaded(other_families.flux(tmp_path_factory.mktemp("flux")))


@pytest.fixture(scope="session")
def single_editor(tmp_path_factory: pytest.TempPathFactory) -> Diffusers:
    """One that looks at a single reference."""
    return loaded(_editing(tmp_path_factory.mktemp("tiny-edit-one"), "QwenImageEditPipeline"))


def _editing(folder: Path, pipeline: str) -> Path:
    save(build(2, SMALL), folder)
    index = json.loads((folder / "model_index.json").read_text())
    index |= {"_class_name": pipeline, "processor": ["transformers", "Qwen2VLProcessor"]}
    (folder / "model_index.json").write_text(json.dumps(index))
    Qwen2VLImageProcessorPil(patch_size=14, temporal_patch_size=2, merge_size=2).save_pretrained(folder / "processor")
    (folder / "easel.toml").write_text(FACTS)
    return folder


def loaded(folder: Path, *, most_bytes_of_loras: int = 2**30) -> Diffusers:
    engine = Diffusers(str(folder), device="cpu", name="tiny", most_bytes_of_loras=most_bytes_of_loras)
    engine.load(lambda _what, _share: None)
    return engine
