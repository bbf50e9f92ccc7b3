"""Brings a database to the tables of this version, at start: once, however many processes start together.

A new version is a file in `migrations/versions`, and its number here.
"""

from pathlib import Path

import structlog
from sqlalchemy import Connection, Text, column, func, inspect, select, table

from gateway.store.database import Database, DatabaseError

log = structlog.stdlib.get_logger()

HEAD = "0002"  # so that a database that is up to date is seen to be without loading Alembic, which takes 0.3 s
VERSION_TABLE = "easel_version"
MIGRATION_LOCK = 6_504_100_327_472  # any number that nobody else locks in this database
HOLD = select(func.pg_advisory_xact_lock(MIGRATION_LOCK))
VERSION = select(column("version_num", Text)).select_from(table(VERSION_TABLE))


async def migrate(database: Database) -> None:
    """Raises DatabaseError, also for a database that a newer version of Easel has changed."""
    await database.patiently(upgrade)


def upgrade(connection: Connection) -> None:
    """Inside a transaction: all of it, or nothing. SQLite's has the only lock that there is already."""
    if connection.dialect.name == "postgresql":
        connection.execute(HOLD)
    found = version(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise DatabaseError(
            f"the database belongs to a newer version of Easel: it is at {found}, and this one knows {HEAD}"
        )
    run_migrations(connection)
    log.info("database_migrated", before=found, now=HEAD)


def version(connection: Connection) -> str | None:
    """None for a database that is new."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(VERSION)


def run_migrations(connection: Connection, to: str = HEAD) -> None:
    from alembic import command  # noqa: PLC0415 - takes 0.3 s, and is needed once in a database's life
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
