"""Where the model lives: a CPU or one CUDA device, and the type of its numbers."""

from dataclasses import dataclass, replace

import torch

from workers.diffusion.host_memory import host_memory
from workers.engine import CannotLoad, Memory

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Place:
    device: torch.device
    dtype: torch.dtype

    @property
    def cuda(self) -> bool:
        return self.device.type == "cuda"

    def on_cpu(self) -> "Place":
        """The same numbers, on the CPU."""
        return replace(self, device=torch.device("cpu"))

    def memory(self) -> Memory:
        if not self.cuda:
            return host_memory()
        free, total = torch.cuda.mem_get_info(self.device)
        ours = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return Memory(total=total, free=free + ours, peak=torch.cuda.max_memory_allocated(self.device))


def place(device: str, dtype: str) -> Place:
    """`auto` is a GPU where there is one, and numbers as it likes them. Raises `CannotLoad`."""
    wanted = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        found = torch.device(wanted)
    except RuntimeError as error:
        raise CannotLoad(f"'{device}' is no device; there are: auto, cpu, cuda, cuda:1") from error
    if found.type not in ("cpu", "cuda"):
        raise CannotLoad(f"'{device}' is no device that this engine draws on; there are: auto, cpu, cuda, cuda:1")
    if found.type == "cuda":
        found = _gpu(found)
    if dtype == "auto":
        return Place(found, torch.bfloat16 if found.type == "cuda" else torch.float32)
    if dtype not in _DTYPES:
        raise CannotLoad(f"'{dtype}' is no type of numbers; there are: auto, {', '.join(_DTYPES)}")
    return Place(found, _DTYPES[dtype])


def _gpu(wanted: torch.device) -> torch.device:
    if not torch.cuda.is_available():
        why = "is built without CUDA" if torch.version.cuda is None else "finds no GPU"
        raise CannotLoad(f"no GPU: the torch that is installed here {why}; --device cpu draws without one, slowly")
    index = wanted.index or 0
    if index >= torch.cuda.device_count():
        raise CannotLoad(f"there is no cuda:{index}: this machine has {torch.cuda.device_count()} GPUs")
    return torch.device("cuda", index)
