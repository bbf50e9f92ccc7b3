"""Workers of the tests: in this process over a real socket, or as a process of their own."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from tests.workers.serving import Served, serve
from tests.workers.stepwise import Stepwise
from workers.sketch.painter import Sketch


@pytest_asyncio.fixture
async def sketch() -> AsyncGenerator[Served]:
    """A worker with the engine `sketch`."""
    async with serve(Sketch()) as served:
        yield served


@pytest.fixture
def stepwise() -> Stepwise:
    return Stepwise()


@pytest_asyncio.fixture
async def slow(stepwise: Stepwise) -> AsyncGenerator[Served]:
    """A worker whose engine stands still until `stepwise.allowed` is set; two jobs may wait."""
    async with serve(stepwise, waiting=2) as served:
        yield served
