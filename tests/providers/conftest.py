"""A scripted provider on a real socket for each test that asks for one."""

import ssl
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import pytest_asyncio
import trustme

from simulators.running import Simulators
from tests.providers.cdn import Cdn
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


@pytest.fixture
def call_id(request: pytest.FixtureRequest) -> str:
    """One for each test: simulators keep ids over its end, as the providers do that take ours."""
    return f"req_{request.node.name}.0"


@pytest_asyncio.fixture
async def cdn() -> AsyncGenerator[Cdn]:
    authority: Any = trustme.CA()  # its own types are incomplete
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("cdn.example", "other.example").configure_cert(server_side)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    upstream = Upstream(tls=server_side)
    await upstream.start()
    yield Cdn(upstream, trust)
    await upstream.stop()
