"""`easel migrate`: the tables of this version, made before any gateway of it starts, by a deployment's own job, say."""

import asyncio

from gateway import logs
from gateway.cli import options
from gateway.cli.terminal import fail, say
from gateway.settings import ConfigurationError, Settings, read_settings
from gateway.store.database import DatabaseError, open_database
from gateway.store.migrate import HEAD, migrate


def command(*, config: options.Config = None) -> None:
    """Bring the database up to date, and end; a gateway does the same when it starts."""
    logs.silence()
    try:
        asyncio.run(bring_up(read_settings(config)))
    except ConfigurationError as wrong:
        fail(wrong.problems, 2)
    except ValueError as wrong:
        fail([str(wrong)], 2)
    except DatabaseError as wrong:
        fail([str(wrong)])
    say(f"the database is up to date: {HEAD}")


async def bring_up(settings: Settings) -> None:
    database = open_database(settings.database.url, settings.server.data_dir)
    try:
        await migrate(database)
    finally:
        await database.close()
