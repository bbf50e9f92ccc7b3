"""Keeps this process' jobs its own, and takes up those of processes that are gone.

A process says every quarter of a lease that it is alive. Whoever is silent for a whole one is taken for dead: its jobs
are shared out among the others, oldest first, and go on there. Moments are those of the system's clock, on which
processes of several machines have to agree to within a part of a lease.
"""

import asyncio
import time
from collections import deque

import structlog

from gateway.jobs.events import Events
from gateway.jobs.jobs import Jobs
from gateway.store.database import Database, DatabaseError
from gateway.store.jobs import JobRow
from gateway.store.processes import alive, beat_now, cancelled, claim, forget, queue_length, take_queued

log = structlog.stdlib.get_logger()

MOST_AT_ONCE = 50  # jobs taken up in one round, so that several processes share them
LONGEST_ROUND = 2.0  # seconds between two rounds, so that a cancellation elsewhere is heard of
SHORTEST_TRY = 1.0  # seconds after which a beat that is not answered is tried again


class Keeper:
    """`lease` is in seconds."""

    def __init__(self, jobs: Jobs, events: Events, database: Database, lease: float) -> None:
        self._jobs = jobs
        self._events = events
        self._database = database
        self._lease = lease
        self._tasks: list[asyncio.Task[None]] = []
        self._taken: deque[JobRow] = deque()  # jobs that are ours since then, and do not run yet
        self._rounds = asyncio.Lock()  # who waits for one finds all of `_taken` taken up, each once
        self._beaten: float | None = None
        self._steady_from = 0.0

    async def start(self) -> None:
        """Returns when this process is known to the others. Raises DatabaseError."""
        self.beaten(await self._database.write(beat_now, self._jobs.owner))
        self._tasks = [
            asyncio.create_task(self._keep_alive(), name="job lease"),
            asyncio.create_task(self._keep_taking(), name="job keeper"),
        ]

    async def close(self) -> None:
        """What is still this process' is anybody's from now on."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._database.write(forget, self._jobs.owner)
        except DatabaseError as away:
            log.warning("process_not_forgotten", error=str(away))

    @property
    def _pause(self) -> float:
        return min(self._lease / 4, LONGEST_ROUND)

    async def _keep_alive(self) -> None:
        """Apart from the rounds: taking up many jobs may last longer than a lease."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                async with asyncio.timeout(max(SHORTEST_TRY, self._lease / 2)):
                    self.beaten(await self._database.write(beat_now, self._jobs.owner))
            except (DatabaseError, TimeoutError) as away:
                log.warning("lease_not_renewed", error=str(away) or "no answer")
            except Exception as fault:
                log.error("fault", where="job lease", exc_info=fault)

    async def _keep_taking(self) -> None:
        while True:
            try:
                await self.round()
            except DatabaseError as away:
                log.warning("jobs_not_kept", error=str(away))
            except Exception as fault:
                log.error("fault", where="job keeper", exc_info=fault)
            await asyncio.sleep(self._pause)

    def beaten(self, now: float) -> None:
        """Whoever could not say in time that it is alive, because the database was away, the machine slept or its clock
        was set, is not alone with that: the others have a lease's time to say so before any of them is taken for dead.
        """
        if self._beaten is not None and not self._in_time(now):
            self._steady_from = now + self._lease
            log.warning("lease_renewed_late", seconds=round(now - self._beaten, 1))
        self._beaten = now

    def _in_time(self, now: float) -> bool:
        return self._beaten is not None and 0 <= now - self._beaten <= self._lease / 2

    async def round(self) -> None:
        """One at a time. Raises DatabaseError; jobs that are this process' by then are taken up in the next round."""
        async with self._rounds:
            await self._round()

    async def _round(self) -> None:
        now, owner = time.time(), self._jobs.owner
        gateways = await self._database.read(alive, now, self._lease)
        self._events.others_alive(gateways > 1)
        self._jobs.at.limits.gateways_alive(gateways)
        for id in await self._database.read(cancelled, owner):
            await self._jobs.cancel(id)
        most = min(MOST_AT_ONCE, self._jobs.free) - len(self._taken)
        if most > 0 and now >= self._steady_from and self._in_time(now):
            rows = await self._database.write(claim, owner, now, self._lease, most)
            # What was begun comes first: equal requests wait for it, if they find it at work.
            self._taken.extend(sorted(rows, key=lambda row: row.started is None))
        elif most > 0:
            self._taken.extend(await self._database.write(take_queued, owner, most))
        while self._taken and not self._jobs.ending:
            await self._take_up(self._taken[0])
            self._taken.popleft()
        self._jobs.at.telemetry.jobs_queued(await self._database.read(queue_length))

    async def _take_up(self, row: JobRow) -> None:
        try:
            await self._jobs.resume(row)
        except DatabaseError:
            raise
        except Exception as fault:
            log.error("fault", where="job keeper", request_id=row.id, exc_info=fault)
