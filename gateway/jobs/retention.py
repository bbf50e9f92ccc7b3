"""What is kept no longer is deleted: at once by a caller's DELETE, by policy in the background.

A job is marked first, and is as good as gone. Then the cache forgets its pictures, objects go that nothing else refers
to, and rows go last: whoever is killed in between, a later sweep of any process goes on from there.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from enum import Enum
from random import Random

import structlog

from gateway.jobs.removal import Removal
from gateway.store import retention
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.pictures import Pictures, PictureStoreError
from gateway.store.policies import Policy
from gateway.store.records import Records
from gateway.store.retention import Doomed
from gateway.telemetry import Telemetry

log = structlog.stdlib.get_logger()
CHANCE = Random()  # noqa: S311 - guards nothing

EVERY = 60.0  # seconds between two sweeps, give or take a half, so that processes spread out
JOBS_AT_ONCE = 100  # in one transaction
ROWS_AT_ONCE = 1000
OBJECTS_AT_ONCE = 8  # whose bytes are held meanwhile; one has 64 MiB at most


class Deletion(Enum):
    """What came of a wish to delete a job."""

    NOT_THERE = "not there"
    BEGUN = "begun"  # as good as gone; it must stop first, or what did not answer is asked again by a later sweep
    COMPLETE = "complete"


class Retention:
    """Deletes for one process; `start` begins its sweeps. Any number of processes may do so on one database."""

    def __init__(
        self, database: Database, pictures: Pictures, records: Records, telemetry: Telemetry, policy: Policy
    ) -> None:
        self._database = database
        self._telemetry = telemetry
        self._policy = policy
        self._removal = Removal(database, pictures, records, telemetry, policy)
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep_for_ever(), name="retention")

    async def close(self) -> None:
        """Stops sweeping, at the next point from which a later sweep goes on."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
        await self._removal.close()

    async def delete_job(self, team: str, job: str) -> Deletion:
        """Delete a team's job with its pictures and all that is written about it; once more does no harm.

        One that is not finished is asked to stop, and goes with the first sweep after it has. Raises DatabaseError:
        then it is not known whether anything was done.
        """
        if not await self._database.write(retention.mark, team, job):
            return Deletion.NOT_THERE
        try:
            await self._let_go(await self._database.read(retention.doomed_of, job, time.time()))
            gone = await self._database.write(retention.remove_job, job, time.time())
        except (DatabaseError, PictureStoreError) as error:
            self._must_wait(error)
            return Deletion.BEGUN
        self._telemetry.deleted("job", gone)
        return Deletion.COMPLETE if gone else Deletion.BEGUN

    async def sweep(self) -> None:
        """Delete all that is to go by now. Raises DatabaseError, PictureStoreError: the rest is for a later sweep."""
        write = self._database.write
        while await write(retention.forget_keys, time.time(), ROWS_AT_ONCE) == ROWS_AT_ONCE:
            pass
        await write(retention.forget_secrets, time.time())
        while await write(retention.mark_old, self._policy, time.time(), JOBS_AT_ONCE) == JOBS_AT_ONCE:
            pass
        try:
            while rows := await self._database.read(retention.doomed, self._policy, time.time(), ROWS_AT_ONCE):
                if not await self._let_go(rows):
                    break
        finally:
            while gone := await write(retention.remove_jobs, time.time(), JOBS_AT_ONCE):
                self._telemetry.deleted("job", gone)

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(EVERY * CHANCE.uniform(0.5, 1.5))
            try:
                await self.sweep()
            except (DatabaseError, PictureStoreError) as error:
                self._must_wait(error)
            except Exception as error:
                self._telemetry.deletion_failed("fault")
                log.error("fault", task="retention", error=type(error).__name__, exc_info=error)

    async def _let_go(self, rows: Sequence[Doomed]) -> int:
        """How many of these rows lead nowhere now. Raises PictureStoreError where the store removed nothing at all."""
        cleared, forgotten = 0, True
        for team, batch in batches(rows):
            removed = await self._removal.remove(team, batch)
            places = {row.at for row in batch if removed.let_go(row)}
            cleared += await self._database.write(retention.clear, self._policy, time.time(), places) if places else 0
            forgotten = forgotten and removed.forgotten
            if removed.error is not None and not places:
                raise removed.error
        if not forgotten:
            self._telemetry.deletion_failed("redis")
            log.warning("retention", error="Redis does not answer; the cache is to forget some pictures later")
        return cleared

    def _must_wait(self, error: DatabaseError | PictureStoreError) -> None:
        self._telemetry.deletion_failed("database" if isinstance(error, DatabaseError) else "storage")
        log.warning("retention", error=str(error))


def batches(rows: Sequence[Doomed]) -> Iterator[tuple[str, list[Doomed]]]:
    """Rows of one team each, as many as are removed at once.

    In no order: two sweeps meet less often, and what never goes does not stand in the way of the rest for ever.
    """
    by_team: dict[str, list[Doomed]] = {}
    for row in CHANCE.sample(rows, len(rows)):
        by_team.setdefault(row.team, []).append(row)
    for team, its in by_team.items():
        for start in range(0, len(its), OBJECTS_AT_ONCE):
            yield team, its[start : start + OBJECTS_AT_ONCE]
