"""A team's secrets: one is made when it is needed, and a new one lets the others sign for a while."""

import asyncio
import base64

import pytest

from gateway.store.database import Database
from gateway.store.sealing import Seal
from gateway.store.teams import ensure_team
from gateway.store.webhook_secrets import MOST, TooManySecrets, forget, in_use, in_use_or, make_secret, rotate

SEAL = Seal(b"a key of the tests")


@pytest.fixture
async def team(database: Database) -> str:
    await database.write(ensure_team, "ours", 0.0)
    return "ours"


async def ids(database: Database, team: str, now: float) -> list[str]:
    return [secret.id for secret in await database.read(in_use, team, now)]


def test_a_secret_has_256_random_bits_and_is_not_in_the_clear() -> None:
    secret, text = make_secret("ours", SEAL, 100)
    assert text.startswith("whsec_")
    assert len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) == 32
    assert SEAL.open(secret.sealed, secret.id) == text
    assert text not in repr(secret)
    assert text.encode() not in secret.sealed


async def test_a_team_without_a_secret_has_one_made_once(database: Database, team: str) -> None:
    made = [make_secret(team, SEAL, 100)[0] for _each in range(4)]
    found = await asyncio.gather(*(database.write(in_use_or, each) for each in made))
    assert len(set(found)) == 1
    assert await database.read(in_use, team, 100) == found[0]


async def test_a_new_one_has_the_others_end(database: Database, team: str) -> None:
    old, newer, newest = (make_secret(team, SEAL, now)[0] for now in (100, 200, 210))
    await database.write(rotate, old, 50)
    await database.write(rotate, newer, 50)
    await database.write(rotate, newest, 1000)
    assert await ids(database, team, 249) == [newest.id, newer.id, old.id]
    assert [secret.expires for secret in await database.read(in_use, team, 210)] == [None, 1210, 250]
    assert await ids(database, team, 250) == [newest.id, newer.id]
    assert await ids(database, team, 1210) == [newest.id]
    assert await ids(database, "default", 100) == []


async def test_without_overlap_the_others_end_at_once(database: Database, team: str) -> None:
    old, new = (make_secret(team, SEAL, now)[0] for now in (100, 200))
    await database.write(rotate, old, 0)
    await database.write(rotate, new, 0)
    assert await ids(database, team, 200) == [new.id]


async def test_there_is_a_bound_and_expired_ones_do_not_count(database: Database, team: str) -> None:
    for number in range(MOST):
        await database.write(rotate, make_secret(team, SEAL, 100 + number)[0], 1000)
    with pytest.raises(TooManySecrets):
        await database.write(rotate, make_secret(team, SEAL, 200)[0], 0.5)
    assert len(await ids(database, team, 201)) == MOST, "nothing has changed"
    await database.write(rotate, make_secret(team, SEAL, 2000)[0], 1000)
    assert len(await ids(database, team, 2000)) == 2


async def test_a_deleted_one_signs_nothing(database: Database, team: str) -> None:
    secret, _text = make_secret(team, SEAL, 100)
    await database.write(rotate, secret, 0)
    assert not await database.write(forget, "default", secret.id)
    assert await database.write(forget, team, secret.id)
    assert not await database.write(forget, team, secret.id)
    assert await ids(database, team, 100) == []
