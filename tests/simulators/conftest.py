"""One set of simulators for all tests of a worker; each test finds it without faults, calls or payments."""

from collections.abc import Iterator

import pytest

from simulators.running import Simulators


@pytest.fixture(scope="session")
def running() -> Iterator[Simulators]:
    with Simulators() as simulators:
        yield simulators


@pytest.fixture
def simulators(running: Simulators) -> Simulators:
    running.reset()
    return running
