"""These tests need the `worker` extra; without it there is nothing to test."""

from collections.abc import Generator
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("torch") and find_spec("diffusers") else ["test_*.py"]


@pytest.fixture(autouse=True)
def gradients() -> Generator[None]:
    """An engine that another test has loaded on this thread has turned them off for good."""
    import torch  # noqa: PLC0415 - it is not there where nothing is collected

    with torch.enable_grad():
        yield
