"""What a database's errors come to: whether the same could succeed later, and a text that gives nothing away."""

import contextlib
import sqlite3
from collections.abc import Generator
from typing import cast

import asyncpg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

# By the beginnings of result codes' names (SQLite, "Result and Error Codes", read 2026-11-21).
SQLITE_SAYS = {
    "SQLITE_READONLY": "its file may not be written to",
    "SQLITE_CANTOPEN": "its file cannot be opened",
    "SQLITE_NOTADB": "its file is not a database",
    "SQLITE_CORRUPT": "its file is damaged",
    "SQLITE_FULL": "its disk is full",
    "SQLITE_BUSY": "somebody else kept it locked",
}
# Beginnings of SQLSTATEs (PostgreSQL 18 documentation, Appendix A): connection, who one is, no such database,
# resources, shut down by somebody, system, and a server that only reads for the time being.
AWAY_STATES = ("08", "28", "3D", "53", "57P", "58", "25006")


class DatabaseError(Exception):
    """The database cannot be reached, or refuses; the message holds no value and no password."""


class DatabaseAway(DatabaseError):
    """It cannot be reached, is locked for too long or full: nothing is wrong with what was asked of it.

    A transaction that was under way may have been committed, or not.
    """


@contextlib.contextmanager
def failures_told() -> Generator[None]:
    """Only the kind of an error is kept: its text may quote the values of a statement, or a URL with a password."""
    try:
        yield
    except TimeoutError:
        raise DatabaseAway("the database did not answer in time") from None
    except (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        original = drivers_error(error)
        if is_away(error, original):
            raise DatabaseAway(f"the database is away: {kind(original)}") from None
        raise DatabaseError(f"the database refuses: {kind(original)}") from None


def drivers_error(error: BaseException) -> BaseException:
    """What SQLAlchemy's error was made from; over asyncpg there is another of its own in between."""
    if isinstance(error, DBAPIError):
        original = cast("BaseException | None", error.orig) or error
        return original.__cause__ if isinstance(original.__cause__, asyncpg.PostgresError) else original
    return error


def is_away(error: BaseException, original: BaseException) -> bool:
    """Whether the same could succeed later."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(original, asyncpg.PostgresError):
        return str(getattr(original, "sqlstate", "")).startswith(AWAY_STATES)
    if isinstance(original, sqlite3.OperationalError):
        return code_of(original) != "SQLITE_ERROR"  # a statement that is wrong
    return isinstance(original, (asyncpg.InterfaceError, OSError))


def kind(original: BaseException) -> str:
    """As the driver names it."""
    if isinstance(original, sqlite3.Error):
        code = code_of(original)
        return next((text for prefix, text in SQLITE_SAYS.items() if code.startswith(prefix)), code)
    if isinstance(original, OSError) and original.strerror:
        return f"{type(original).__name__} ({original.strerror})"
    return type(original).__name__


def code_of(error: sqlite3.Error) -> str:
    """Empty for an error that Python found before SQLite did."""
    return str(getattr(error, "sqlite_errorname", ""))
