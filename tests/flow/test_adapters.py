"""Adapters under teams' own keys: made once, closed when their last call is over, and no more of them than may be."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.flow import adapters as module
from gateway.flow.access import Access
from gateway.flow.adapters import Adapters
from gateway.flow.routing import Routing
from gateway.store.database import SQLite
from gateway.store.provider_keys import drop_key, keep_key, sealed_key
from gateway.store.sealing import Seal
from gateway.store.tables import metadata
from gateway.store.teams import ensure_team
from gateway.tenancy.own_keys import OwnKeys
from providers.registry import ProviderSettings

SEAL = Seal(b"a key of the tests")
PROVIDERS = {
    "fal": ProviderSettings("fal", "fal", api_key="ours"),
    "openai": ProviderSettings("openai", "openai"),
    "local": ProviderSettings("local", "local", workers=("http://127.0.0.1:1",)),
    "keyless": ProviderSettings("keyless", "openai_compatible", base_url="http://127.0.0.1:1/v1"),
}


class House:
    """Teams that bring keys."""

    def __init__(self, database: SQLite) -> None:
        self.database = database
        self.adapters = Adapters(PROVIDERS, Routing({}), OwnKeys(database, SEAL))

    async def brings(self, team: str, provider: str, text: str, seal: Seal = SEAL) -> None:
        await self.database.write(ensure_team, team, 0.0)
        await self.database.write(keep_key, sealed_key(team, provider, text, seal, 1.0))
        self.adapters.own_keys.forget(team)

    async def takes_back(self, team: str, provider: str) -> None:
        await self.database.write(drop_key, team, provider)
        self.adapters.own_keys.forget(team)

    async def access(self, team: str, provider: str) -> Access:
        return (await self.adapters.of(team))[provider]


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncGenerator[SQLite]:
    database = SQLite(tmp_path / "easel.db")
    await database.write(metadata.create_all)
    yield database
    await database.close()


@pytest.fixture
async def house(sqlite: SQLite) -> AsyncGenerator[House]:
    made = House(sqlite)
    yield made
    await made.adapters.close()


async def closed(access: Access) -> bool:
    """As soon as that can be."""
    for _turn in range(3):
        await asyncio.sleep(0)
    return not access.is_open


async def test_who_brings_none_shares_ours(house: House) -> None:
    reach = await house.adapters.of("a")
    assert reach is await house.adapters.of("b") is house.adapters.everyone
    assert sorted(reach) == ["fal", "keyless", "local"]


async def test_one_for_a_team_and_a_provider_as_long_as_the_key_is_the_same(house: House) -> None:
    await house.brings("a", "fal", "one")
    await house.brings("b", "fal", "one")
    first = await house.access("a", "fal")
    await house.brings("a", "openai", "two")
    assert await house.access("a", "fal") is first is not await house.access("b", "fal")
    assert first.own
    assert first.standing.health is not house.adapters.ours["fal"].standing.health
    await house.brings("a", "fal", "three")
    assert await house.access("a", "fal") is not first
    assert not (await house.access("a", "local")).own


async def test_it_is_closed_when_its_key_is_gone_and_nobody_uses_it(house: House) -> None:
    await house.brings("a", "fal", "one")
    access = await house.access("a", "fal")
    with access:
        assert access.adapter.name == "fal"
        await house.takes_back("a", "fal")
        assert await house.access("a", "fal") is house.adapters.ours["fal"]
        assert not await closed(access)
    assert await closed(access)
    with access:  # by a request that began with it
        assert access.adapter.name == "fal"
    assert await closed(access)


async def test_ours_stay_open(house: House) -> None:
    with house.adapters.ours["fal"] as access:
        pass
    assert not await closed(access)


async def test_no_more_teams_than_may_be(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TEAMS", 2)
    opened: list[Access] = []
    for team in ("a", "b", "a", "c"):
        await house.brings(team, "fal", "one")
        access = await house.access(team, "fal")
        assert access.adapter.name == "fal"
        opened.append(access)
    a, b, _again, c = opened
    assert [await closed(access) for access in (b, a, c)] == [True, False, False]


async def test_a_key_that_cannot_be_opened_leaves_the_provider_out_of_reach(house: House) -> None:
    await house.brings("a", "fal", "one", Seal(b"another"))
    reach = await house.adapters.of("a")
    assert "fal" not in reach
    assert "cannot be opened" in reach.closed["fal"]


async def test_a_key_for_who_takes_none_any_more_leaves_it_out_of_reach(house: House) -> None:
    """Ours is not used for it, nor does anybody else lose anything."""
    await house.brings("a", "keyless", "one")
    await house.brings("a", "gone", "two")
    reach = await house.adapters.of("a")
    assert sorted(reach) == ["fal", "local"]
    assert reach.closed["keyless"] == "takes no keys; the team's own key there is of no use"
    assert "keyless" in await house.adapters.of("b")


async def test_the_newest_key_for_the_next_call(house: House) -> None:
    await house.brings("a", "fal", "one")
    reach = await house.adapters.of("a")
    assert await house.adapters.now(reach, "fal") is reach
    assert await house.adapters.now(reach, "local") is reach
    await house.brings("a", "fal", "two")
    newer = await house.adapters.now(reach, "fal")
    assert newer is not None
    assert newer["fal"] is await house.access("a", "fal") is not reach["fal"]
    await house.takes_back("a", "fal")
    assert await house.adapters.now(reach, "fal") is None
    ours = await house.adapters.of("a")
    await house.brings("a", "fal", "three")
    assert await house.adapters.now(ours, "fal") is ours, "what began under ours goes on so"


@pytest.mark.parametrize(("provider", "takes"), [("fal", True), ("openai", True), ("local", False), ("keyless", False)])
def test_who_takes_keys(sqlite: SQLite, provider: str, takes: bool) -> None:
    adapters = Adapters(PROVIDERS, Routing({}), OwnKeys(sqlite, SEAL))
    assert (adapters.why_no_key(provider) is None) == takes


def test_an_address_that_is_not_accepted_is_told_before_a_key_is_taken(sqlite: SQLite) -> None:
    off = {"openai": ProviderSettings("openai", "openai", base_url="http://example.com/v1")}
    told = Adapters(off, Routing({}), OwnKeys(sqlite, SEAL)).why_no_key("openai")
    assert told is not None
    assert "cannot be asked" in told
