"""Stored pictures that nothing refers to any more are removed, and put back if somebody just began to.

An object's name is its content, so a new job may store and refer to the very object that an old one leaves. SQL and the
store have no transaction in common: hence a last look after an object is gone, with its bytes still at hand. Whoever
refers to one stores it once more when its row is committed; so one of the two always sees the other.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.store import retention
from gateway.store.database import Database, DatabaseError
from gateway.store.pictures import Pictures, PictureStoreError
from gateway.store.records import Records
from gateway.store.retention import Counted, Doomed, Policy
from gateway.telemetry import Telemetry

log = structlog.stdlib.get_logger()

PUT_BACK_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)  # seconds between tries; the bytes are nowhere else


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


class Removal:
    """Removes objects for one process; `close` waits for what may still have to be put back."""

    def __init__(
        self, database: Database, pictures: Pictures, records: Records, telemetry: Telemetry, policy: Policy
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._records = records
        self._telemetry = telemetry
        self._policy = policy
        self._under_way: set[asyncio.Task[Removed]] = set()

    async def close(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def remove(self, team: str, rows: Sequence[Doomed]) -> Removed:
        """What these rows of one team lead to, unless another row that counts does as well.

        It is finished even if whoever waits for it is cancelled. Raises DatabaseError, before anything is removed.
        """
        removing = asyncio.create_task(self._remove(team, rows))
        self._under_way.add(removing)
        removing.add_done_callback(self._ended)
        return await asyncio.shield(removing)

    def _ended(self, removing: "asyncio.Task[Removed]") -> None:
        self._under_way.discard(removing)
        if not removing.cancelled():
            removing.exception()  # is seen, also when nobody waits any more

    async def _remove(self, team: str, rows: Sequence[Doomed]) -> Removed:
        removed = Removed()
        contents = await self._contents(team, {row.name for row in rows if row.name is not None}, removed)
        counted = await self._counted(team, {row.name for row in rows if row.name is not None})
        leading = [(row.cache_key, row.name) for row in rows if row.cache_key is not None]
        stale = [(key, name) for key, name in leading if name is None or Counted(name, key) not in counted]
        removed.forgotten = await self._records.forget(team, stale)
        free = {name: content for name, content in contents.items() if name not in {each.name for each in counted}}
        gone = await self._delete(team, free, removed)
        await self._put_back(team, gone, removed)
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

    async def _delete(self, team: str, free: Mapping[str, bytes], removed: Removed) -> dict[str, bytes]:
        """Those that may be gone now, also where the store's answer was lost."""

        async def delete(name: str) -> None:
            try:
                await self._pictures.delete(team, name)
            except PictureStoreError as error:
                removed.note(name, error)

        await asyncio.gather(*map(delete, free))
        self._telemetry.deleted("picture", sum(name not in removed.failed for name in free))
        return dict(free)

    async def _put_back(self, team: str, gone: Mapping[str, bytes], removed: Removed) -> None:
        """What somebody refers to by now; everything, where the database cannot say."""
        try:
            wanted = {each.name for each in await self._counted(team, gone)}
        except DatabaseError as error:
            log.warning("retention", error=str(error))
            wanted = set(gone)
            removed.failed |= wanted
        for name in wanted:
            await self._store_again(team, name, gone[name], removed)

    async def _store_again(self, team: str, name: str, content: bytes, removed: Removed) -> None:
        for pause in (*PUT_BACK_PAUSES, None):
            try:
                await self._pictures.put(team, content, name.rpartition(".")[2])
            except PictureStoreError as error:
                removed.note(name, error)
                log.warning("retention", error=f"a picture is to be put back, but {error}")
            else:
                return
            if pause is not None:
                await asyncio.sleep(pause)
        log.error("a picture that is needed could not be put back", team=team)
