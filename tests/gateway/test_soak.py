"""A small soak (`python -m bench.soak`): jobs over two gateways, one of which is killed again and again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.soak import Place, Plan, soak, tables
from bench.soak_clients import Receiver
from gateway.store.database import open_database
from simulators.running import Simulators
from tests.gateway.processes import Process, Processes
from tests.gateway.valkey import Valkey

PLAN = Plan(jobs=60, kills=3, seconds=6, draw=0.5, away=0.2, flaky=0)
LEASE = 1.5  # seconds


class Killed:
    """A gateway at one address, whichever process it is."""

    def __init__(self, processes: Processes, settings: dict[str, Any]) -> None:
        self._processes = processes
        self._settings = settings
        self._process: Process | None = None
        self._port = 0
        self.url = ""

    async def start(self) -> None:
        process = await asyncio.to_thread(self._processes.start, self._settings, port=self._port)
        self._process, self.url = process, process.url
        self._port = int(self.url.rpartition(":")[2])

    async def kill(self) -> None:
        assert self._process is not None
        await asyncio.to_thread(self._process.kill)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with Valkey(tmp_path) as running:
        yield running


async def test_nothing_is_lost_and_nothing_paid_twice(simulators: Simulators, valkey: Valkey, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'easel.db'}"
    with Processes(tmp_path) as processes:
        async with Receiver() as receiver:
            settings = tables(simulators, tmp_path, url, receiver.url, LEASE) | {"redis": {"url": valkey.url}}
            steady, mortal = Killed(processes, settings), Killed(processes, settings)
            await steady.start()
            await mortal.start()
            database = open_database(url, tmp_path)
            findings = await soak(PLAN, Place(steady, mortal, simulators, receiver, database))
            await database.close()
    assert findings.broken == [], findings.figures
