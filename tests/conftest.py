"""What all tests may use: databases of both kinds. And property tests try the same examples in every run, so that a
change and not the day decides whether they pass; `EASEL_EXPLORE=1 make test` tries new ones.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.cli.server import spare_the_collector
from gateway.store.database import Database, open_database
from gateway.store.migrate import migrate
from gateway.store.tables import metadata
from tests.postgres import PostgresServer

NewUrl = Callable[[], str]

settings.register_profile(
    "easel",
    deadline=None,  # bounded by the number of examples, not by the clock of a busy machine
    database=None,
    derandomize="EASEL_EXPLORE" not in os.environ,  # noqa: TID251 - a switch of the tests, not a setting
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("easel")


@pytest.fixture(scope="session", autouse=True)
def spared_collector() -> None:
    """As in a gateway that serves: thousands of tests need not be looked at again and again."""
    spare_the_collector()


@pytest.fixture(scope="session")
def postgres_server() -> Generator[PostgresServer]:
    """One for each test process that needs it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def spare_postgres(postgres_server: PostgresServer) -> list[str]:
    """Databases that have their tables already, and nothing in them."""
    template = postgres_server.new_database()
    make_tables(template)
    return [template]


@pytest.fixture
def new_postgres(postgres_server: PostgresServer, spare_postgres: list[str]) -> Generator[NewUrl]:
    """Gives databases that have their tables already, and takes them back: to make one takes longer than most tests."""
    lent: list[str] = []

    def lend() -> str:
        if len(spare_postgres) == 1:
            spare_postgres.append(postgres_server.new_database(spare_postgres[0]))
        lent.append(spare_postgres.pop())
        return lent[-1]

    yield lend
    for url in lent:
        postgres_server.empty(url, metadata.tables)
        spare_postgres.append(url)


@pytest.fixture(scope="session")
def new_sqlite(tmp_path_factory: pytest.TempPathFactory) -> NewUrl:
    """Makes databases that have their tables already."""
    template = tmp_path_factory.mktemp("sqlite") / "template.db"
    make_tables(f"sqlite:///{template}")
    return lambda: f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('sqlite') / 'easel.db')}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A test that asks for it, or for `database`, runs twice: on a SQLite of its own, and on a Postgres."""
    new_url: NewUrl = request.getfixturevalue(f"new_{request.param}")
    return new_url()


@pytest.fixture
async def database(database_url: str) -> AsyncGenerator[Database]:
    opened = open_database(database_url, Path())
    yield opened
    await opened.close()


def make_tables(url: str) -> None:
    async def make() -> None:
        database = open_database(url, Path())
        await migrate(database)
        await database.close()

    with ThreadPoolExecutor(1) as thread:  # there may be a loop in this one
        thread.submit(asyncio.run, make()).result()
