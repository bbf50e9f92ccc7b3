"""Several gateways that start at once on a new database: run as a program with its URL and their number."""

import asyncio
import os
import sys
from pathlib import Path

from alembic import command, config  # before the fork, so that all are as fast as they can be

from gateway.store.database import open_database
from gateway.store.migrate import migrate

LOADED = (command, config)


async def start(url: str) -> None:
    database = open_database(url, Path())
    await migrate(database)
    await database.close()


def main() -> None:
    ready, go = os.pipe()
    children: list[int] = []
    for _each in range(int(sys.argv[2])):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(ready, 1)  # until the parent closes its end
            asyncio.run(start(sys.argv[1]))
            os._exit(0)
        children.append(child)
    os.close(go)
    sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))


if __name__ == "__main__":
    main()
