"""Whoever beats keeps its jobs; those of the others are taken up, oldest first, by one."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select, update

from gateway.store.database import Database
from gateway.store.entries import Entry, Lease, LeaseLost
from gateway.store.jobs import ask_to_cancel, read_job
from gateway.store.processes import (
    FORGOTTEN_AFTER,
    MOST_DEATHS,
    alive,
    beat,
    cancelled,
    claim,
    forget,
    hand_over,
    queue_length,
    release,
    take_queued,
    take_this,
)
from gateway.store.tables import jobs, processes
from tests.store.writing import AT, TEAM, column, ending, new_id, new_job, note, opening, written

LEASE = 10.0
NOW = AT + 1000


def waiting(id: str, created: float = AT) -> Entry:
    """A job that waits for a process."""
    return Entry(id, TEAM, new=replace(new_job(id, owner=None), status="queued", created=created))


def running(id: str, owner: str, created: float = AT) -> Entry:
    return replace(opening(id), new=replace(new_job(id, owner=owner), created=created))


async def claimed(database: Database, owner: str, now: float = NOW, limit: int = 10) -> list[tuple[str, int]]:
    rows = await database.write(claim, owner, now, LEASE, limit)
    for row in rows:
        assert row == await database.read(read_job, row.id)
        assert (row.owner, row.status) == (owner, "running")
    return [(row.id, row.attempt) for row in rows]


async def test_jobs_of_who_beats_are_its_own(database: Database) -> None:
    id = new_id()
    await database.write(beat, "prc_1", NOW - LEASE)
    await written(database, running(id, "prc_1"))
    assert await claimed(database, "prc_2") == []
    assert await claimed(database, "prc_2", NOW + 0.1) == [(id, 2)]
    assert await claimed(database, "prc_2", NOW + 0.1) == [], "it has it"


async def test_a_beat_renews_the_lease(database: Database) -> None:
    id = new_id()
    await database.write(beat, "prc_1", AT)
    await written(database, running(id, "prc_1"))
    await database.write(beat, "prc_1", NOW)
    assert await claimed(database, "prc_2", NOW + LEASE) == []
    rows = await database.read(lambda connection: connection.execute(select(processes)).all())
    assert [tuple(row) for row in rows] == [("prc_1", AT, NOW)]


async def test_who_forgot_to_beat_does_not_claim_its_own(database: Database) -> None:
    """It is still working on them; if it is not, another one claims them."""
    id = new_id()
    await written(database, running(id, "prc_1"))
    assert await claimed(database, "prc_1") == []
    assert await claimed(database, "prc_2") == [(id, 2)]


async def test_the_oldest_of_the_orphans_come_first_and_then_the_queue(database: Database) -> None:
    orphans, queue = [new_id() for _each in range(3)], [new_id() for _each in range(3)]
    await written(database, *(waiting(id, AT - place) for place, id in enumerate(queue)))
    await written(database, *(running(id, "prc_dead", AT + 10 - place) for place, id in enumerate(orphans)))
    assert await claimed(database, "prc_1", limit=2) == [(orphans[2], 2), (orphans[1], 2)]
    assert await claimed(database, "prc_1", limit=2) == [(orphans[0], 2), (queue[2], 1)]
    assert await claimed(database, "prc_1") == [(queue[1], 1), (queue[0], 1)]


async def test_what_is_over_or_to_be_deleted_is_not_claimed(database: Database) -> None:
    over, deleted = new_id(), new_id()
    await written(database, running(over, "prc_1"), running(deleted, "prc_1"), ending(over, Lease("prc_1", 1)))

    def delete(connection: Connection) -> None:
        connection.execute(update(jobs).where(jobs.c.id == deleted).values(deleting=True))

    await database.write(delete)
    assert await claimed(database, "prc_2") == []


async def test_a_former_owner_writes_no_more(database: Database) -> None:
    """Nor does one that had the job, lost it and has it again, under the old attempt."""
    id = new_id()
    await written(database, running(id, "prc_1"))
    assert await claimed(database, "prc_2") == [(id, 2)]
    assert await claimed(database, "prc_1") == [(id, 3)]
    for lease in (Lease("prc_1", 1), Lease("prc_2", 2), Lease("prc_1", 2)):
        with pytest.raises(LeaseLost):
            await written(database, note(id, lease, started=NOW))
    await written(database, ending(id, Lease("prc_1", 3)))
    assert await column(database, id, "status") == "succeeded"


async def test_the_queue(database: Database) -> None:
    ids = [new_id() for _each in range(3)]
    await written(database, *(waiting(id, AT + place) for place, id in enumerate(ids)), running(new_id(), "prc_dead"))
    assert await database.read(queue_length) == 3
    assert await database.write(take_queued, "prc_1", 0) == []
    assert [row.id for row in await database.write(take_queued, "prc_1", 2)] == ids[:2]
    assert [row.id for row in await database.write(take_queued, "prc_1", 2)] == ids[2:]
    assert await database.read(queue_length) == 0


async def test_one_job_of_the_queue(database: Database) -> None:
    ids = [new_id() for _each in range(2)]
    await written(database, *(waiting(id) for id in ids))
    taken = await database.write(take_this, "prc_1", ids[1])
    assert taken is not None
    assert (taken.id, taken.owner, taken.attempt) == (ids[1], "prc_1", 1)
    assert await database.write(take_this, "prc_2", ids[1]) is None
    assert await database.write(take_this, "prc_2", new_id()) is None


async def test_what_is_given_back_is_for_others_at_once(database: Database) -> None:
    begun, not_begun, kept = new_id(), new_id(), new_id()
    await database.write(beat, "prc_1", NOW)
    await written(database, running(begun, "prc_1"), waiting(not_begun), running(kept, "prc_1", AT + 5))
    await database.write(take_this, "prc_1", not_begun)
    await database.write(release, "prc_2", [begun])
    assert await column(database, begun, "owner") == "prc_1", "it was not the other's to give"
    await database.write(release, "prc_1", [])
    await database.write(release, "prc_1", [begun, not_begun])
    assert await column(database, begun, "status") == "running"
    assert await column(database, not_begun, "status") == "queued"
    with pytest.raises(LeaseLost):
        await written(database, note(begun, Lease("prc_1", 1), started=NOW))
    assert set(await claimed(database, "prc_2")) == {(begun, 2), (not_begun, 2)}


async def test_who_ends_leaves_everything(database: Database) -> None:
    named, unnamed = new_id(), new_id()
    await database.write(beat, "prc_1", NOW)
    await written(database, running(named, "prc_1"), running(unnamed, "prc_1", AT + 1))
    await database.write(hand_over, "prc_1", [named])
    assert await database.read(alive, NOW, LEASE) == 0
    assert sorted(await claimed(database, "prc_2")) == [(named, 2), (unnamed, 2)]


async def test_who_is_alive(database: Database) -> None:
    for id, at in (("prc_1", NOW), ("prc_2", NOW - LEASE), ("prc_3", NOW - LEASE - 1)):
        await database.write(beat, id, at)
    assert await database.read(alive, NOW, LEASE) == 2
    await database.write(forget, "prc_1")
    assert await database.read(alive, NOW, LEASE) == 1


async def test_the_long_dead_are_forgotten_with_their_last_job(database: Database) -> None:
    def names(connection: Connection) -> set[str]:
        return set(connection.scalars(select(processes.c.id)))

    id = new_id()
    await database.write(beat, "prc_1", AT)
    await database.write(beat, "prc_2", AT)
    await database.write(beat, "prc_3", AT + FORGOTTEN_AFTER)
    await written(database, running(id, "prc_1"))
    assert await claimed(database, "prc_9", AT + FORGOTTEN_AFTER + 1, limit=0) == []
    assert await database.read(names) == {"prc_1", "prc_3"}
    assert await claimed(database, "prc_9", AT + FORGOTTEN_AFTER + 1) == [(id, 2)]
    assert await claimed(database, "prc_9", AT + FORGOTTEN_AFTER + 1) == []
    assert await database.read(names) == {"prc_3"}


async def test_an_owner_hears_of_what_is_to_be_cancelled(database: Database) -> None:
    mine, others, over = new_id(), new_id(), new_id()
    await written(database, running(mine, "prc_1"), running(others, "prc_2"), running(over, "prc_1"))
    assert await database.read(cancelled, "prc_1") == []
    for id in (mine, others, over):
        await database.write(ask_to_cancel, TEAM, id)
    await written(database, ending(over, Lease("prc_1", 1)))
    assert await database.read(cancelled, "prc_1") == [mine]
    assert await database.read(cancelled, "prc_2") == [others]


async def test_deaths_are_counted_and_what_is_handed_over_caused_none(database: Database) -> None:
    id = new_id()
    await written(database, running(id, "prc_0"))
    for number in range(1, MOST_DEATHS):
        owner = f"prc_{number}"
        [row] = await database.write(claim, owner, NOW, LEASE, 10)
        assert (row.attempt, row.deaths) == (2 * number, number)
        await database.write(release, owner, [id])
        [row] = await database.write(take_queued, owner, 10)
        assert (row.attempt, row.deaths) == (2 * number + 1, number)
    [row] = await database.write(claim, "prc_last", NOW, LEASE, 10)
    assert row.deaths == MOST_DEATHS


async def test_what_died_along_with_a_culprit_is_not_given_up_with_it(database: Database) -> None:
    """Before its last chance a job is in no process with another one that is as suspect."""
    culprit, other, third = ids = [new_id() for _each in range(3)]
    await written(database, *(running(id, "prc_0", AT + place) for place, id in enumerate(ids)))

    async def dies_with(owner: str) -> dict[str, int]:
        return {row.id: row.deaths for row in await database.write(claim, owner, NOW, LEASE, 10)}

    for deaths in range(1, MOST_DEATHS - 1):
        assert await dies_with(f"prc_{deaths}") == dict.fromkeys(ids, deaths)
    assert await dies_with("prc_alone") == {culprit: MOST_DEATHS - 1}
    assert await dies_with("prc_free") == {culprit: MOST_DEATHS, other: MOST_DEATHS - 1}
    assert await dies_with("prc_free") == {}, "until the other one is over"
    await written(database, ending(other, Lease("prc_free", MOST_DEATHS)))
    assert await dies_with("prc_free") == {third: MOST_DEATHS - 1}
