"""Waiting for what a test cannot be told about: asked again and again, never slept for."""

import threading
import time
from collections.abc import Callable

_never = threading.Event()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Returns as soon as the condition holds; fails the test when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came to hold"
        _never.wait(0.002)
