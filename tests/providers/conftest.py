"""A scripted provider on a real socket for each test that asks for one."""

from collections.abc import AsyncGenerator, Generator

import pytest
import pytest_asyncio

from simulators.running import Simulators
from tests.providers.upstream import Upstream


@pytest_asyncio.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def second() -> AsyncGenerator[Upstream]:
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def running() -> Generator[Simulators]:
    with Simulators() as simulators:
        yield simulators


@pytest.fixture
def simulators(running: Simulators) -> Simulators:
    running.reset()
    return running
