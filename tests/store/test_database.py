"""Where the database is, how long it is waited for, and what its errors say: what is wrong, and nothing else."""

import asyncio
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from gateway.store.database import Database, Postgres, SQLite, open_database
from gateway.store.database_errors import DatabaseAway, DatabaseError
from gateway.store.tables import metadata, processes
from gateway.store.tenant_tables import teams
from tests.conftest import NewUrl

SECRET = "a secret fox"
NOBODY = 65534


def add(connection: Connection, id: str) -> None:
    connection.execute(insert(teams).values(id=id, created=0.0))


def ids(connection: Connection) -> set[str]:
    return set(connection.scalars(select(teams.c.id)))


async def test_what_is_written_can_be_read(database: Database) -> None:
    await database.write(add, "one")
    await database.patiently(lambda connection: add(connection, "two"))
    assert await database.read(ids) == {"one", "two"}


async def test_a_failure_leaves_nothing_and_comes_through(database: Database) -> None:
    def fails(connection: Connection) -> None:
        add(connection, "one")
        raise LookupError(SECRET)

    with pytest.raises(LookupError):
        await database.write(fails)
    assert await database.read(ids) == set()
    await database.write(add, "one")
    assert await database.read(ids) == {"one"}


async def test_an_error_quotes_no_value(database: Database) -> None:
    await database.write(add, SECRET)
    with pytest.raises(DatabaseError) as refused:
        await database.write(add, SECRET)
    assert not isinstance(refused.value, DatabaseAway)
    assert "refuses" in str(refused.value)
    assert SECRET not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_a_statement_that_is_wrong_is_refused(database: Database) -> None:
    def wrong(connection: Connection) -> None:
        connection.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(DatabaseError) as refused:
        await database.write(wrong)
    assert not isinstance(refused.value, DatabaseAway)


async def test_sqlite_can_be_read_while_it_is_written(new_sqlite: NewUrl) -> None:
    """What is committed."""
    database = open_database(new_sqlite(), Path())
    begun, go_on = threading.Event(), threading.Event()
    await database.write(add, "before")

    def write(connection: Connection) -> None:
        add(connection, "now")
        begun.set()
        go_on.wait(10)

    writing = asyncio.create_task(database.write(write))
    await asyncio.to_thread(begun.wait, 10)
    assert await database.read(ids) == {"before"}
    go_on.set()
    await writing
    assert await database.read(ids) == {"before", "now"}
    await database.close()


async def test_sqlite_is_not_waited_for_without_end(new_sqlite: NewUrl) -> None:
    """What was begun is finished all the same, and the next transaction comes after it."""
    database = SQLite(Path(new_sqlite().removeprefix("sqlite:///")), longest=0.1)
    go_on = threading.Event()

    def slow(connection: Connection) -> None:
        add(connection, "slow")
        go_on.wait(10)

    with pytest.raises(DatabaseAway, match="did not answer in time"):
        await database.write(slow)
    with pytest.raises(DatabaseAway, match="did not answer in time"):
        await database.write(add, "behind it")
    go_on.set()
    await database.patiently(lambda connection: add(connection, "patient"))
    assert await database.read(ids) == {"slow", "patient"}, "whose turn never came wrote nothing"
    await database.close()


async def test_postgres_is_not_waited_for_without_end(new_postgres: NewUrl) -> None:
    database = Postgres(new_postgres(), longest=0.5)

    def slow(connection: Connection) -> None:
        add(connection, "slow")
        connection.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(DatabaseAway, match="did not answer in time"):
        await database.write(slow)
    assert await database.read(ids) == set()
    await database.write(add, "next")
    assert await database.read(ids) == {"next"}
    await database.close()


async def test_a_connection_that_broke_is_replaced(new_postgres: NewUrl) -> None:
    database = Postgres(new_postgres())

    def cut(connection: Connection) -> None:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DatabaseAway):
        await database.write(cut)
    await database.write(add, "next")
    assert await database.read(ids) == {"next"}
    await database.close()


