"""LoRAs on the device: beside the model, switched on for the pictures that want them; the least used go first."""

import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError, safe_open
from torch import nn

from workers.diffusion.device_errors import device_errors
from workers.engine import Lora, WrongAdapter

LoraSet = tuple[tuple[str, float], ...]
"""Digests with their weights, in a fixed order: what tells one mixture of adapters from another."""

_DOWN = (".lora_A.", ".lora_down.", ".lora.down.", ".lokr_w1", "_lora.down.")


@dataclass(frozen=True, slots=True)
class _Resident:
    name: str  # as it was called when it was loaded
    bytes: int


def lora_set(loras: Sequence[Lora]) -> LoraSet:
    """The same one twice is one of both weights."""
    weights: defaultdict[str, float] = defaultdict(float)
    for lora in loras:
        weights[lora.digest] += lora.weight
    return tuple(sorted(weights.items()))


class Adapters:
    """For the device thread, but for `resident`. `pipeline` is a plain one, which knows where LoRAs go.

    The base model is left as it is: with none switched on it draws exactly what it drew before the first one."""

    def __init__(self, pipeline: Any, dtype: torch.dtype, title: str, most_bytes: int) -> None:
        self._pipeline = pipeline
        self._dtype = dtype
        self._title = title
        self._most_bytes = most_bytes
        self._known: OrderedDict[str, _Resident] = OrderedDict()
        self._held: Counter[str] = Counter()
        self._on: LoraSet | None = ()

    @property
    def resident(self) -> Mapping[str, str]:
        """Names by digest."""
        return {digest: known.name for digest, known in self._known.copy().items()}

    def hold(self, loras: Sequence[Lora]) -> None:
        """They are on the device, and stay until they are let go. Raises `WrongAdapter`, and then holds none."""
        for lora in loras:
            self._held[lora.digest] += 1
        try:
            for lora in loras:
                self._load(lora)
        except BaseException:
            self.let_go(loras)
            raise
        self._make_room()

    def let_go(self, loras: Sequence[Lora]) -> None:
        for lora in loras:
            self._held[lora.digest] -= 1
        self._make_room()

    def switch_to(self, wanted: LoraSet) -> None:
        """These are on, and no others. Cheap if nothing changes."""
        if wanted == self._on:
            return
        self._on = None
        if not wanted:
            self._pipeline.disable_lora()
        else:
            self._pipeline.enable_lora()
            self._pipeline.set_adapters([_id(digest) for digest, _ in wanted], [weight for _, weight in wanted])
        for digest, _ in wanted:
            self._known.move_to_end(digest)
        self._on = wanted

    def forget(self) -> int:
        """Drops those that no picture holds; how many bytes that gave back."""
        return self._make_room(most_bytes=0)

    def _load(self, lora: Lora) -> None:
        if lora.digest in self._known:
            return
        wanted = _count(lora)
        self._on = None  # a new adapter is on as soon as it is loaded
        try:
            with device_errors(), _quietly():
                self._pipeline.load_lora_weights(
                    str(lora.file.parent),
                    weight_name=lora.file.name,
                    adapter_name=_id(lora.digest),
                    local_files_only=True,
                    use_safetensors=True,
                )
        except (ValueError, RuntimeError, KeyError, TypeError, IndexError, AttributeError, OSError) as error:
            self._remove(lora.digest)
            raise WrongAdapter(f"the LoRA {lora.name} is not for {self._title}") from error
        except BaseException:
            self._remove(lora.digest)
            raise
        found, size = self._settle(lora.digest)
        if found < wanted:
            self._remove(lora.digest)
            raise WrongAdapter(f"the LoRA {lora.name} is not for {self._title}: of its {wanted} layers {found} fit")
        self._known[lora.digest] = _Resident(lora.name, size)

    def _settle(self, digest: str) -> tuple[int, int]:
        """Brings its numbers to the model's type; how many layers it has, and how many bytes."""
        mark = f".{_id(digest)}."
        layers = size = 0
        for module in self._modules():
            layers += sum(_id(digest) in scaling for each in module.modules() if (scaling := _scaling(each)))
            for name, parameter in module.named_parameters():
                if mark in name:
                    parameter.data = parameter.data.to(self._dtype)
                    parameter.requires_grad_(False)
                    size += parameter.numel() * parameter.element_size()
        return layers, size

    def _make_room(self, most_bytes: int | None = None) -> int:
        bound = self._most_bytes if most_bytes is None else most_bytes
        before = held = sum(known.bytes for known in self._known.values())
        for digest in [digest for digest in self._known if self._held[digest] <= 0]:
            if held <= bound:
                break
            held -= self._known.pop(digest).bytes
            self._remove(digest)
        return before - held

    def _remove(self, digest: str) -> None:
        self._on = None
        adapters: dict[str, list[str]] = self._pipeline.get_list_adapters()
        if any(_id(digest) in names for names in adapters.values()):
            with _quietly():
                self._pipeline.delete_adapters(_id(digest))

    def _modules(self) -> list[nn.Module]:
        return [part for part in self._pipeline.components.values() if isinstance(part, nn.Module)]


@contextmanager
def _quietly() -> Generator[None]:
    """peft warns that there are several, or that another is on where one goes; `switch_to` sees to that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _scaling(module: nn.Module) -> Mapping[str, float]:
    """By the names of a layer's adapters."""
    return getattr(module, "scaling", {}) if isinstance(module, BaseTunerLayer) else {}


def _count(lora: Lora) -> int:
    """How many layers the file is for."""
    try:
        with safe_open(str(lora.file), framework="pt") as file:
            return sum(any(mark in name for mark in _DOWN) and name.endswith(("weight", "w1")) for name in file.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WrongAdapter(f"the LoRA {lora.name} cannot be read") from error


def _id(digest: str) -> str:
    return f"lora_{digest}"
