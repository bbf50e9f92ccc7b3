"""One set of simulators for all tests of a worker; each test finds it without faults, calls or payments."""

from collections.abc import Iterator

import pytest

from simulators.running import Simulators
from tests.simulators.fal_wire import Fal
from tests.simulators.oxen_wire import Oxen
from tests.simulators.receiver import Receiver
from tests.simulators.replicate_wire import Replicate
from tests.simulators.wire import WIRE


@pytest.fixture(scope="session")
def running() -> Iterator[Simulators]:
    with Simulators() as simulators:
        yield simulators


@pytest.fixture
def simulators(running: Simulators) -> Simulators:
    running.reset()
    return running


@pytest.fixture(scope="session", autouse=True)
def hang_up() -> Iterator[None]:
    yield
    WIRE.close()


@pytest.fixture(scope="session")
def listening() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    listening.renew()
    return listening


@pytest.fixture
def fal(simulators: Simulators) -> Fal:
    return Fal(simulators)


@pytest.fixture
def oxen(simulators: Simulators) -> Oxen:
    return Oxen(simulators)


@pytest.fixture
def replicate(simulators: Simulators) -> Replicate:
    return Replicate(simulators)
