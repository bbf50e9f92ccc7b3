"""A real Valkey for all tests of a test process, and one of its own for those that kill it."""

import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest

from gateway.store.redis import RedisConnection, connect
from gateway.store.valkey_server import server_binary

GENEROUS = 5.0  # seconds for an exchange; the tests of the time limit set their own


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A bare Valkey on a unix socket, as a user's own server would be."""
    binary = server_binary()
    assert binary is not None
    directory = tmp_path_factory.mktemp("valkey")
    # Relative, so that a deep temporary folder cannot make the path too long for the server.
    with subprocess.Popen(
        [str(binary), "--port", "0", "--unixsocket", "s", "--save", "", "--dir", str(directory)],
        cwd=directory,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if "ready to accept connections unix" in line.lower():
                break
        yield f"unix://{directory}/s"
        server.terminate()
        server.stdout.close()


@pytest.fixture
async def redis(valkey_url: str, tmp_path: Path) -> AsyncGenerator[RedisConnection]:
    """A connection to the shared server, emptied first."""
    connection = await connect(valkey_url, tmp_path, limit=GENEROUS)
    await connection.command("FLUSHALL")
    yield connection
    await connection.close()


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncGenerator[RedisConnection]:
    """A gateway's own connection to a bundled Valkey of its own."""
    connection = await connect("embedded:", tmp_path, limit=GENEROUS)
    yield connection
    await connection.close()


@pytest.fixture
async def gone(tmp_path: Path) -> AsyncGenerator[RedisConnection]:
    """A connection to a server that is not there."""
    connection = await connect(f"unix://{tmp_path}/nobody", tmp_path)
    yield connection
    await connection.close()


@pytest.fixture
def frozen() -> Generator[Callable[[int], None]]:
    """Stops a process in its tracks (SIGSTOP) until the end of the test: it is there, and never answers."""
    stopped: list[int] = []

    def freeze(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    yield freeze
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
