"""Keys in both databases: found by a hash, changed, rotated with a time of grace, revoked for good."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, func, select

from gateway.store.bounds import Bounds
from gateway.store.database import Database
from gateway.store.keys import (
    MOST_HASHES,
    KeyRow,
    TooManyHashes,
    change_key,
    create_key,
    find_key,
    list_keys,
    note_used,
    read_key,
    revoke_key,
    rotate_key,
)
from gateway.store.teams import NameTaken, TeamRow, change_team, create_team, ensure_team, find_team, list_teams
from gateway.store.tenant_tables import key_hashes

BOUNDS = Bounds(("qwen-*", "fal/*"), ("fal",), 1, 2, 3.5, 4, 10**15, "day", 60, 61)
TEAM = TeamRow("team_1", "design", 5.0, bounds=BOUNDS)
KEY = KeyRow("key_1", "team_1", "ci", "user", "ek_abc", "admin", 6.0)
FULL = replace(
    KEY,
    expires=100.0,
    disabled=True,
    strict=False,
    response_format="both",
    join_retries=False,
    share_cache=False,
    bounds=BOUNDS,
)


@pytest.fixture
async def tenants(database: Database) -> Database:
    await database.write(create_team, TEAM)
    return database


def hashes(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(key_hashes)) or 0


@pytest.mark.parametrize("key", [KEY, FULL], ids=["bare", "full"])
async def test_a_key_is_found_by_its_hash_with_its_team(tenants: Database, key: KeyRow) -> None:
    await tenants.write(create_key, key, "h1")
    found = await tenants.read(find_key, "h1")
    assert found == (key, TEAM, "h1", None)
    assert found is not None
    assert type(found.key.disabled) is bool
    assert type(found.key.strict) is type(key.strict)
    assert await tenants.read(find_key, "h2") is None
    read = await tenants.read(read_key, key.id)
    assert read is not None
    assert (read.key, read.team) == (key, TEAM)


async def test_what_is_changed_is_changed_alone(tenants: Database) -> None:
    await tenants.write(create_key, FULL, "h1")
    changed = await tenants.write(change_key, "key_1", {"models": None, "strict": None, "name": "other"})
    assert changed == replace(FULL, name="other", strict=None, bounds=replace(BOUNDS, models=None))
    assert await tenants.write(change_key, "key_2", {"name": "nobody"}) is None


async def test_a_rotated_key_has_two_texts_for_a_while(tenants: Database) -> None:
    await tenants.write(create_key, KEY, "h1")
    rotated = await tenants.write(rotate_key, "key_1", "h2", "ek_def", now=10.0, grace=5.0)
    assert rotated == replace(KEY, prefix="ek_def")
    old, new = await tenants.read(find_key, "h1"), await tenants.read(find_key, "h2")
    assert old is not None
    assert new is not None
    assert (old.expires, new.expires) == (15.0, None)
    await tenants.write(rotate_key, "key_1", "h3", "ek_ghi", now=11.0, grace=100.0)
    old = await tenants.read(find_key, "h1")
    assert old is not None
    assert old.expires == 15.0, "a longer grace gives an old text no more time"


async def test_without_grace_all_older_texts_end_at_once(tenants: Database) -> None:
    await tenants.write(create_key, KEY, "h1")
    await tenants.write(rotate_key, "key_1", "h2", "ek_def", now=10.0, grace=50.0)
    await tenants.write(rotate_key, "key_1", "h3", "ek_ghi", now=11.0, grace=0.0)
    assert [await tenants.read(find_key, hash) is not None for hash in ("h1", "h2", "h3")] == [False, False, True]
    assert await tenants.read(hashes) == 1


async def test_a_key_has_so_many_texts_and_no_more(tenants: Database) -> None:
    await tenants.write(create_key, KEY, "h0")
    for number in range(1, MOST_HASHES):
        await tenants.write(rotate_key, "key_1", f"h{number}", "ek_", now=10.0, grace=50.0)
    with pytest.raises(TooManyHashes):
        await tenants.write(rotate_key, "key_1", "one more", "ek_x", now=10.0, grace=50.0)
    assert await tenants.read(find_key, "one more") is None
    assert await tenants.write(rotate_key, "key_1", "later", "ek_x", now=60.0, grace=50.0) is not None


async def test_a_revoked_key_is_found_no_more_and_stays_revoked(tenants: Database) -> None:
    await tenants.write(create_key, KEY, "h1")
    assert await tenants.write(revoke_key, "key_1", 20.0)
    assert await tenants.write(revoke_key, "key_1", 30.0)
    assert not await tenants.write(revoke_key, "key_2", 30.0)
    assert await tenants.read(find_key, "h1") is None
    read = await tenants.read(read_key, "key_1")
    assert read is not None
    assert read.key.revoked == 20.0
    assert await tenants.write(rotate_key, "key_1", "h2", "ek_def", now=40.0, grace=0.0) is None
    assert await tenants.read(hashes) == 0


async def test_lists_begin_with_the_newest_and_go_on_behind_an_id(tenants: Database) -> None:
    await tenants.write(create_team, TeamRow("team_2", "other", 6.0))
    for number, team in enumerate(("team_1", "team_2", "team_1", "team_1")):
        await tenants.write(create_key, replace(KEY, id=f"key_{number}", team=team), f"h{number}")

    async def listed(team: str | None, after: str | None, most: int) -> list[str]:
        return [key.id for key in await tenants.read(list_keys, team, after, most)]

    assert await listed(None, None, 10) == ["key_3", "key_2", "key_1", "key_0"]
    assert await listed(None, "key_2", 1) == ["key_1"]
    assert await listed("team_1", "key_3", 10) == ["key_2", "key_0"]
    assert [team.id for team in await tenants.read(list_teams, None, 10)] == ["team_2", "team_1"]
    assert await tenants.read(list_teams, "team_1", 10) == []


async def test_when_a_key_was_used_last_never_goes_back(tenants: Database) -> None:
    await tenants.write(create_key, KEY, "h1")
    for used in ({"key_1": 50.0}, {"key_1": 40.0, "key_2": 60.0}, {}):
        await tenants.write(note_used, used)
    read = await tenants.read(read_key, "key_1")
    assert read is not None
    assert read.key.last_used == 50.0


async def test_a_name_or_an_id_finds_one_team(tenants: Database) -> None:
    await tenants.write(ensure_team, "default", 0.0)
    await tenants.write(ensure_team, "default", 1.0)
    for wanted in ("design", "team_1"):
        assert await tenants.read(find_team, wanted) == TEAM
    assert (await tenants.read(find_team, "default") or TEAM).name == "default"
    assert await tenants.read(find_team, "Design") is None
    for taken in ("design", "team_1", "default"):
        with pytest.raises(NameTaken):
            await tenants.write(create_team, TeamRow("team_2", taken, 7.0))
    with pytest.raises(NameTaken):
        await tenants.write(change_team, "default", {"name": "design"})
    changed = await tenants.write(change_team, "team_1", {"name": "design", "budget_micros": 0})
    assert changed == replace(TEAM, bounds=replace(BOUNDS, budget_micros=0))
