"""A model's parts from its folder onto the device, with a clear word where that cannot be."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from logging import CRITICAL
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from torch import nn

from workers.diffusion.devices import Place
from workers.diffusion.families import Family, family_of, with_own_facts
from workers.diffusion.fetching import fetch
from workers.diffusion.processor import Processor
from workers.diffusion.weights import WEIGHTS, bytes_in_use
from workers.engine import CannotLoad, Told

_LIBRARIES: Mapping[str, Any] = {"diffusers": diffusers, "transformers": transformers, "qwenimage": diffusers}
ENCODER = "text_encoder"
_ROOM = 1.1  # what pictures under way need beside the weights


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model's parts by the names that its pipelines know them by, and its control nets."""

    family: Family
    folder: Path
    parts: Mapping[str, Any]
    controls: Mapping[str, nn.Module]
    encoders_outside: bool = False  # on the CPU, until they are needed: there is no room for them beside the rest

    @property
    def denoiser(self) -> nn.Module:
        return self.parts[self.family.denoiser]

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {name: part for name, part in self.parts.items() if isinstance(part, nn.Module)}


def load(model: str, place: Place, told: Told) -> Loaded:
    """Raises `CannotLoad`. `model` is a folder, or an id of the hub."""
    _quiet()
    folder = _folder(model, told)
    index = _index(folder)
    family = with_own_facts(family_of(str(index.get("_class_name"))), folder)
    wanted = {name: tuple(entry) for name, entry in index.items() if isinstance(entry, list) and len(entry) == 2}
    wanted = {name: (library, kind) for name, (library, kind) in wanted.items() if library is not None}
    sizes = {name: bytes_in_use(folder / name, place.dtype) for name in wanted}
    outside = _no_room_for_encoders(family, sizes, place)
    parts: dict[str, Any] = {}
    done, whole = 0, max(1, sum(sizes.values()))
    for name in sorted(wanted, key=lambda name: name == "processor"):  # it is made from the tokenizer
        told(f"loading the {name.replace('_', ' ')}", done / whole)
        waits = outside and name.startswith(ENCODER)
        parts[name] = _part(folder / name, wanted[name], parts, family, place.on_cpu() if waits else place)
        done += sizes[name]
    parts |= {
        name: index[name]
        for name in index
        if name not in parts and not name.startswith("_") and index[name] != [None, None]
    }
    controls = {name: _control(source, family, place, told) for name, source in family.controls.items()}
    return Loaded(family, folder, parts, controls, outside)


def _quiet() -> None:
    """What they would print is told by us, or concerns nobody who draws."""
    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity(CRITICAL)
        library.utils.logging.disable_progress_bar()


def _folder(model: str, told: Told) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith(".") or model.count("/") != 1:
        raise CannotLoad(f"there is no folder {model}, and it is no id of the hub such as Qwen/Qwen-Image")
    told(f"fetching {model}", None)
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError  # noqa: PLC0415 - who has a folder needs no network

    try:
        return fetch(model, told)
    except LocalEntryNotFoundError as error:
        raise CannotLoad(f"{model} is not on this machine, and the hub cannot be reached") from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise CannotLoad(f"{model} cannot be fetched: {_first_line(error)}") from error


def _index(folder: Path) -> dict[str, Any]:
    file = folder / "model_index.json"
    try:
        index = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise CannotLoad(f"{folder} is no model for diffusers: it has no model_index.json") from error
    except (OSError, ValueError) as error:
        raise CannotLoad(f"{file} cannot be read: {_first_line(error)}") from error
    if not isinstance(index, dict):
        raise CannotLoad(f"{file} is no JSON object")
    return index


def _part(folder: Path, wanted: tuple[str, str], parts: Mapping[str, Any], family: Family, place: Place) -> Any:
    library, kind_name = wanted
    if folder.name == "processor":
        return _processor(folder, kind_name, parts)
    kind = getattr(_LIBRARIES.get(library), kind_name, None)
    if kind is None:
        raise CannotLoad(f"{folder} is a {kind_name} of {library}, which is not known here")
    if not issubclass(kind, nn.Module):
        return _read(kind, folder)
    if not any(folder.glob(WEIGHTS)):
        raise CannotLoad(f"weights are missing: {folder} has no {WEIGHTS}")
    own = getattr(torch, family.vae_dtype) if folder.name == "vae" and family.vae_dtype else place.dtype
    return _on_device(_read(kind, folder, dtype=own, use_safetensors=True), place)


def _processor(folder: Path, kind_name: str, parts: Mapping[str, Any]) -> Any:
    if find_spec("torchvision") is not None:
        return _read(getattr(transformers, kind_name), folder)
    tokenizer = parts.get("tokenizer") or _read(transformers.AutoTokenizer, folder)
    try:
        return Processor(tokenizer, folder)
    except (OSError, ValueError) as error:
        raise CannotLoad(f"{folder} cannot be loaded as an image processor: {_first_line(error)}") from error


def _control(source: str, family: Family, place: Place, told: Told) -> nn.Module:
    told(f"loading the control net {source}", None)
    kind = getattr(diffusers, str(family.pipelines.control_net))
    return _on_device(_read(kind, _folder(source, told), dtype=place.dtype, use_safetensors=True), place)


def _read(kind: Any, folder: Path, **how: Any) -> Any:
    try:
        return kind.from_pretrained(str(folder), **how)
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise CannotLoad(f"{folder} cannot be loaded as a {kind.__name__}: {_first_line(error)}") from error


def _on_device(module: nn.Module, place: Place) -> nn.Module:
    try:
        return module.eval().requires_grad_(False).to(place.device)
    except torch.OutOfMemoryError as error:
        raise CannotLoad(f"{place.device} has too little memory: {_first_line(error)}") from error


def _no_room_for_encoders(family: Family, sizes: Mapping[str, int], place: Place) -> bool:
    """Whether there is room for all but them; raises `CannotLoad`, before minutes are spent on loading, if there is not
    even that."""
    memory = place.memory()
    free, needed = memory.free, int(sum(sizes.values()) * _ROOM)
    if not memory.total or needed <= free:
        return False
    if place.cuda:
        needed = int(sum(size for name, size in sizes.items() if not name.startswith(ENCODER)) * _ROOM)
    if needed > free:
        hint = "" if place.cuda else "; there is no GPU that this machine's torch can use"
        if place.dtype is torch.float32:
            hint += "; --dtype bfloat16 takes half as much"
        raise CannotLoad(
            f"too little memory: {family.title} needs about {needed / 2**30:.1f} GiB, "
            f"and {place.device} has {free / 2**30:.1f} GiB free{hint}"
        )
    return True


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
