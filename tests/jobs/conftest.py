"""A database of its own for each test, what a gateway keeps, and somebody who receives webhooks and uploads."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from gateway.store.database import Database, SQLite
from gateway.store.pictures import Pictures
from gateway.store.records import Records
from gateway.store.redis import RedisConnection, connect
from gateway.store.tables import metadata
from gateway.store.teams import ensure_team
from tests.gateway.valkey import Valkey
from tests.jobs.kept import TEAM, House
from tests.receiver import Receiver


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncGenerator[SQLite]:
    database = SQLite(tmp_path / "easel.db")
    await database.write(metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Generator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture
async def redis(valkey: Valkey, tmp_path: Path) -> AsyncGenerator[RedisConnection]:
    """A connection to the shared server, emptied first."""
    connection = await connect(valkey.url, tmp_path, limit=5.0)
    await connection.command("FLUSHALL")
    yield connection
    await connection.close()


@pytest.fixture
async def gone(tmp_path: Path) -> AsyncGenerator[RedisConnection]:
    """A connection to a server that is not there."""
    connection = await connect(f"unix://{tmp_path}/nobody", tmp_path)
    yield connection
    await connection.close()


@pytest.fixture
async def house(database: Database, redis: RedisConnection, tmp_path: Path) -> House:
    await database.write(ensure_team, TEAM, 0.0)
    return House(database, Pictures.open("file", tmp_path), Records(redis))