async def test_connections_that_broke_while_nobody_used_them_are_replaced(
    new_postgres: NewUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was noticed, or is found out by trying."""
    url = new_postgres()
    database, other = Postgres(url), Postgres(url)
    for trusted in (-1.0, 60.0):
        monkeypatch.setattr("gateway.store.database.TRUSTED_SECONDS", trusted)
        await asyncio.gather(*(database.read(ids) for _each in range(3)))

        def cut_others(connection: Connection) -> None:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

        await other.write(cut_others)
        await database.write(add, f"after {trusted}")
    assert await database.read(ids) == {"after -1.0", "after 60.0"}
    await database.close()
    await other.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("/easel_", "/nowhere_"), "InvalidCatalogNameError"),
        (("easel@", "stranger:a-password@"), "InvalidAuthorizationSpecificationError"),
        (("host=/tmp", "host=/tmp/nowhere"), "FileNotFoundError"),
    ],
)
async def test_a_postgres_that_cannot_be_reached(new_postgres: NewUrl, change: tuple[str, str], says: str) -> None:
    database = Postgres(new_postgres().replace(*change))
    with pytest.raises(DatabaseAway, match=says) as away:
        await database.read(ids)
    assert "a-password" not in str(away.value)
    await database.close()


async def test_a_url_that_postgres_does_not_understand() -> None:
    database = Postgres("postgresql://easel:a-password@[::1/easel")
    with pytest.raises(DatabaseError, match=r"database\.url is not one") as wrong:
        await database.read(ids)
    assert "a-password" not in str(wrong.value)
    await database.close()


@pytest.mark.parametrize("url", ["", "mysql://localhost/easel", "sqlite:", "sqlite://easel.db", "/tmp/easel.db"])
def test_other_databases_are_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"^database\.url must be sqlite, "):
        open_database(url, Path())


async def test_the_file_of_a_sqlite_is_made_and_private(tmp_path: Path) -> None:
    """Its name may hold what means something in a URL."""
    folder = tmp_path / "new" / "a folder?x=1#y%20z"
    database = open_database("sqlite", folder)
    await database.write(metadata.create_all)
    await database.write(add, "one")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {"easel.db": 0o600, "easel.db-wal": 0o600, "easel.db-shm": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await database.close()
    assert [file.name for file in folder.iterdir()] == ["easel.db"], "nothing is left open"


async def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    database = open_database("sqlite:///here.db", Path("elsewhere"))
    await database.write(metadata.create_all)
    await database.close()
    assert (tmp_path / "here.db").is_file()


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    database = SQLite(tmp_path)
    with pytest.raises(DatabaseAway, match="its file cannot be opened"):
        await database.read(ids)
    await database.close()


async def test_another_file_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "easel.db"
    file.write_bytes(b"a picture, perhaps" * 1000)
    database = SQLite(file)
    with pytest.raises(DatabaseError, match="its file is not a database"):
        await database.read(ids)
    await database.close()
    assert file.read_bytes() == b"a picture, perhaps" * 1000


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DatabaseError, match=r"FileExistsError|NotADirectoryError"):
        SQLite(tmp_path / "file" / "easel.db")


@pytest.fixture
def readable(new_sqlite: NewUrl) -> Generator[Path]:
    """A database that may only be read, also by root, who is nobody as long as the test runs."""
    folder = Path(tempfile.mkdtemp())
    file = Path(shutil.copy(new_sqlite().removeprefix("sqlite:///"), folder / "easel.db"))
    file.chmod(0o444)
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    yield file
    os.seteuid(user)
    folder.chmod(0o755)
    shutil.rmtree(folder)


async def test_a_file_that_may_only_be_read(readable: Path) -> None:
    database = SQLite(readable)
    with pytest.raises(DatabaseAway, match=r"its file (may not be written to|cannot be opened)"):
        await database.write(add, "one")
    await database.close()


async def test_foreign_keys_hold(database: Database) -> None:
    """Also in SQLite, where they have to be switched on."""

    def orphan(connection: Connection) -> None:
        connection.execute(
            text("INSERT INTO events (team, job, type, at, data) VALUES ('default', 'nobody', 'image', 1, '{}')")
        )

    with pytest.raises(DatabaseError):
        await database.write(orphan)


async def test_many_at_once(database: Database) -> None:
    """More than there are connections."""

    def beat(connection: Connection, id: int) -> None:
        connection.execute(insert(processes).values(id=str(id), started=0.0, beat=0.0))

    def seen(connection: Connection) -> int:
        return len(connection.execute(select(processes.c.id)).all())

    await asyncio.gather(*(database.write(beat, id) for id in range(60)), *(database.read(seen) for _each in range(60)))
    assert await database.read(seen) == 60
