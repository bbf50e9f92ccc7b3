"""Teams' own keys as a process remembers them: never older than a second, and kept while the database is away."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.provider_keys import drop_key, keep_key, sealed_key
from gateway.store.sealing import Seal
from gateway.store.teams import ensure_team
from gateway.tenancy.own_keys import FRESH_SECONDS, OwnKey, OwnKeys
from tests.gateway.clock import Clock

SEAL = Seal(b"a key of the tests")


class Watched:
    """Reads as the database does, counted, held up while `open` is not set, and not at all while it is `away`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads = 0
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()

    async def read(self, work: Callable[..., Any], *args: Any) -> Any:
        self.reads += 1
        self.begun.set()
        if self.away:
            raise DatabaseError("it is away")
        found = await self._database.read(work, *args)
        await self.open.wait()
        return found


@pytest.fixture
async def watched(database: Database) -> Watched:
    await database.write(ensure_team, "a", 0.0)
    await database.write(keep_key, sealed_key("a", "fal", "one", SEAL, 1.0))
    return Watched(database)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def own_keys(watched: Watched, clock: Clock, seal: Seal = SEAL) -> OwnKeys:
    return OwnKeys(watched, seal, clock=clock)  # pyright: ignore[reportArgumentType] - all of a database that it uses


def texts(keys: Mapping[str, OwnKey]) -> dict[str, str | None]:
    return {name: key.text for name, key in keys.items()}


async def test_a_change_elsewhere_holds_within_a_second(database: Database, watched: Watched, clock: Clock) -> None:
    keys = own_keys(watched, clock)
    assert texts(await keys.of("a")) == {"fal": "one"}
    await database.write(keep_key, sealed_key("a", "fal", "two", SEAL, 2.0))
    clock.passes(FRESH_SECONDS / 2)
    assert texts(await keys.of("a")) == {"fal": "one"}
    assert watched.reads == 1
    clock.passes(1)
    assert texts(await keys.of("a")) == {"fal": "two"}
    await database.write(drop_key, "a", "fal")
    clock.passes(1)
    assert await keys.of("a") == {}
    assert FRESH_SECONDS < 1


async def test_a_change_here_holds_at_once_even_while_a_read_is_under_way(
    database: Database, watched: Watched, clock: Clock
) -> None:
    keys = own_keys(watched, clock)
    watched.open.clear()
    early = asyncio.create_task(keys.of("a"))
    await watched.begun.wait()
    await database.write(keep_key, sealed_key("a", "fal", "two", SEAL, 2.0))
    keys.forget("a")
    late = asyncio.create_task(keys.of("a"))
    watched.open.set()
    await early
    assert texts(await late) == texts(await keys.of("a")) == {"fal": "two"}


async def test_who_asks_at_once_shares_a_read(watched: Watched, clock: Clock) -> None:
    keys = own_keys(watched, clock)
    found = await asyncio.gather(*(keys.of("a") for _caller in range(50)))
    assert watched.reads == 1
    assert all(each is found[0] for each in found)


async def test_without_the_database_the_last_ones_hold(watched: Watched, clock: Clock) -> None:
    keys = own_keys(watched, clock)
    await keys.of("a")
    watched.away = True
    clock.passes(3600)
    assert texts(await keys.of("a")) == {"fal": "one"}
    with pytest.raises(DatabaseError):
        await keys.of("b")


async def test_one_that_cannot_be_opened_is_still_one(watched: Watched, clock: Clock) -> None:
    """So that nobody takes ours for it. The log says so once."""
    keys = own_keys(watched, clock, Seal(b"another"))
    with capture_logs() as logged:
        for _second in range(5):
            assert texts(await keys.of("a")) == {"fal": None}
            clock.passes(1)
    assert [(entry["event"], entry["team"], entry["provider"]) for entry in logged] == [
        ("provider_key_not_opened", "a", "fal")
    ]


async def test_it_is_shown_nowhere(watched: Watched, clock: Clock) -> None:
    [key] = (await own_keys(watched, clock).of("a")).values()
    assert key.text == "one"
    assert "one" not in repr(key)
