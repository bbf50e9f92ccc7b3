"""A program: a process for each step sweeps once, and stands still after that step, until somebody kills it.

Usage: sweep_until.py FOLDER REDIS_URL. In FOLDER there is one for each step, with its database and pictures; a line
says of each which process stands still.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.jobs.retention import Retention
from gateway.store.database import SQLite
from gateway.store.pictures import Pictures
from gateway.store.records import Records
from gateway.store.redis import connect
from gateway.telemetry import Telemetry
from tests.jobs.kept import POLICY

stop_after = ""  # the step of this process
stands = asyncio.Event()
STEPS = ("mark_old", "doomed", "counted", "forget", "delete", "clear", "remove_jobs")


async def after(step: str) -> None:
    """The first that comes here says so; whatever goes on beside it stands still as well."""
    if step == stop_after:
        if not stands.is_set():
            stands.set()
            os.write(1, f"{step} {os.getpid()}\n".encode())
        async with asyncio.timeout(60):  # nobody is left behind by a test that failed
            await asyncio.Event().wait()


class StoppingDatabase(SQLite):
    async def write(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        result = await super().write(work, *args, **named)
        await after(work.__name__)
        return result

    async def read(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        result = await super().read(work, *args, **named)
        await after(work.__name__)
        return result


class StoppingPictures(Pictures):
    async def delete(self, team: str, name: str) -> None:
        await super().delete(team, name)
        await after("delete")


class StoppingRecords(Records):
    async def forget(self, pictures: Sequence[tuple[str, str | None]]) -> bool:
        forgotten = await super().forget(pictures)
        await after("forget")
        return forgotten


async def sweep(folder: Path, redis: str) -> None:
    connection = await connect(redis, folder, limit=5.0)
    kept = (StoppingDatabase(folder / "easel.db"), StoppingPictures.open("file", folder), StoppingRecords(connection))
    await Retention(*kept, Telemetry(), POLICY).sweep()


if __name__ == "__main__":
    for each in STEPS:
        if os.fork() == 0:
            stop_after = each
            asyncio.run(sweep(Path(sys.argv[1]) / each, sys.argv[2]))
            raise SystemExit(f"never came to {each}")
    for _each in STEPS:
        os.wait()
