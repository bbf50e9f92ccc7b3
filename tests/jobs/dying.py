"""A gateway's loop that claims a delivery and is killed before it sends: run as a program, with the database's file.

It says `claimed` on standard output when it is between the two, and stays there.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

from gateway.store.database import SQLite
from providers.guard import Guard
from tests.jobs.sending import delivering, webhooks


async def hang(_team: str, _job: str) -> dict[str, Any]:
    sys.stdout.write("claimed\n")
    sys.stdout.flush()
    await asyncio.Event().wait()
    return {}


async def main() -> None:
    database = SQLite(Path(sys.argv[1]))
    async with delivering(database, {"webhook": webhooks(database, Guard(), hang)}):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
