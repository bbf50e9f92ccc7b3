"""A sweep that is killed at any step, as by kill -9, is one that the next sweep finishes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.store.database import SQLite
from gateway.store.pictures import Pictures
from gateway.store.records import Records
from gateway.store.redis import RedisConnection
from gateway.store.tables import metadata
from gateway.store.teams import ensure_team
from tests.docs.documents import ROOT
from tests.gateway.valkey import Valkey
from tests.jobs import sweep_until
from tests.jobs.kept import DAY, TEAM, House, Made


class Left:
    """What a sweep finds in a folder of its own, and what must be there before, meanwhile and afterwards."""

    def __init__(self, step: str, folder: Path, redis: RedisConnection) -> None:
        self.old, self.used, self.shared = (Made(f"picture {name}".encode(), f"{step}:{name}") for name in "abs")
        self.sent = Made(b"sent")
        self.house = House(SQLite(folder / "easel.db"), Pictures.open("file", folder), Records(redis))

    async def fill(self) -> None:
        await self.house.database.write(metadata.create_all)
        await self.house.database.write(ensure_team, TEAM, 0.0)
        await self.house.job("old", self.old, self.shared, age=100 * DAY)
        await self.house.job("used", self.used, sources=[self.sent.content], age=11 * DAY)
        await self.house.job("kept", self.shared)

    async def nothing_is_forgotten(self) -> None:
        """No row has gone while what it leads to is there."""
        assert await self.house.are_stored(self.shared) == [True]
        for made, job in ((self.old, "old"), (self.used, "used"), (self.sent, "used")):
            if (await self.house.are_stored(made))[0]:
                assert made.name in await self.house.names(job)

    async def all_is_gone(self) -> None:
        made = (self.old, self.used, self.shared)
        assert await self.house.are_stored(*made, self.sent) == [False, False, True, False]
        assert await self.house.are_cached(*made) == [False, False, True]
        rows = [await self.house.rows(job) for job in ("old", "used", "kept")]
        assert (rows, await self.house.names("used")) == ([0, 2, 2], [None])


async def test_killed_after_each_step(valkey: Valkey, redis: RedisConnection, tmp_path: Path) -> None:
    left = {step: Left(step, tmp_path / step, redis) for step in sweep_until.STEPS}
    for each in left.values():
        await each.fill()
    sweeping = await asyncio.create_subprocess_exec(
        sys.executable,
        sweep_until.__file__,
        str(tmp_path),
        valkey.url,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdout=-1,
    )
    assert sweeping.stdout is not None
    for _each in sweep_until.STEPS:
        async with asyncio.timeout(60):
            step, pid = (await sweeping.stdout.readline()).decode().split()
        os.kill(int(pid), signal.SIGKILL)
        await left[step].nothing_is_forgotten()
        await left[step].house.retention.sweep()
        await left.pop(step).all_is_gone()
    assert left == {}
    await sweeping.wait()
