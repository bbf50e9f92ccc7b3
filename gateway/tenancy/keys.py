"""The keys that are in use: from a key's text to its caller, by one indexed read that is not repeated for a while.

What was read holds for half a second, so that a key that is revoked, or has less rights, is so in every process within
one. What was not found is not kept: a new key works at once.
"""

import asyncio
import contextlib
import re
import time
from functools import partial
from typing import NamedTuple

import structlog

from gateway.errors import InvalidKey, Overloaded
from gateway.keys import PREFIX, hash_key, same_hash
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.keys import Found, find_key, note_used
from gateway.store.teams import read_team
from gateway.tenancy.caller import ADMIN_KEY, DEFAULT_TEAM, Caller
from gateway.tenancy.callers import caller_by, caller_of_team

log = structlog.stdlib.get_logger()

FRESH_SECONDS = 0.5
PATIENCE_SECONDS = 0.5  # that the admin key waits for its team's bounds, which it can do without
MOST_KEPT = 10_000
MOST_READS = 1_000  # at once; more are an attack with keys that are none
NOTED_SECONDS = 60.0  # between the moments at which it is written down when keys were used
KEY = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}", re.ASCII)


class Kept(NamedTuple):
    """`until` is an instant of `time.monotonic()`."""

    caller: Caller
    until: float


class Reading(NamedTuple):
    """A read under way, begun at an instant of `time.monotonic()`."""

    task: asyncio.Task[Kept | None]
    begun: float


class KeyRing:
    """`admin_hash` is that of the configured key, which needs no database."""

    def __init__(self, database: Database, admin_hash: str | None) -> None:
        self._database = database
        self._admin_hash = admin_hash
        self._kept: dict[str, Kept] = {}
        self._reading: dict[str, Reading] = {}
        self._used: dict[str, float] = {}
        self._admin = Kept(Caller(DEFAULT_TEAM, ADMIN_KEY, "admin"), 0.0)
        self._admin_reading: asyncio.Task[None] | None = None
        self._admin_begun = 0.0
        self._noting: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._noting = asyncio.create_task(self._note_again_and_again())

    async def close(self) -> None:
        for task in (self._noting, self._admin_reading, *(reading.task for reading in self._reading.values())):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await self.note()

    async def caller(self, key: str) -> Caller:
        """Raises InvalidKey, or Overloaded where only the database could tell."""
        hash = hash_key(key)
        if self._admin_hash is not None and same_hash(hash, self._admin_hash):
            return await self.admin()
        if not KEY.fullmatch(key):
            raise invalid_key()
        kept = self._kept.get(hash)
        if kept is None or kept.until <= time.monotonic():
            kept = await self._read_once(hash)
        self._used[kept.caller.key] = time.time()
        return kept.caller

    async def admin(self) -> Caller:
        """The configured key, with what bounds its team; with what was last known of that if need be."""
        if self._admin.until > time.monotonic():
            return self._admin.caller
        if self._admin_reading is None:
            self._admin_begun = time.monotonic()
            self._admin_reading = asyncio.create_task(self._read_admin())
        left = self._admin_begun + PATIENCE_SECONDS - time.monotonic()
        await asyncio.wait({self._admin_reading}, timeout=max(0.0, left))
        return self._admin.caller

    def forget(self) -> None:
        """What was changed in this process holds at once in it."""
        self._kept.clear()
        self._reading.clear()
        self._admin = Kept(self._admin.caller, 0.0)

    async def note(self) -> None:
        """Write down when keys were used."""
        if not self._used:
            return
        used, self._used = self._used, {}
        try:
            await self._database.write(note_used, used)
        except BaseException as wrong:
            self._used = {**used, **self._used}
            if not isinstance(wrong, DatabaseError):
                raise
            log.warning("key_use_not_noted", error=str(wrong))

    async def _read_once(self, hash: str) -> Kept:
        """Callers that come while it is read share the read, unless it began too long ago to be believed."""
        reading = self._reading.get(hash)
        if reading is None or time.monotonic() - reading.begun > FRESH_SECONDS:
            if len(self._reading) >= MOST_READS:
                raise Overloaded("too many keys are looked up at once; try again in a moment")
            reading = Reading(asyncio.create_task(self._read(hash)), time.monotonic())
            self._reading[hash] = reading
            reading.task.add_done_callback(partial(self._is_read, hash))
        try:
            kept = await asyncio.shield(reading.task)
        except DatabaseError as wrong:
            raise Overloaded(
                "the database does not answer, so the key cannot be checked; try again in a moment"
            ) from wrong
        if kept is None:
            raise invalid_key()
        return kept

    async def _read(self, hash: str) -> Kept | None:
        begun = time.monotonic()
        found = await self._database.read(find_key, hash)
        now = time.time()
        if found is None or not same_hash(found.hash, hash) or not valid(found, now):
            self._kept.pop(hash, None)
            return None
        ends = min((end - now for end in (found.expires, found.key.expires) if end is not None), default=FRESH_SECONDS)
        kept = Kept(caller_by(found), begun + min(FRESH_SECONDS, ends))
        if hash in self._reading and self._reading[hash].task is asyncio.current_task():
            self._keep(hash, kept)
        return kept

    def _keep(self, hash: str, kept: Kept) -> None:
        self._kept.pop(hash, None)
        if len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]  # the one that was read the longest ago
        self._kept[hash] = kept

    def _is_read(self, hash: str, task: asyncio.Task[Kept | None]) -> None:
        if hash in self._reading and self._reading[hash].task is task:
            del self._reading[hash]
        if not task.cancelled():
            task.exception()  # whoever waited for it was told; perhaps nobody does any more

    async def _read_admin(self) -> None:
        caller = self._admin.caller
        try:
            with contextlib.suppress(DatabaseError):
                team = await self._database.read(read_team, DEFAULT_TEAM)
                caller = caller if team is None else caller_of_team(team, ADMIN_KEY, "admin")
        finally:
            self._admin = Kept(caller, self._admin_begun + FRESH_SECONDS)
            self._admin_reading = None

    async def _note_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(NOTED_SECONDS)
            await self.note()


def valid(found: Found, now: float) -> bool:
    """Neither it, nor its team, nor the text it was found by has ended."""
    key = found.key
    open = key.revoked is None and not key.disabled and not found.team.disabled
    return open and all(end is None or end > now for end in (found.expires, key.expires))


def invalid_key() -> InvalidKey:
    return InvalidKey("the API key is wrong, revoked or expired")
