"""Keys in use: one read for all that come at once, believed for half a second, and never longer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.errors import InvalidKey, Overloaded
from gateway.keys import hash_key, make_key
from gateway.store.bounds import Bounds
from gateway.store.database import Database
from gateway.store.database_errors import DatabaseAway
from gateway.store.keys import KeyRow, change_key, create_key, find_key, read_key, revoke_key, rotate_key
from gateway.store.teams import TeamRow, change_team, create_team, ensure_team
from gateway.tenancy import keys
from gateway.tenancy.caller import Budget, Caller, Limits, Rights
from gateway.tenancy.callers import caller_again
from gateway.tenancy.keys import KeyRing

TEAM = TeamRow("team_1", "design", 0.0, bounds=Bounds(("qwen-*",), None, 60, budget_micros=9, budget_period="month"))
KEY = KeyRow("key_1", "team_1", "ci", "team_admin", "ek_", "admin", 0.0, bounds=Bounds(None, ("fal",), None, 5))
Change = Callable[[Connection], object]
TEXT, ADMIN = "ek_" + "Ab-_5" * 8 + "xyz", "an admin key of any form"


@dataclass
class Watched:
    """A database whose reads are counted, and may be held up or fail."""

    database: Database
    dialect: str
    reads: list[str] = field(default_factory=list[str])
    found: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def read(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self.reads.append(work.__name__)
        found = await self.database.read(work, *args, **named)
        self.found.set()
        await self.go_on.wait()
        if self.away:
            raise DatabaseAway("the database is away")
        return found

    async def write(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        if self.away:
            raise DatabaseAway("the database is away")
        return await self.database.write(work, *args, **named)

    async def patiently(self, work: Callable[[Connection], Any]) -> Any:
        return await self.database.patiently(work)

    async def close(self) -> None:
        await self.database.close()


@pytest.fixture
async def watched(database: Database) -> Watched:
    await database.write(ensure_team, "default", 0.0)
    await database.write(create_team, TEAM)
    await database.write(create_key, KEY, hash_key(TEXT))
    watched = Watched(database, database.dialect)
    watched.go_on.set()
    return watched


@pytest.fixture
def ring(watched: Watched) -> KeyRing:
    return KeyRing(watched, hash_key(ADMIN))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves both clocks of the keys forward."""
    moved = 0.0
    monotonic, now = time.monotonic, time.time

    def forward(seconds: float) -> None:
        nonlocal moved
        moved += seconds

    class Moved:
        @staticmethod
        def monotonic() -> float:
            return monotonic() + moved

        @staticmethod
        def time() -> float:
            return now() + moved

    monkeypatch.setattr(keys, "time", Moved)
    return forward


async def refused(ring: KeyRing, text: str = TEXT) -> bool:
    try:
        await ring.caller(text)
    except InvalidKey:
        return True
    return False


async def test_a_caller_has_what_key_and_team_say(ring: KeyRing) -> None:
    assert await ring.caller(TEXT) == Caller(
        "team_1",
        "key_1",
        "team_admin",
        (Rights(None, ("fal",)), Rights(("qwen-*",))),
        (("key_1", Limits(None, 5)), ("team_1", Limits(60))),
        (Budget("team_1", 9, "month"),),
    )


