"""What the device says when something goes wrong, in the worker's words."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Never

import torch

from workers.engine import DeviceLost, OutOfMemory


@contextmanager
def device_errors() -> Generator[None]:
    """Raises `OutOfMemory` and `DeviceLost` for torch's errors of that meaning."""
    try:
        yield
    except RuntimeError as error:
        raise_meant(error)


def raise_meant(error: RuntimeError) -> Never:
    """As `device_errors` does, where that would be entered at every step."""
    said = meant(error)
    if said is error:
        raise error
    raise said from error


def meant(error: RuntimeError) -> Exception:
    """The error itself where the device has nothing to do with it."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory(text)
    if "not enough memory" in text or "CUBLAS_STATUS_ALLOC_FAILED" in text:  # the CPU's allocator; cuBLAS's own
        return OutOfMemory(text)
    if "CUDA error" in text:
        return DeviceLost(text)
    return error
