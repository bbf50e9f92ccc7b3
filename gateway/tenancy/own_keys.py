"""The keys that teams bring to providers themselves: read at most once a second, and remembered in between."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.provider_keys import ProviderKey, keys_of_team, owner_of
from gateway.store.sealing import Seal, SealingError

log = structlog.stdlib.get_logger()

FRESH_SECONDS = 0.8  # so that every process goes by a new key, or without a deleted one, within a second
PATIENCE_SECONDS = 0.5  # that a request waits for a database that hangs, where something is remembered
MOST_TEAMS = 10_000  # that are remembered


@dataclass(frozen=True, slots=True)
class OwnKey:
    """`text` is None where it cannot be opened any more. Equal ones are the same key, given at the same moment."""

    provider: str
    given: float
    text: str | None = field(repr=False)


@dataclass(slots=True)
class Known:
    """`asked` is when the database was, a moment of the clock."""

    keys: Mapping[str, OwnKey]
    asked: float


class OwnKeys:
    """`clock` is monotonic, in seconds."""

    def __init__(self, database: Database, seal: Seal, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._seal = seal
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._reading: dict[str, asyncio.Task[Mapping[str, OwnKey]]] = {}

    async def of(self, team: str) -> Mapping[str, OwnKey]:
        """By provider. While the database is away, as last read: without it nothing is sent. Raises DatabaseError."""
        known = self._known.get(team)
        if known is not None and self._clock() - known.asked < FRESH_SECONDS:
            self._known.move_to_end(team)
            return known.keys
        reading = self._reading.get(team)
        if reading is None:
            reading = self._reading[team] = asyncio.create_task(self._read(team), name="own provider keys")
            reading.add_done_callback(noticed)
        if known is not None:
            await asyncio.wait({reading}, timeout=PATIENCE_SECONDS)
            return reading.result() if reading.done() else known.keys
        return await asyncio.shield(reading)

    def forget(self, team: str) -> None:
        """They have changed, and were changed here: a read that is under way may not have seen it."""
        self._known.pop(team, None)
        self._reading.pop(team, None)

    async def close(self) -> None:
        reading = tuple(self._reading.values())
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def _read(self, team: str) -> Mapping[str, OwnKey]:
        asked, reading = self._clock(), asyncio.current_task()
        try:
            rows = await self._database.read(keys_of_team, team)
            keys = {row.provider: self._opened(row) for row in rows}
            self._complain(team, keys)
        except DatabaseError:
            last = self._known.get(team)
            if last is None:
                raise
            keys, asked = last.keys, self._clock()
        finally:
            current = self._reading.get(team) is reading
            if current:
                del self._reading[team]
        if current:
            self._known[team] = Known(keys, asked)
            self._known.move_to_end(team)
            if len(self._known) > MOST_TEAMS:
                self._known.popitem(last=False)
        return keys

    def _opened(self, row: ProviderKey) -> OwnKey:
        try:
            return OwnKey(row.provider, row.created, self._seal.open(row.sealed, owner_of(row.team, row.provider)))
        except SealingError:
            return OwnKey(row.provider, row.created, None)

    def _complain(self, team: str, keys: Mapping[str, OwnKey]) -> None:
        """Once about each key that cannot be opened."""
        known = self._known.get(team)
        told: Mapping[str, OwnKey] = known.keys if known is not None else {}
        for key in keys.values():
            if key.text is None and told.get(key.provider) != key:
                log.error("provider_key_not_opened", team=team, provider=key.provider, why="was secrets.key changed?")


def noticed(reading: asyncio.Task[Mapping[str, OwnKey]]) -> None:
    """Whoever asked may have left: its error is no news to anybody."""
    if not reading.cancelled():
        reading.exception()