async def test_what_comes_at_once_shares_a_read_and_what_comes_soon_needs_none(
    ring: KeyRing, watched: Watched, clock: Callable[[float], None]
) -> None:
    watched.go_on.clear()
    waiting = [asyncio.create_task(ring.caller(TEXT)) for _each in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    watched.go_on.set()
    callers = await asyncio.gather(*waiting[1:])
    assert len({id(caller) for caller in callers}) == 1
    assert await ring.caller(TEXT) is callers[0]
    assert watched.reads == ["find_key"]
    clock(0.6)
    await ring.caller(TEXT)
    assert watched.reads == ["find_key"] * 2


async def test_a_read_that_takes_long_is_not_believed_by_who_came_later(
    ring: KeyRing, watched: Watched, clock: Callable[[float], None]
) -> None:
    watched.go_on.clear()
    first = asyncio.create_task(ring.caller(TEXT))
    await watched.found.wait()
    await watched.write(revoke_key, "key_1", 1.0)
    clock(0.6)
    later = asyncio.create_task(refused(ring))
    await asyncio.sleep(0)
    watched.go_on.set()
    assert await later
    await asyncio.gather(first, return_exceptions=True)
    assert await refused(ring)


ENDS: dict[str, Change] = {
    "revoked": lambda connection: revoke_key(connection, "key_1", 1.0),
    "disabled": lambda connection: change_key(connection, "key_1", {"disabled": True}),
    "expired": lambda connection: change_key(connection, "key_1", {"expires": 1.0}),
    "its team disabled": lambda connection: change_team(connection, "team_1", {"disabled": True}),
    "rotated": lambda connection: rotate_key(connection, "key_1", "other", "ek_", now=1.0, grace=0.0),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_key_that_ends_is_refused_within_a_second(
    ring: KeyRing, watched: Watched, clock: Callable[[float], None], end: str
) -> None:
    await ring.caller(TEXT)
    await watched.write(ENDS[end])
    clock(0.6)
    assert await refused(ring)


async def test_an_end_that_was_known_beforehand_is_kept_to_the_moment(
    ring: KeyRing, watched: Watched, clock: Callable[[float], None]
) -> None:
    await watched.write(rotate_key, "key_1", "other", "ek_", now=time.time(), grace=0.3)
    await ring.caller(TEXT)
    clock(0.3)
    assert await refused(ring)


async def test_what_was_changed_here_holds_here_at_once(ring: KeyRing, watched: Watched) -> None:
    await ring.caller(TEXT)
    await watched.write(revoke_key, "key_1", 1.0)
    ring.forget()
    assert await refused(ring)


@pytest.mark.parametrize(
    "text",
    ["", "ek_", TEXT[:-1], TEXT + "A", TEXT.replace("ek_", "sk-"), "ek_" + "é" * 43, "x" * 9000],
    ids=["empty", "prefix", "truncated", "too long", "another prefix", "other letters", "much too long"],
)
async def test_what_can_be_no_key_is_refused_without_a_read(ring: KeyRing, watched: Watched, text: str) -> None:
    assert await refused(ring, text)
    assert not watched.reads


async def test_a_new_key_works_at_once_although_it_was_refused_before(ring: KeyRing, watched: Watched) -> None:
    text = make_key()
    assert await refused(ring, text)
    await watched.write(create_key, replace(KEY, id="key_2"), hash_key(text))
    assert (await ring.caller(text)).key == "key_2"


async def test_without_the_database_the_admin_key_works_and_others_wait(
    ring: KeyRing, watched: Watched, clock: Callable[[float], None]
) -> None:
    await watched.write(change_team, "default", {"requests_per_minute": 7})
    bounded = Caller("default", "admin", "admin", limits=(("default", Limits(7)),))
    assert await ring.caller(ADMIN) == bounded
    await ring.caller(TEXT)
    watched.away = True
    clock(0.6)
    assert await ring.caller(ADMIN) == bounded
    with pytest.raises(Overloaded):
        await ring.caller(TEXT)
    fresh = KeyRing(watched, hash_key(ADMIN))
    assert await fresh.caller(ADMIN) == Caller("default", "admin", "admin")


async def test_a_database_that_hangs_holds_the_admin_key_up_once(ring: KeyRing, watched: Watched) -> None:
    watched.go_on.clear()
    started = time.monotonic()
    for _each in range(10):
        assert (await ring.caller(ADMIN)).admin
    assert time.monotonic() - started < 5 * keys.PATIENCE_SECONDS
    await ring.close()


async def test_the_admins_team_may_bound_it_within_a_second(
    ring: KeyRing, watched: Watched, clock: Callable[[float], None]
) -> None:
    assert not (await ring.caller(ADMIN)).rights
    await watched.write(change_team, "default", {"models": ("qwen-*",)})
    clock(0.6)
    assert (await ring.caller(ADMIN)).rights == (Rights(("qwen-*",)),)


async def test_the_longest_kept_goes_when_there_are_too_many(
    ring: KeyRing, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_KEPT", 2)
    texts = [make_key() for _each in range(3)]
    for number, text in enumerate(texts):
        await watched.write(create_key, replace(KEY, id=f"key_more_{number}"), hash_key(text))
        await ring.caller(text)
    await ring.caller(texts[2])
    assert len(watched.reads) == 3
    await ring.caller(texts[0])
    assert len(watched.reads) == 4


async def test_too_many_lookups_at_once_are_turned_away(
    ring: KeyRing, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_READS", 2)
    watched.go_on.clear()
    waiting = [asyncio.create_task(refused(ring, make_key())) for _each in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await ring.caller(TEXT)
    watched.go_on.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert (await ring.caller(TEXT)).key == "key_1"


async def test_when_a_key_was_used_is_written_down_at_the_end(ring: KeyRing, watched: Watched) -> None:
    ring.start()
    before = time.time()
    await ring.caller(TEXT)
    watched.away = True
    await ring.note()
    watched.away = False
    await ring.close()
    found = await watched.read(read_key, "key_1")
    assert found.key.last_used >= before


async def test_a_job_that_goes_on_has_its_keys_bounds_although_the_key_has_ended(
    ring: KeyRing, watched: Watched
) -> None:
    asked = await ring.caller(TEXT)
    await watched.write(revoke_key, "key_1", 1.0)
    assert await caller_again(watched, "team_1", "key_1") == asked
    assert await watched.read(find_key, hash_key(TEXT)) is None
    of_team = await caller_again(watched, "team_1", "key_of_a_time_before")
    assert (of_team.key, of_team.budgets) == ("key_of_a_time_before", asked.budgets)
    assert await caller_again(watched, "nobody", "admin") == Caller("nobody", "admin")
    assert (await caller_again(watched, "default", "key_1")).rights == (), "a key of another team"
