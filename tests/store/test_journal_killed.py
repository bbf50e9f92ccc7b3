"""A process that is killed in the middle of writing leaves whole entries behind, and a database that goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Connection, func, select

from gateway.store.database import Database
from gateway.store.jobs import read_job
from gateway.store.tables import calls, deliveries, events, idempotency, jobs, pictures
from tests.store.writing import ending, new_id, opening, written

ROOT = Path(__file__).parents[2]
# How much each table holds of a job that was begun, noted about, and ended.
STAGES = {
    "calls": (1, 1, 1),
    "events": (2, 2, 4),
    "pictures": (0, 1, 2),
    "deliveries": (0, 1, 1),
}


def amounts(connection: Connection) -> list[tuple[str, tuple[int, ...]]]:
    """Of each job: its status, and how many rows the tables of `STAGES` have of it."""
    of_job = [
        select(func.count()).where(table.c.job == jobs.c.id).scalar_subquery()
        for table in (calls, events, pictures, deliveries)
    ]
    return [(status, tuple(found)) for status, *found in connection.execute(select(jobs.c.status, *of_job))]


def keys_without_job(connection: Connection) -> int:
    return (
        connection.scalar(
            select(func.count()).select_from(idempotency).where(idempotency.c.job.not_in(select(jobs.c.id)))
        )
        or 0
    )


def write_and_be_killed(url: str, times: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.writing_until", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as writers:
        assert writers.stdin is not None
        assert writers.stdout is not None
        for kill in range(times):
            writers.stdin.write("another\n")
            writers.stdin.flush()
            lines: list[str] = []
            while lines.count("written\n") <= 5 + kill:
                lines.append(writers.stdout.readline())
            os.kill(next(int(line) for line in lines if line.strip().isdigit()), signal.SIGKILL)
            while writers.stdout.readline() != "over\n":
                pass
        writers.stdin.close()


async def test_whole_entries_are_left(database: Database, database_url: str) -> None:
    write_and_be_killed(database_url, 3)
    found = await database.read(amounts)
    whole = list(zip(*STAGES.values(), strict=True))
    assert {each for status, each in found if status == "running"} <= {whole[0], whole[1]}
    assert {each for status, each in found if status == "succeeded"} == {whole[2]}
    assert len(found) > 100
    assert await database.read(keys_without_job) == 0
    id = new_id()
    await written(database, opening(id), ending(id))
    assert await database.read(read_job, id) is not None
