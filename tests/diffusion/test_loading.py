"""What cannot be loaded is told in words for whoever started the worker."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from workers.diffusion import devices
from workers.diffusion.devices import place
from workers.diffusion.engine import Diffusers
from workers.engine import CannotLoad, Memory


def load(folder: Path | str) -> list[tuple[str, float | None]]:
    told: list[tuple[str, float | None]] = []
    Diffusers(str(folder), device="cpu").load(lambda what, share: told.append((what, share)))
    return told


def test_it_tells_what_it_is_doing(folder: Path) -> None:
    told = load(folder)
    assert [what for what, _ in told][1:4] == [
        "loading the text encoder",
        "loading the tokenizer",
        "loading the transformer",
    ]
    shares = [share for _, share in told if share is not None]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] < 1
    assert told[-2:] == [
        ("loading the control net " + str(folder / "edges"), None),
        ("drawing a picture to warm up", None),
    ]


def test_its_model_is_called_as_it_is_told(folder: Path, editing_folder: Path) -> None:
    engine = Diffusers(str(editing_folder), device="cpu")
    engine.load(lambda _what, _share: None)
    (model,) = engine.models
    assert (model.id, model.title, model.most_images, model.masks) == ("qwen-image-edit-plus", "Tiny", 3, True)
    assert "strength" not in model.parameters
    named = Diffusers(str(folder), device="cpu", name="mine")
    named.load(lambda _what, _share: None)
    assert (named.models[0].id, named.models[0].control_models) == ("mine", ("edges",))


def no_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def no_weights(folder: Path) -> None:
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()


def broken_weights(folder: Path) -> None:
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x80\x04 not safetensors")


def another_architecture(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "WanPipeline"}))


def an_unknown_part(folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"transformer": ["remote_code", "Evil"]}))


def weights_of_another_shape(folder: Path) -> None:
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (folder / "transformer" / "config.json").write_text(json.dumps(config | {"joint_attention_dim": 99}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_index, "no model_index.json"),
        (no_weights, r"weights are missing: .*transformer has no \*\.safetensors"),
        (broken_weights, "cannot be loaded as a QwenImageTransformer2DModel"),
        (another_architecture, "models of the architecture WanPipeline are not known here"),
        (an_unknown_part, "is a Evil of remote_code, which is not known here"),
        (weights_of_another_shape, "cannot be loaded as a QwenImageTransformer2DModel"),
    ],
)
def test_a_spoilt_folder(folder: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "model"))
    spoil(copied)
    with pytest.raises(CannotLoad, match=message):
        load(copied)


def test_what_is_not_there() -> None:
    with pytest.raises(CannotLoad, match="there is no folder /no/such/model"):
        load("/no/such/model")
    with pytest.raises(CannotLoad, match="nobody/nothing"):
        load("nobody/nothing")


def test_devices() -> None:
    assert place("cpu", "auto").dtype is torch.float32
    assert place("cpu", "bfloat16").dtype is torch.bfloat16
    for device, message in [
        ("tpu", "'tpu' is no device"),
        ("meta", "'meta' is no device that this engine draws on"),
        ("cuda:x", "is no device"),
    ]:
        with pytest.raises(CannotLoad, match=message):
            place(device, "auto")
    with pytest.raises(CannotLoad, match="'int4' is no type of numbers"):
        place("cpu", "int4")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_no_gpu() -> None:
    with pytest.raises(CannotLoad, match=r"no GPU: .*--device cpu"):
        Diffusers("anything", device="cuda")


def test_compiling_is_for_gpus() -> None:
    with pytest.raises(CannotLoad, match="--compile is for GPUs"):
        Diffusers("anything", device="cpu", compile=True)


def test_too_little_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices.Place, "memory", lambda _: Memory(total=2**21, free=2**20))
    with pytest.raises(CannotLoad, match=r"too little memory: Tiny needs about 0\.0 GiB, and cpu has 0\.0 GiB free"):
        load(folder)
