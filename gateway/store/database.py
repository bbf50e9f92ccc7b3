"""The SQL database: SQLite in a file, or Postgres. What is written is a plain function of a SQLAlchemy connection.

SQLite runs in threads of its own instead of through aiosqlite: a request's two transactions take 1.1 ms so, and 4.2 ms
with a change of thread for every statement (docs/decisions/0008). SQLite has one writer at a time, so one thread
writes; others read, which its write-ahead log allows meanwhile.
"""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import asyncpg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from gateway.store.database_errors import DatabaseError, failures_told
from gateway.store.prepared import sqlite_connection

READERS = 2
LONGEST_SECONDS = 15.0  # of one transaction; who waits longer is told that the database is away
TRUSTED_SECONDS = 1.0  # that a connection lies unused: one that its server closed is noticed at once all the same
POSTGRES = ("postgresql://", "postgres://")

driver = cast("Any", asyncpg)  # has no types
P = ParamSpec("P")
Result = TypeVar("Result")


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

    def __init__(self, file: Path, *, longest: float = LONGEST_SECONDS) -> None:
        """Raises DatabaseError where there can be no such file."""
        self._longest = longest
        with failures_told():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not file.exists():
                file.touch(mode=0o600)  # it holds prompts; SQLite gives its other files the same mode
        self._writer = Connections(file, 1, begin="BEGIN IMMEDIATE")
        self._readers = Connections(file, READERS, begin="BEGIN")

    async def write(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self._run(self._writer, self._longest, lambda connection: work(connection, *args, **named))

    async def patiently(self, work: Callable[[Connection], Result]) -> Result:
        return await self._run(self._writer, None, work)

    async def read(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self._run(self._readers, self._longest, lambda connection: work(connection, *args, **named))

    async def close(self) -> None:
        for connections in (self._writer, self._readers):
            await asyncio.to_thread(connections.close)

    async def _run(
        self, connections: "Connections", longest: float | None, work: Callable[[Connection], Result]
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
        address = URL.create("sqlite", database=str(file))
        self._engine = create_engine(address, hide_parameters=True, poolclass=NullPool)
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

    def __init__(self, url: str, *, longest: float = LONGEST_SECONDS) -> None:
        self._longest = longest

        async def connect() -> Any:
            """The driver reads the URL itself, so that it means what it means everywhere, `sslmode` and all."""
            try:
                return await driver.connect(url, server_settings={"application_name": "easel"})
            except ValueError:  # which may quote it
                raise DatabaseError("database.url is not one that Postgres understands") from None

        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://", async_creator=connect, pool_size=20, hide_parameters=True
        )
        try_after_a_pause(self._engine.sync_engine)

    async def write(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self._run(self._longest, lambda connection: work(connection, *args, **named))

    async def patiently(self, work: Callable[[Connection], Result]) -> Result:
        return await self._run(None, work)

    async def read(
        self, work: Callable[Concatenate[Connection, P], Result], *args: P.args, **named: P.kwargs
    ) -> Result:
        return await self.write(work, *args, **named)

    async def close(self) -> None:
        await self._engine.dispose()

    async def _run(self, longest: float | None, work: Callable[[Connection], Result]) -> Result:
        with failures_told():
            async with asyncio.timeout(longest), self._engine.begin() as connection:
                return await connection.run_sync(work)


def try_after_a_pause(engine: Engine) -> None:
    """A connection that nobody used for a while is tried before it is used, and replaced where it broke meanwhile.

    SQLAlchemy's own `pool_pre_ping` tries each one before each transaction: three more round trips.
    """

    def back(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    def out(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        pause = time.monotonic() - record.info.get("used", math.inf)
        try:
            if cast("Any", record.driver_connection).is_closed():
                raise InvalidatePoolError
            if pause > TRUSTED_SECONDS:
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise InvalidatePoolError from None

    event.listen(engine, "checkin", back)
    event.listen(engine, "checkout", out)


def answers(connection: Connection) -> None:
    """Asks for nothing, to see whether it is there."""
    connection.exec_driver_sql("SELECT 1")


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
        for pragma in (
            "busy_timeout=10000",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begins(connection: Connection) -> None:
        sqlite_connection(connection).execute(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begins)
