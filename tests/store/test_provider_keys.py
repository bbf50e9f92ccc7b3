"""The table of teams' own keys: one for each provider, sealed for its team alone."""

import pytest

from gateway.store.database import Database
from gateway.store.provider_keys import any_keys, drop_key, keep_key, keys_of_team, owner_of, sealed_key
from gateway.store.sealing import Seal, SealingError
from gateway.store.teams import ensure_team

SEAL = Seal(b"a key of the tests")


@pytest.fixture(autouse=True)
async def teams(database: Database) -> None:
    for team in ("a", "b"):
        await database.write(ensure_team, team, 0.0)


async def test_one_for_each_provider_and_the_last_one_counts(database: Database) -> None:
    first, second = (sealed_key("a", "fal", text, SEAL, moment) for text, moment in (("one", 1.0), ("two", 2.0)))
    assert await database.write(keep_key, first)
    assert not await database.write(keep_key, second)
    assert await database.write(keep_key, sealed_key("a", "alibaba", "three", SEAL, 3.0))
    found = await database.read(keys_of_team, "a")
    assert [(key.provider, key.created) for key in found] == [("alibaba", 3.0), ("fal", 2.0)]
    assert [SEAL.open(key.sealed, owner_of(key.team, key.provider)) for key in found] == ["three", "two"]
    assert await database.read(keys_of_team, "b") == ()


async def test_it_opens_for_its_own_team_and_provider_alone() -> None:
    key = sealed_key("a", "fal", "one", SEAL, 1.0)
    for team, provider in (("b", "fal"), ("a", "openai")):
        with pytest.raises(SealingError):
            SEAL.open(key.sealed, owner_of(team, provider))
    assert b"one" not in key.sealed
    assert "sealed" not in repr(key)


async def test_a_key_is_dropped_once_and_only_by_its_team(database: Database) -> None:
    assert not await database.read(any_keys)
    await database.write(keep_key, sealed_key("a", "fal", "one", SEAL, 1.0))
    assert not await database.write(drop_key, "b", "fal")
    assert await database.read(any_keys)
    assert [await database.write(drop_key, "a", "fal") for _try in range(2)] == [True, False]
    assert await database.read(keys_of_team, "a") == ()
