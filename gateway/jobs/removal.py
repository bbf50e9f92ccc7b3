"""Stored pictures that nothing refers to any more are removed, and put back if somebody just began to.

An object's name is its content, so a new job may find the very object stored that an old one leaves, and refer to it a
moment later. SQL and the store have no transaction in common. Hence, while the bytes are still at hand, a look at who
refers to it right before it goes, one right after, and a last one when whoever found it there has had time to say so.
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog

from gateway.store import retention
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.pictures import Pictures, PictureStoreError
from gateway.store.policies import Policy
from gateway.store.records import Records
from gateway.store.retention import Counted, Doomed
from gateway.telemetry import Telemetry

log = structlog.stdlib.get_logger()
Result = TypeVar("Result")

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # seconds between tries to put back what is nowhere else
LINGER_SECONDS = 5.0  # until the last look; the journal writes within a tenth of one, while the database is there
LINGER_BYTES = 64 * 1024 * 1024  # of all that waits for it; beyond, what went first is looked at sooner


@dataclass(slots=True)
class Removed:
    """What did not go: objects that the store would not remove, with its last word, and records of the cache."""

    failed: set[str] = field(default_factory=set[str])
    error: PictureStoreError | None = None
    forgotten: bool = True

    def let_go(self, row: Doomed) -> bool:
        """Whether what the row led to is gone, or is another's."""
        return row.name not in self.failed and (self.forgotten or row.cache_key is None)

    def note(self, name: str, error: PictureStoreError) -> None:
        self.failed.add(name)
        self.error = error


@dataclass(slots=True, eq=False)
class Gone:
    """Removed objects of a team with their bytes. `hurry`: the last look is not to wait."""

    team: str
    contents: Mapping[str, bytes]
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def size(self) -> int:
        return sum(map(len, self.contents.values()))


class Removal:
    """Removes objects for one process; `close` looks a last time, and waits for what has to be put back."""

    def __init__(
        self,
        database: Database,
        pictures: Pictures,
        records: Records,
        telemetry: Telemetry,
        policy: Policy,
        *,
        linger_seconds: float = LINGER_SECONDS,
        linger_bytes: int = LINGER_BYTES,
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._records = records
        self._telemetry = telemetry
        self._policy = policy
        self._linger_seconds = linger_seconds
        self._linger_bytes = linger_bytes
        self._closing = asyncio.Event()
        self._lingering: list[Gone] = []
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def held(self) -> int:
        """Bytes of removed objects that wait for the last look."""
        return sum(gone.size for gone in self._lingering)

    async def close(self) -> None:
        self._closing.set()
        while self._under_way:
            self._hurry_the_first()
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def remove(self, team: str, rows: Sequence[Doomed]) -> Removed:
        """What these rows of one team lead to, unless another row that counts does as well.

        It is finished even if whoever waits for it is cancelled. Raises DatabaseError, before anything is removed.
        """
        return await asyncio.shield(self._begin(self._remove(team, rows)))

    def _begin(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        task = asyncio.create_task(work, name="removal")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # is seen, also when nobody waits any more

    async def _remove(self, team: str, rows: Sequence[Doomed]) -> Removed:
        removed = Removed()
        contents = await self._contents(team, {row.name for row in rows if row.name is not None}, removed)
        counted = await self._counted(team, {row.name for row in rows if row.name is not None})
        leading = [(row.cache_key, row.name) for row in rows if row.cache_key is not None]
        stale = [(key, name) for key, name in leading if name is None or Counted(name, key) not in counted]
        removed.forgotten = await self._records.forget(stale)
        free = {name: content for name, content in contents.items() if name not in {each.name for each in counted}}
        await self._delete(team, free, removed)
        await self._look_again(Gone(team, free), removed)
        return removed

    async def _contents(self, team: str, names: Collection[str], removed: Removed) -> dict[str, bytes]:
        """Of the objects that are there."""

        async def read(name: str) -> bytes | None:
            try:
                return await self._pictures.get(team, name)
            except PictureStoreError as error:
                removed.note(name, error)
                return None

        found = zip(names, await asyncio.gather(*map(read, names)), strict=True)
        return {name: content for name, content in found if content is not None}

    async def _counted(self, team: str, names: Collection[str]) -> set[Counted]:
        if not names:
            return set()
        return await self._database.read(retention.counted, self._policy, time.time(), team, names)

    async def _delete(self, team: str, free: Mapping[str, bytes], removed: Removed) -> None:
        async def delete(name: str) -> None:
            try:
                await self._pictures.delete(team, name)
            except PictureStoreError as error:
                removed.note(name, error)

        await asyncio.gather(*map(delete, free))
        self._telemetry.deleted("picture", sum(name not in removed.failed for name in free))

    async def _look_again(self, gone: Gone, removed: Removed) -> None:
        """Where the database cannot say who refers to it, all is put back, and goes another time."""
        try:
            wanted = {each.name for each in await self._counted(gone.team, gone.contents)}
        except DatabaseError as error:
            log.warning("retention", error=str(error))
            wanted = set(gone.contents)
            removed.failed |= wanted
        await self._put_back(gone, wanted)
        rest = {name: content for name, content in gone.contents.items() if name not in wanted}
        if rest:
            self._begin(self._look_a_last_time(Gone(gone.team, rest)))

    async def _look_a_last_time(self, gone: Gone) -> None:
        self._lingering.append(gone)
        self._hurry_the_first()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._linger_seconds):
                    await gone.hurry.wait()
            for pause in (*PAUSES, None):
                try:
                    wanted = {each.name for each in await self._counted(gone.team, gone.contents)}
                except DatabaseError as error:
                    log.warning("retention", error=str(error))
                else:
                    await self._put_back(gone, wanted)
                    return
                if pause is None or self._closing.is_set():
                    break
                await self._rest(pause)
            log.error("it is not known whether deleted pictures are needed", team=gone.team, count=len(gone.contents))
        finally:
            self._lingering.remove(gone)

    async def _rest(self, seconds: float) -> None:
        """No longer than until the process ends."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _hurry_the_first(self) -> None:
        held = self.held
        for gone in self._lingering:
            if held <= self._linger_bytes and not self._closing.is_set():
                return
            held -= gone.size
            gone.hurry.set()

    async def _put_back(self, gone: Gone, names: Collection[str]) -> None:
        for name in names:
            await self._store_again(gone.team, name, gone.contents[name])

    async def _store_again(self, team: str, name: str, content: bytes) -> None:
        for pause in (*PAUSES, None):
            try:
                await self._pictures.put(team, content, name.rpartition(".")[2])
            except PictureStoreError as error:
                log.warning("retention", error=f"a picture is to be put back, but {error}")
            else:
                return
            if pause is not None:
                await asyncio.sleep(pause)
        log.error("a picture that is needed could not be put back", team=team)
