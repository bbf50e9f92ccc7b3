"""Migrations make exactly the tables that the code knows, once, whoever starts them and however many at a time."""

import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, inspect, text

from gateway.store import migrate as migrate_module
from gateway.store.database import Database, open_database
from gateway.store.database_errors import DatabaseError
from gateway.store.migrate import HEAD, VERSION_TABLE, migrate, run_migrations, version
from gateway.store.tables import metadata
from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
MIGRATIONS = Path(migrate_module.__file__).parent / "migrations"
SQLITE_SHAPE = text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE :ours ORDER BY type, name")
POSTGRES_SHAPE = (
    text(
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = 'public' AND table_name NOT LIKE :ours ORDER BY 1, ordinal_position"
    ),
    text(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE :ours ORDER BY 1"
    ),
    text(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE :ours ORDER BY 1"
    ),
)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'easel.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
async def empty(empty_url: str) -> AsyncGenerator[Database]:
    opened = open_database(empty_url, Path())
    yield opened
    await opened.close()


def shape(connection: Connection) -> list[tuple[object, ...]]:
    """All that the database itself says of its tables, whose SQL is the same if it was made in the same way."""
    ours = {"ours": f"%{VERSION_TABLE}%"}
    if connection.dialect.name == "sqlite":
        return [(kind, name, plain(sql)) for kind, name, sql in connection.execute(SQLITE_SHAPE, ours)]
    return [tuple(row) for query in POSTGRES_SHAPE for row in connection.execute(query, ours)]


def plain(sql: str | None) -> list[str]:
    """The parts of a definition in any order: constraints may be written before columns or after."""
    return sorted(part.strip() for part in re.split(r"[,\n]", sql or "") if part.strip())


def differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"sqlite_sequence"}


async def test_they_make_the_tables_that_the_code_knows(empty: Database) -> None:
    await migrate(empty)
    assert await empty.read(differences) == []
    assert await empty.read(tables) == {*metadata.tables, VERSION_TABLE}
    migrated = await empty.read(shape)

    def start_over(connection: Connection) -> None:
        metadata.drop_all(connection)
        metadata.create_all(connection)

    await empty.write(start_over)
    assert migrated == await empty.read(shape)


async def test_a_second_start_changes_nothing(empty: Database) -> None:
    await migrate(empty)
    before = await empty.read(shape)
    await migrate(empty)
    assert await empty.read(shape) == before
    assert await empty.read(version) == HEAD


def start_at_once(url: str, processes: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.store.migrating", url, str(processes)]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
    )


async def test_eight_that_start_at_once(empty_url: str, empty: Database) -> None:
    done = start_at_once(empty_url, 8)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("database_migrated") == 1, "the others found it done"
    assert await empty.read(differences) == []


async def test_four_that_start_at_once_on_what_an_older_version_has_written(empty_url: str, empty: Database) -> None:
    await empty.write(run_migrations, "0001")
    await empty.write(as_of_0001)
    done = start_at_once(empty_url, 4)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("database_migrated") == 1
    assert await empty.read(differences) == []

    def kept(connection: Connection) -> list[tuple[object, ...]]:
        job = "SELECT j.id, j.team, j.held_micros, j.budgets, t.name, t.disabled, t.budget_micros"
        query = text(f"{job} FROM jobs j JOIN teams t ON t.id = j.team")
        return [tuple(row) for row in connection.execute(query)]

    assert await empty.read(kept) == [("req_old", "default", 0, None, "default", False, None)]


def as_of_0001(connection: Connection) -> None:
    """A team and a job of it, with what 0001 has no default for."""
    for name in ("teams", "jobs"):
        known = Table(name, MetaData(), autoload_with=connection)
        needed = {
            column.name: 0 if column.type.python_type in {int, float, bool} else "default"
            for column in known.columns
            if not column.nullable and column.server_default is None
        }
        connection.execute(known.insert().values({**needed, "id": "default" if name == "teams" else "req_old"}))


async def test_one_that_fails_leaves_nothing(empty: Database) -> None:
    """Half of the tables are made before the one that is in the way."""

    def in_the_way(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE idempotency (key TEXT)"))

    await empty.write(in_the_way)
    with pytest.raises(DatabaseError):
        await migrate(empty)
    assert await empty.read(tables) == {"idempotency"}


async def test_a_database_of_a_newer_version_is_left_alone(empty: Database) -> None:
    await migrate(empty)

    def of_tomorrow(connection: Connection) -> None:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608 - a constant

    await empty.write(of_tomorrow)
    before = await empty.read(shape)
    with pytest.raises(DatabaseError, match=f"newer version of Easel: it is at 9999, and this one knows {HEAD}"):
        await migrate(empty)
    assert await empty.read(shape) == before


def test_they_are_one_chain_that_ends_in_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    chain = [script.revision for script in scripts.walk_revisions()]
    assert chain[0] == HEAD
    assert chain == sorted(chain, reverse=True), "a version is newer than another by its number"
    assert len(chain) == len(list((MIGRATIONS / "versions").glob("*.py")))
