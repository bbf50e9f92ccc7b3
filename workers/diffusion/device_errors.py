"""What the device says when something goes wrong, in the worker's words."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from workers.engine import DeviceLost, OutOfMemory


@contextmanager
def device_errors() -> Generator[None]:
    """Turns torch's errors into `OutOfMemory` and `DeviceLost`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(str(error)) from error
    except RuntimeError as error:
        text = str(error)
        if "not enough memory" in text or "CUBLAS_STATUS_ALLOC_FAILED" in text:  # the CPU's allocator; cuBLAS's own
            raise OutOfMemory(text) from error
        if "CUDA error" in text:
            raise DeviceLost(text) from error
        raise
