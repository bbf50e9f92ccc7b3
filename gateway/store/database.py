"""The SQL database: SQLite in a file, or Postgres. What is written is a plain function of a SQLAlchemy connection.

SQLite runs in threads of its own instead of through aiosqlite: a request's two transactions take 1.1 ms so, and 4.2 ms
with a change of thread for every statement (docs/decisions/0008). SQLite has one writer at a time, so one thread
writes; others read, which its write-ahead log allows meanwhile.
"""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import asyncpg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from gateway.store.prepared import sqlite_connection

READERS = 2
LONGEST_SECONDS = 15.0  # of one transaction; who waits longer is told that the database is away
# By the beginnings of result codes' names (SQLite, "Result and Error Codes", read 2026-11-21).
SQLITE_SAYS = {
    "SQLITE_READONLY": "its file may not be written to",
    "SQLITE_CANTOPEN": "its file cannot be opened",
    "SQLITE_NOTADB": "its file is not a database",
    "SQLITE_CORRUPT": "its file is damaged",
    "SQLITE_FULL": "its disk is full",
    "SQLITE_BUSY": "somebody else kept it locked",
}
POSTGRES = ("postgresql://", "postgres://")

P = ParamSpec("P")
Result = TypeVar("Result")


class DatabaseError(Exception):
    """The database cannot be reached, or refuses; the message holds no value and no password."""


class DatabaseAway(DatabaseError):
    """It cannot be reached, is locked for too long or full: nothing is wrong with what was asked of it.

    A transaction that was under way may have been committed, or not.
    """


class Database(Protocol):
    """`work` is called with a connection inside a transaction, which is committed when it returns.

    Both methods raise DatabaseError. What `work` raises besides rolls the transaction back and comes through.
    """

    dialect: str

    async def write(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result: ...

    async def read(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result: ...

    async def patiently(self, work: Callable[[Connection], Result]) -> Result:
        """As `write`, however long it takes."""
        ...

    async def close(self) -> None: ...


class SQLite:
    """A file; several processes of one machine may share it."""

    dialect = "sqlite"

    def __init__(self, file: Path) -> None:
        """Raises DatabaseError where there can be no such file."""
        with failures_told():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not file.exists():
                file.touch(mode=0o600)  # it holds prompts; SQLite gives its other files the same mode
        self._writer = Connections(file, 1, begin="BEGIN IMMEDIATE")
        self._readers = Connections(file, READERS, begin="BEGIN")

    async def write(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self._run(self._writer, lambda connection: work(connection, *args, **named))

    async def patiently(self, work: Callable[[Connection], Result]) -> Result:
        return await self._run(self._writer, work, longest=None)

    async def read(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self._run(self._readers, lambda connection: work(connection, *args, **named))

    async def close(self) -> None:
        for connections in (self._writer, self._readers):
            await asyncio.to_thread(connections.close)

    async def _run(
        self, connections: "Connections", work: Callable[[Connection], Result], longest: float | None = LONGEST_SECONDS
    ) -> Result:
        """A transaction that has begun is finished, whoever still waits for it."""
        with failures_told():
            async with asyncio.timeout(longest):
                running = asyncio.get_running_loop().run_in_executor(connections.threads, connections.transaction, work)
                return await running


class Connections:
    """Threads that keep a connection to a SQLite file each."""

    def __init__(self, file: Path, threads: int, *, begin: str) -> None:
        self.threads = ThreadPoolExecutor(threads, "sql")
        self._engine = create_engine(f"sqlite:///{file}", hide_parameters=True, poolclass=NullPool)
        prepare_sqlite(self._engine, begin=begin)
        self._local = threading.local()
        self._open: set[Connection] = set()

    def transaction(self, work: Callable[[Connection], Result]) -> Result:
        """In one of the threads. A connection on which anything failed is not used again."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            self._open.add(connection)
        try:
            with connection.begin():
                return work(connection)
        except BaseException:
            self._local.connection = None
            self._open.discard(connection)
            connection.close()
            raise

    def close(self) -> None:
        """When the transaction that runs has ended."""
        self.threads.shutdown()
        for connection in self._open:
            connection.close()
        self._engine.dispose()


class Postgres:
    """`postgresql://user:password@host/name`, over asyncpg; for gateways on one machine or on several."""

    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://" + url.partition("://")[2], pool_size=20, pool_pre_ping=True, hide_parameters=True
        )

    async def write(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self._run(lambda connection: work(connection, *args, **named))

    async def patiently(self, work: Callable[[Connection], Result]) -> Result:
        return await self._run(work, longest=None)

    async def read(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self.write(work, *args, **named)

    async def close(self) -> None:
        await self._engine.dispose()

    async def _run(self, work: Callable[[Connection], Result], longest: float | None = LONGEST_SECONDS) -> Result:
        with failures_told():
            async with asyncio.timeout(longest), self._engine.begin() as connection:
                return await connection.run_sync(work)


def open_database(url: str, data_dir: Path) -> Database:
    """For `[database] url`: `sqlite` (data_dir/easel.db), `sqlite:///path`, or `postgresql://…`. Raises ValueError."""
    if url == "sqlite":
        return SQLite(data_dir / "easel.db")
    if url.startswith("sqlite:///"):
        return SQLite(Path(url.removeprefix("sqlite:///")))
    if url.startswith(POSTGRES):
        return Postgres(url)
    raise ValueError("database.url must be sqlite, sqlite:///path/to/file or postgresql://user:password@host/name")


def prepare_sqlite(engine: Engine, *, begin: str) -> None:
    """Waits for locks instead of failing, keeps readers and the writer apart, and takes the write lock at once: a
    transaction that first read could find the database changed under it.
    """

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own way of beginning transactions is not ours
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=10000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begins(connection: Connection) -> None:
        sqlite_connection(connection).execute(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)


@contextlib.contextmanager
def failures_told() -> Generator[None]:
    """Only the kind of an error is kept: its text may quote the values of a statement, or a URL with a password."""
    try:
        yield
    except TimeoutError:
        raise DatabaseAway("the database did not answer in time") from None
    except (
        OperationalError,
        InterfaceError,
        sqlite3.OperationalError,
        OSError,
        asyncpg.PostgresConnectionError,
    ) as error:
        raise DatabaseAway(f"the database is away: {kind(error)}") from None
    except (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        away = isinstance(error, DBAPIError) and error.connection_invalidated
        raise (DatabaseAway if away else DatabaseError)(f"the database failed: {kind(error)}") from None


def kind(error: Exception) -> str:
    """As the driver names it."""
    original = cast("object", error.orig) if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        name: str = getattr(original, "sqlite_errorname", "")  # the errors of Python's own module have none
        return next((text for prefix, text in SQLITE_SAYS.items() if name.startswith(prefix)), name)
    if isinstance(original, OSError):
        return f"{type(original).__name__} ({original.strerror})" if original.strerror else type(original).__name__
    return type(original or error).__name__
