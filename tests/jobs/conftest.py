"""A database of its own for each test, and somebody who receives webhooks and uploads."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from gateway.store.database import SQLite
from gateway.store.tables import metadata
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
