"""What a part's weights are going to need, told by the headers of their files."""

import math
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

WEIGHTS = "*.safetensors"
_FLOATS = ("F8", "F16", "BF16", "F32", "F64")  # how the names of the types begin that are loaded as one type


def bytes_in_use(folder: Path, dtype: torch.dtype) -> int:
    """Once they are numbers of that type, whatever they are in the files: on a CPU half-precision weights take twice
    their files' bytes. A file that cannot be read counts as it lies there; loading it says what is wrong with it."""
    return sum(_of_file(file, dtype) for file in folder.glob(WEIGHTS))


def _of_file(file: Path, dtype: torch.dtype) -> int:
    try:
        with safe_open(file, framework="pt") as tensors:
            told = [tensors.get_slice(name) for name in tensors.keys()]  # noqa: SIM118 - it is no mapping
            floats = sum(math.prod(each.get_shape()) for each in told if each.get_dtype().startswith(_FLOATS))
            return floats * dtype.itemsize if floats else file.stat().st_size
    except SafetensorError:
        return file.stat().st_size
