"""What happens to jobs is written down in groups: all entries that wait go into one transaction, and meanwhile the next
ones gather. So a busy gateway pays for one commit where it would pay for a hundred.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from gateway.store.database import Database
from gateway.store.database_errors import DatabaseAway, DatabaseError
from gateway.store.entries import Committed, Entry, LeaseLost, NewJob, Written
from gateway.store.event_log import wait_for_others
from gateway.store.journal_transaction import Numbered, Outcome, write_batch
from gateway.store.spending import PeriodsMissing, open_periods
from gateway.store.withdrawal import withdraw

log = structlog.stdlib.get_logger()

MOST_TOGETHER = 200  # entries a transaction, so that none takes long
MOST_KEPT = 10_000  # entries that wait for the database to come back
LATER_SECONDS = 0.05
# A transaction every so many seconds, and a few more at once: one for each entry would cost four times as much.
PACE_SECONDS, BURST = 0.0025, 4
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between tries while the database is away


@dataclass(slots=True, eq=False)
class Waiting:
    """An entry, or None for a `flush`. `answer` is what somebody waits for."""

    number: int
    entry: Entry | None
    answer: asyncio.Future[Written] | None

    def settle(self, outcome: Written | Exception) -> None:
        if self.answer is None or self.answer.done():
            return
        if isinstance(outcome, Written):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)


class Journal:
    """Entries about one job are written in the order in which they were handed over.

    `told` is called on the event loop after each commit, with the events that are in the database now.
    """

    def __init__(self, database: Database, told: Callable[[Sequence[Committed]], None]) -> None:
        self._database = database
        self._told = told
        self._numbers = itertools.count(time.time_ns())  # above those of an earlier process of the same name
        self._waiting: deque[Waiting] = deque()
        self._withdrawn: deque[tuple[int, NewJob]] = deque(maxlen=MOST_KEPT)
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._pause = FIRST_PAUSE
        self._away = False
        self._closed = False
        self._lost: set[str] = set()
        self.left_out = 0  # notes that came after their lease was lost

    async def write(self, entry: Entry) -> Written:
        """Returns when it is committed. Raises LeaseLost, HoldRefused, or DatabaseError.

        After a DatabaseError a new job is not there, or will not be there for long; any other entry may have been
        written or not, and may be handed over again: calls, pictures and an end are not written twice, events may be.
        Whoever is cancelled while waiting has handed it over nevertheless.
        """
        return await self._hand_over(entry)

    def later(self, entry: Entry) -> None:
        """With the next `write`, or soon. It is kept while the database is away, and left out if the lease is lost."""
        if self._closed or len(self._waiting) >= MOST_KEPT:
            log.error("job_note_dropped", job=entry.job, waiting=len(self._waiting))
            return
        self._waiting.append(Waiting(next(self._numbers), entry, None))
        if self._timer is None and not self._busy():
            self._begin_in(LATER_SECONDS)

    async def flush(self) -> None:
        """Returns when all that was handed over is committed. Raises DatabaseError."""
        if self._waiting or self._busy():
            await self._hand_over(None)

    async def close(self) -> None:
        """Writes what still waits. What cannot be written now is lost, and said so."""
        try:
            await self.flush()
        except DatabaseError as error:
            log.error("job_notes_lost", count=len(self._waiting), error=str(error))
        self._closed = True
        self._stop_timer()

    async def _hand_over(self, entry: Entry | None) -> Written:
        if self._closed:
            raise DatabaseError("the gateway is ending")
        answer: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(next(self._numbers), entry, answer))
        self._begin()
        return await answer

    def _busy(self) -> bool:
        return self._writing is not None and not self._writing.done()

    def _begin(self) -> None:
        self._stop_timer()
        if not self._busy():
            self._writing = asyncio.get_running_loop().create_task(self._write_all(), name="journal")

    def _begin_in(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write_all(self) -> None:
        while self._waiting or self._withdrawn:
            await self._gather()
            batch = [self._waiting.popleft() for _each in range(min(MOST_TOGETHER, len(self._waiting)))]
            try:
                await self._take_back()
                await self._write_or_single_out(batch)
            except DatabaseAway as away:
                self._keep(batch, away)
                return
            self._back()

    async def _gather(self) -> None:
        """When transactions follow each other closely, waits a moment for others to share the next one."""
        now = asyncio.get_running_loop().time()
        if self._due > now:
            await asyncio.sleep(self._due - now)
        self._due = max(self._due, now - BURST * PACE_SECONDS) + PACE_SECONDS

    async def _take_back(self) -> None:
        """Raises DatabaseAway."""
        while self._withdrawn:
            withdrawn = list(self._withdrawn)[:MOST_TOGETHER]
            try:
                await self._database.write(wait_for_others)
                await self._database.write(withdraw, withdrawn)
            except DatabaseAway:
                raise
            except Exception as refused:
                log.error("jobs_not_withdrawn", jobs=len(withdrawn), error=describe(refused))
            for _each in withdrawn:
                self._withdrawn.popleft()

    async def _write_or_single_out(self, batch: list[Waiting]) -> None:
        """What the database refuses takes nothing else along: each is tried alone then, and leaves the batch.

        Raises DatabaseAway, when what is left in the batch is not written.
        """
        try:
            await self._transaction(batch)
        except DatabaseAway:
            raise
        except Exception as refused:
            log.warning("job_notes_refused", entries=len(batch), error=describe(refused))
        else:
            return
        for each in list(batch):
            try:
                await self._transaction([each])
            except DatabaseAway:
                raise
            except DatabaseError as refused:
                self._refuse(each, refused)
            except Exception as broken:
                log.error("fault", task="journal", error=type(broken).__name__, exc_info=broken)
                self._refuse(each, DatabaseError(f"it cannot be written: {type(broken).__name__}"))
            batch.remove(each)

    async def _transaction(self, batch: Sequence[Waiting]) -> None:
        entries = [Numbered(each.number, each.entry) for each in batch if each.entry is not None]
        outcome = Outcome([], [])
        if entries:
            outcome = await self._written(entries)
        self._tell(outcome.committed)
        answers = iter(outcome.answers)
        for each in batch:
            answer = Written() if each.entry is None else next(answers)
            if isinstance(answer, LeaseLost) and each.answer is None and each.entry is not None:
                self._left_out(each.entry.job)
            each.settle(answer)

    async def _written(self, entries: Sequence[Numbered]) -> Outcome:
        try:
            return await self._database.write(write_batch, entries, time.time())
        except PeriodsMissing as missing:
            await self._database.write(open_periods, missing.allowances)
            return await self._database.write(write_batch, entries, time.time())

    def _tell(self, committed: Sequence[Committed]) -> None:
        if not committed:
            return
        try:
            self._told(committed)
        except Exception as broken:
            log.error("fault", task="journal", error=type(broken).__name__, exc_info=broken)

    def _left_out(self, job: str) -> None:
        self.left_out += 1
        if job not in self._lost:
            if len(self._lost) >= MOST_KEPT:
                self._lost.clear()
            self._lost.add(job)
            log.debug("job_lease_lost", job=job)

    def _refuse(self, each: Waiting, refused: DatabaseError) -> None:
        if each.entry is not None and each.answer is None:
            log.error("job_note_refused", job=each.entry.job, error=str(refused))
        each.settle(refused)

    def _keep(self, batch: Sequence[Waiting], away: DatabaseAway) -> None:
        """For later; but whoever waits for an answer gets one now."""
        for each in batch:
            if each.answer is not None and each.entry is not None and each.entry.new is not None:
                self._withdrawn.append((each.number, each.entry.new))
        every = [*batch, *self._waiting]
        self._waiting = deque(each for each in every if each.answer is None)
        for each in every:
            each.settle(away)
        if not self._away:
            log.warning("database_down", error=str(away))
        self._away = True
        if self._waiting or self._withdrawn:
            self._begin_in(self._pause)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _back(self) -> None:
        if self._away:
            log.info("database_up")
        self._away = False
        self._pause = FIRST_PAUSE


def describe(error: Exception) -> str:
    """Only a DatabaseError's text is ours; another's may quote what was to be written."""
    return str(error) if isinstance(error, DatabaseError) else type(error).__name__
