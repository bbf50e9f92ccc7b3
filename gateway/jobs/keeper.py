"""Keeps this process' jobs its own, and takes up those of processes that are gone.

A process says every quarter of a lease that it is alive. Whoever is silent for a whole one is taken for dead: its jobs
are shared out among the others, oldest first, and go on there.
"""

import asyncio
import contextlib
import time
from collections import deque

import structlog

from gateway.jobs.events import Events
from gateway.jobs.jobs import Jobs
from gateway.store.database import Database, DatabaseError
from gateway.store.jobs import JobRow
from gateway.store.processes import alive, beat, cancelled, claim

log = structlog.stdlib.get_logger()

MOST_AT_ONCE = 50  # jobs taken up in one round, so that several processes share them
LONGEST_ROUND = 2.0  # seconds between two rounds, so that a cancellation elsewhere is heard of


class Keeper:
    """`lease` is in seconds."""

    def __init__(self, jobs: Jobs, events: Events, database: Database, lease: float) -> None:
        self._jobs = jobs
        self._events = events
        self._database = database
        self._lease = lease
        self._loop: asyncio.Task[None] | None = None
        self._taken: deque[JobRow] = deque()  # jobs that are ours since then, and do not run yet

    async def start(self) -> None:
        """Returns when this process is known to the others. Raises DatabaseError."""
        await self._database.write(beat, self._jobs.owner, time.time())
        self._loop = asyncio.create_task(self._keep(), name="job keeper")

    async def close(self) -> None:
        """Takes up nothing more; the process still counts as alive for the rest of its lease."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    async def _keep(self) -> None:
        while True:
            try:
                await self.round()
            except DatabaseError as away:
                log.warning("jobs_not_kept", error=str(away))
            except Exception as fault:
                log.error("fault", where="job keeper", exc_info=fault)
            await asyncio.sleep(min(self._lease / 4, LONGEST_ROUND))

    async def round(self) -> None:
        now, owner = time.time(), self._jobs.owner
        await self._database.write(beat, owner, now)
        self._events.others_alive(await self._database.read(alive, now, self._lease) > 1)
        for id in await self._database.read(cancelled, owner):
            await self._jobs.cancel(id)
        most = min(MOST_AT_ONCE, self._jobs.free) - len(self._taken)
        if most > 0:
            self._taken.extend(await self._database.write(claim, owner, now, self._lease, most))
        while self._taken:  # a database that goes away meanwhile leaves the rest for the next round
            await self._jobs.resume(self._taken[0])
            self._taken.popleft()
