"""Two processes write to one database at the same moment, and each thing happens once."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.store.database import Database
from gateway.store.events import events_after
from gateway.store.tables import events, jobs
from tests.store.racing import MANY, WORKERS
from tests.store.writing import column, count, ending, new_id, opening, written

ROOT = Path(__file__).parents[2]
LEFTOVERS = 25


@asynccontextmanager
async def racer(url: str, name: str) -> AsyncGenerator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.racing", url, name, stdin=PIPE, stdout=PIPE, cwd=ROOT
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Race:
    """Both processes are up, and start together."""

    def __init__(self, racers: list[Process]) -> None:
        self.racers = racers

    async def run(self, name: str) -> list[Any]:
        """What each of them says."""
        for racer in self.racers:
            assert racer.stdin is not None
            racer.stdin.write(f"{name}\n".encode())
        return [orjson.loads(await self._line(racer)) for racer in self.racers]

    async def _line(self, racer: Process) -> bytes:
        assert racer.stdout is not None
        async with asyncio.timeout(30):
            return await racer.stdout.readline()


@pytest.fixture
async def race(database_url: str) -> AsyncGenerator[Race]:
    async with AsyncExitStack() as stack:
        yield Race([await stack.enter_async_context(racer(database_url, name)) for name in ("one", "two")])


async def test_two_processes(database: Database, race: Race) -> None:
    """All races in one test, because the processes take a second to start."""
    await every_key_is_won_once(database, race)
    await every_leftover_is_taken_once(database, race)
    await every_queued_job_is_taken_once(database, race)
    await no_event_is_missed_by_who_reads_on(database, race)


async def every_key_is_won_once(database: Database, race: Race) -> None:
    one, two = await race.run("for_keys")
    assert one == two, "both know the same winners, and the hash of their requests"
    assert len(one) == MANY
    assert await count(database, jobs) == MANY, "who lost wrote nothing"
    assert await count(database, events) == 2 * MANY
    assert {await column(database, id, "body") for id, _body in one.values()} <= {"of one", "of two"}


async def every_leftover_is_taken_once(database: Database, race: Race) -> None:
    failed = [new_id() for _each in range(LEFTOVERS)]
    await written(database, *(opening(id, body="the same") for id in failed))
    await written(database, *(ending(id, leftover=True) for id in failed))
    one, two = await race.run("for_leftovers")
    taken = [*one.values(), *two.values()]
    assert sorted(taken) == sorted(failed)
    for heir, id in {**one, **two}.items():
        assert await column(database, id, "heir") == heir
        assert await column(database, id, "leftover") in (False, 0)


async def every_queued_job_is_taken_once(database: Database, race: Race) -> None:
    queued = [new_id() for _each in range(30)]
    await written(database, *(opening(id, owner=None) for id in queued))
    one, two = await race.run("for_queued_jobs")
    assert sorted([*one, *two]) == sorted(queued)


async def no_event_is_missed_by_who_reads_on(database: Database, race: Race) -> None:
    """Who asks only for what follows the last one seen, again and again while it is written."""
    seen: list[int] = []
    running = asyncio.create_task(race.run("for_places_among_events"))

    async def read_on() -> None:
        while page := await database.read(events_after, seen[-1] if seen else 0, 50):
            seen.extend(each.seq for each in page)

    while not running.done():
        await read_on()
    await read_on()
    assert sum(running.result()) == 2 * WORKERS * (2 + MANY)
    there = [each.seq for each in await database.read(events_after, 0, 10_000)]
    assert seen == there == sorted(there)
