"""Which job a request is about that was sent before: by its caller's key for a day, or by what it asks for."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert, update

from gateway.store.database import Database
from gateway.store.idempotency import KEPT_SECONDS, Holder, claim_keys, holder_of
from gateway.store.jobs import find_resent, mark_gone
from gateway.store.tables import idempotency, jobs
from tests.store.writing import AT, TEAM, change, column, ending, new_id, new_job, opening, written

CALLER, BODY = "key_1", "hash of a fox"


async def running(database: Database, count: int = 1, key: str | None = None) -> list[str]:
    """So many jobs of one request, oldest first."""
    ids = [new_id() for _time in range(count)]
    await written(database, *(opening(id, body=BODY, key=key, created=AT + age) for age, id in enumerate(ids)))
    return ids


async def resent(
    database: Database, *, team: str = TEAM, caller: str = CALLER, body: str = BODY, since: float = 0
) -> str | None:
    row = await database.write(find_resent, team, caller, body, since)
    return None if row is None else row.id


async def test_the_oldest_forsaken_one_first_then_the_newest(database: Database) -> None:
    first, second, third = await running(database, 3)
    await database.write(mark_gone, [first, second])
    assert [await resent(database) for _time in range(4)] == [first, second, third, third]
    assert not await column(database, first, "gone")


async def test_the_row_says_whether_it_was_forsaken(database: Database) -> None:
    [id] = await running(database)
    await database.write(mark_gone, [id])
    rows = [await database.write(find_resent, TEAM, CALLER, BODY, 0.0) for _time in range(2)]
    assert [row.gone for row in rows if row is not None] == [True, False]


@pytest.mark.parametrize("other", [{"team": "team_2"}, {"caller": "key_2"}, {"body": "hash of a cat"}], ids=str)
async def test_nobody_elses(database: Database, other: dict[str, Any]) -> None:
    [id] = await running(database)
    await database.write(mark_gone, [id])
    assert await resent(database, **other) is None
    assert await resent(database) == id


async def test_one_with_a_key_of_its_own_is_found_by_that_alone(database: Database) -> None:
    [keyed] = await running(database, key="order 1")
    await database.write(mark_gone, [keyed])
    assert await resent(database) is None
    holder = await database.read(holder_of, TEAM, "order 1", AT + 1)
    assert holder == Holder(keyed, BODY)


async def test_what_ended_long_ago_is_not_found_and_what_runs_is(database: Database) -> None:
    [id] = await running(database)
    assert await resent(database, since=AT + 10_000) == id
    await written(database, ending(id))
    finished = float(await column(database, id, "finished"))
    assert await resent(database, since=finished) == id
    assert await resent(database, since=finished + 0.001) is None


async def test_deleted_ones_are_not_found(database: Database) -> None:
    [id] = await running(database)
    await change(database, lambda connection: connection.execute(update(jobs).values(deleting=True)))
    assert await resent(database) is None
    assert id


async def test_who_asks_at_the_same_moment_gets_another_one(database: Database) -> None:
    ids = await running(database, 8)
    await database.write(mark_gone, ids)
    found = await asyncio.gather(*(resent(database) for _id in ids))
    assert sorted(map(str, found)) == ids


async def test_a_key_is_kept_for_a_day(database: Database) -> None:
    first, later = new_job(new_id(), key="k", created=AT), new_job(new_id(), key="k", created=AT + KEPT_SECONDS)
    latest = new_job(new_id(), key="k", created=AT + KEPT_SECONDS + 0.001)
    claimed = [await database.write(claim_keys, [each]) for each in (first, later, latest)]
    holders = [next(iter(each.values())).job for each in claimed]
    assert holders == [first.id, first.id, latest.id]
    assert await database.read(holder_of, TEAM, "k", AT + 2 * KEPT_SECONDS) == Holder(latest.id, latest.body)
    assert await database.read(holder_of, TEAM, "k", AT + 2 * KEPT_SECONDS + 1) is None


async def test_a_key_is_its_teams(database: Database) -> None:
    await database.write(claim_keys, [new_job(new_id(), key="k")])
    row = {"team": "team_2", "key": "k", "body": "theirs", "job": "theirs", "created": AT}
    await change(database, lambda connection: connection.execute(insert(idempotency).values(row)))
    assert await database.read(holder_of, "team_2", "k", AT) == Holder("theirs", "theirs")
    assert await database.read(holder_of, "team_3", "k", AT) is None
    own = new_job(new_id(), key="k")
    held = await database.write(claim_keys, [own])
    assert held[own.id].job not in {own.id, "theirs"}
