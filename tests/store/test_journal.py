"""Entries are written whole, in order, by whoever has the lease, and told when they are there for good."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from gateway.store.database import Database
from gateway.store.database_errors import DatabaseError
from gateway.store.entries import Committed, Delivery, Lease, LeaseLost, Written
from gateway.store.events import job_events_after
from gateway.store.jobs import calls_of, deliveries_of, pictures_of, read_job
from gateway.store.journal import Journal
from gateway.store.processes import claim
from gateway.store.tables import jobs
from tests.store.writing import (
    AT,
    ME,
    TEAM,
    Told,
    call,
    column,
    ending,
    event,
    new_id,
    new_job,
    note,
    opening,
    picture,
    told_types,
    totals,
)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def journal(database: Database, told: Told) -> AsyncGenerator[Journal]:
    opened = Journal(database, told)
    yield opened
    await opened.close()


async def test_a_request_from_its_first_call_to_its_end(database: Database, journal: Journal, told: Told) -> None:
    id = new_id()
    hook = Delivery("msg_1", "webhook", "https://hooks.example/1", due=AT)
    assert await journal.write(opening(id)) == Written()
    begun = await database.read(read_job, id)
    assert begun is not None
    assert (begun.status, begun.owner, begun.attempt, begun.started) == ("running", ME.owner, 1, AT)
    assert begun.request == b'{"prompt":"a secret fox"}'
    assert "fox" not in repr(begun), "a log may hold it"
    end = replace(ending(id), deliveries=(hook,))
    assert end.finish is not None
    assert await journal.write(end) == Written()
    ended = await database.read(read_job, id)
    assert ended == replace(
        begun,
        status="succeeded",
        request=None,
        finished=end.finish.at,
        provider="fal",
        cost_micros=20_000,
        result=b'{"data":[]}',
    )
    assert await database.read(calls_of, id) == end.calls
    assert await database.read(pictures_of, id, "image") == (picture(),)
    [delivery] = await database.read(deliveries_of, id)
    assert (delivery.id, delivery.url, delivery.state, delivery.tries, delivery.due) == (
        "msg_1",
        "https://hooks.example/1",
        "pending",
        0,
        AT,
    )
    types = ["accepted", "started", "image", "finished"]
    assert await told_types(database, id) == types
    assert [(each.seq, each.team, each.job, each.type, each.at) for each in told.events] == [
        (seq, TEAM, id, type, AT) for seq, type in enumerate(types, 1)
    ]
    assert [each.data for each in told.events] == [{}, {}, {"index": 0}, {"status": "succeeded"}]


async def test_a_queued_job_is_nobodys_until_it_is_claimed(database: Database, journal: Journal) -> None:
    id = new_id()
    await journal.write(replace(note(id), new=new_job(id, owner=None, status="queued"), lease=None))
    queued = await database.read(read_job, id)
    assert queued is not None
    assert (queued.status, queued.owner, queued.attempt, queued.started) == ("queued", None, 0, None)
    [claimed] = await database.write(claim, "prc_other", time.time(), 10, 5)
    await journal.write(note(id, Lease("prc_other", 1), started=AT))
    assert (claimed.id, claimed.attempt, await column(database, id, "started")) == (id, 1, AT)


async def test_what_waits_together_is_one_transaction(database: Database, journal: Journal, told: Told) -> None:
    """New, told about and ended at once; of a call and a picture the last word counts."""
    ids = [new_id() for _each in range(30)]
    ticket = [note(id, calls=(call(state="accepted", ticket="1"),), pictures=(picture(name="b2.png"),)) for id in ids]
    await asyncio.gather(
        *(
            journal.write(entry)
            for id, each in zip(ids, ticket, strict=True)
            for entry in (opening(id), each, ending(id))
        )
    )
    assert await totals(database) == (30, 30, 30, 120)
    for id in ids:
        assert await told_types(database, id) == ["accepted", "started", "image", "finished"]
        [made] = await database.read(calls_of, id)
        assert (made.state, made.ticket, made.indexes) == ("done", '{"id":"1"}', (0, 2))
        assert await database.read(pictures_of, id, "image") == (picture(),)
        assert await column(database, id, "status") == "succeeded"
    assert len(told.events) == 120


@pytest.mark.parametrize("lease", [Lease("prc_other", 1), Lease(ME.owner, 2), Lease(ME.owner, 0)])
async def test_who_has_not_the_lease_writes_nothing(database: Database, journal: Journal, lease: Lease) -> None:
    mine, others = new_id(), new_id()
    await journal.write(opening(mine))
    await journal.write(opening(others))
    before = await totals(database)
    wrong, right = await asyncio.gather(
        journal.write(ending(mine, lease)),
        journal.write(note(others, calls=(call(1),), events=(event("image", index=0),))),
        return_exceptions=True,
    )
    assert isinstance(wrong, LeaseLost)
    assert right == Written(), "it is not taken along"
    assert await totals(database) == (before[0], before[1] + 1, before[2], before[3] + 1)
    assert await column(database, mine, "status") == "running"


async def test_a_new_attempt_shuts_out_the_one_before(database: Database, journal: Journal) -> None:
    id = new_id()
    await journal.write(opening(id))
    [claimed] = await database.write(claim, "prc_other", time.time(), 10, 5)
    assert (claimed.id, claimed.owner, claimed.attempt) == (id, "prc_other", 2)
    with pytest.raises(LeaseLost):
        await journal.write(ending(id))
    await journal.write(ending(id, Lease("prc_other", 2)))
    assert await told_types(database, id) == ["accepted", "started", "image", "finished"]


async def test_nothing_is_written_about_a_job_that_ended(database: Database, journal: Journal) -> None:
    id = new_id()
    await journal.write(opening(id))
    first, second = await asyncio.gather(
        journal.write(ending(id)), journal.write(ending(id, leftover=True)), return_exceptions=True
    )
    assert first == Written()
    assert isinstance(second, LeaseLost), "in the same transaction"
    with pytest.raises(LeaseLost):
        await journal.write(note(id, events=(event("image"),)))
    assert await column(database, id, "status") == "succeeded"
    assert await told_types(database, id) == ["accepted", "started", "image", "finished"]


async def test_nothing_is_written_about_a_job_that_is_not_there(database: Database, journal: Journal) -> None:
    with pytest.raises(LeaseLost):
        await journal.write(ending(new_id()))
    assert await totals(database) == (0, 0, 0, 0)


async def test_a_note_that_can_wait_goes_with_the_next(database: Database, journal: Journal, told: Told) -> None:
    id = new_id()
    await journal.write(opening(id))
    journal.later(note(id, events=(event("image", index=0),)))
    await asyncio.sleep(0)
    assert told.of(id) == ["accepted", "started"], "it did not hurry"
    journal.later(note(id, events=(event("image", index=1),)))
    await journal.write(ending(id))
    assert await told_types(database, id) == ["accepted", "started", "image", "image", "image", "finished"]
    assert [each.data.get("index") for each in told.events] == [None, None, 0, 1, 0, None]


async def test_a_note_that_can_wait_does_not_wait_for_ever(database: Database) -> None:
    there = asyncio.Event()

    def tell(committed: Sequence[Committed]) -> None:
        if committed[0].type == "image":
            there.set()

    journal = Journal(database, tell)
    id = new_id()
    await journal.write(opening(id))
    journal.later(note(id, events=(event("image", index=0),)))
    async with asyncio.timeout(10):
        await there.wait()
    assert await told_types(database, id) == ["accepted", "started", "image"]
    await journal.close()


async def test_a_lost_lease_is_told_to_the_next_who_waits(database: Database, journal: Journal) -> None:
    id = new_id()
    await journal.write(opening(id))
    await database.write(claim, "prc_other", time.time(), 10, 5)
    journal.later(note(id, events=(event("image"),)))
    journal.later(note(id, events=(event("image"),)))
    await journal.flush()
    assert journal.left_out == 2
    with pytest.raises(LeaseLost):
        await journal.write(ending(id))
    assert await told_types(database, id) == ["accepted", "started"]


async def test_entries_of_a_job_keep_their_order(database: Database, journal: Journal) -> None:
    """More than fit into one transaction, of both kinds."""
    ids = [new_id() for _each in range(5)]
    await asyncio.gather(*(journal.write(opening(id)) for id in ids))
    waiting: list[asyncio.Task[Written]] = []
    for index in range(120):
        for id in ids:
            entry = note(id, calls=(call(state="accepted", ticket=str(index)),), events=(event("image", index=index),))
            if index % 3:
                journal.later(entry)
            else:
                waiting.append(asyncio.create_task(journal.write(entry)))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    await journal.flush()
    for id in ids:
        assert await indexes_told(database, id) == list(range(120))
        [made] = await database.read(calls_of, id)
        assert made.ticket == "119"


async def indexes_told(database: Database, job: str) -> list[int]:
    found = await database.read(job_events_after, job, 0, 1000)
    return [each.data["index"] for each in found or [] if each.type == "image"]


async def test_what_the_database_refuses_takes_nothing_along(database: Database, journal: Journal) -> None:
    """A number that no column holds."""
    good, bad, late = new_id(), new_id(), new_id()
    await asyncio.gather(*(journal.write(opening(id)) for id in (good, bad, late)))
    journal.later(note(late, calls=(call(cost_micros=2**80),)))
    journal.later(note(late, events=(event("image", index=1),)))
    ended, refused = await asyncio.gather(
        journal.write(ending(good)),
        journal.write(replace(ending(bad), calls=(call(cost_micros=2**80),))),
        return_exceptions=True,
    )
    assert ended == Written()
    assert isinstance(refused, DatabaseError)
    assert str(2**80) not in str(refused)
    assert await told_types(database, good) == ["accepted", "started", "image", "finished"]
    assert await told_types(database, bad) == ["accepted", "started"]
    assert await told_types(database, late) == ["accepted", "started", "image"]
    assert await journal.write(ending(bad)) == Written()


async def test_who_goes_away_has_handed_it_over(database: Database, journal: Journal) -> None:
    id = new_id()
    leaving = asyncio.create_task(journal.write(opening(id)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    await journal.write(ending(id))
    assert await told_types(database, id) == ["accepted", "started", "image", "finished"]


async def test_a_listener_that_fails_loses_nothing(database: Database) -> None:
    def fails(_committed: Sequence[Committed]) -> None:
        raise ValueError("a secret fox")

    journal = Journal(database, fails)
    id = new_id()
    await journal.write(opening(id))
    await journal.write(ending(id))
    await journal.close()
    assert await totals(database) == (1, 1, 1, 4)


async def test_closing_writes_what_still_waits(database: Database) -> None:
    journal = Journal(database, Told())
    id = new_id()
    await journal.write(opening(id))
    for index in range(3):
        journal.later(note(id, events=(event("image", index=index),)))
    await journal.close()
    assert await told_types(database, id) == ["accepted", "started", "image", "image", "image"]
    journal.later(note(id, events=(event("image"),)))
    with pytest.raises(DatabaseError):
        await journal.write(ending(id))
    assert await totals(database) == (1, 1, 0, 5)


async def test_a_job_that_is_to_be_deleted_is_written_to_its_end(database: Database, journal: Journal) -> None:
    """Only then is known all that it made."""
    id = new_id()
    await journal.write(opening(id))

    def mark(connection: Connection) -> None:
        connection.execute(update(jobs).where(jobs.c.id == id).values(deleting=True))

    await database.write(mark)
    await journal.write(ending(id))
    assert await totals(database) == (1, 1, 1, 4)
    assert await database.read(read_job, id) is None
