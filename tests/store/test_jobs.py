"""Jobs are found, listed a page at a time, asked to end, and joined by requests that are sent again."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from gateway.store.database import Database
from gateway.store.entries import Delivery, Entry, Finish, NewJob, Status
from gateway.store.jobs import (
    ask_to_cancel,
    calls_of,
    deliveries_of,
    find_resent,
    list_jobs,
    mark_gone,
    pictures_of,
    read_job,
)
from gateway.store.tables import jobs
from tests.store.writing import AT, ME, TEAM, call, column, ending, new_id, new_job, note, opening, picture, written


def begun(id: str, created: float, *, end: Status | None = None, **more: str) -> Entry:
    """A job of a moment, perhaps ended a second later."""
    new = replace(new_job(id), created=created, **more)
    finish = None if end in (None, "queued", "running") else Finish(end, created + 1)
    return Entry(id, new.team, new=new, finish=finish)


def delete(connection: Connection, id: str) -> None:
    connection.execute(update(jobs).where(jobs.c.id == id).values(deleting=True))


async def test_a_job_is_its_teams(database: Database) -> None:
    id = new_id()
    await written(database, begun(id, AT, team="red"))
    found = await database.read(read_job, id)
    assert found is not None
    assert found == await database.read(read_job, id, "red")
    assert await database.read(read_job, id, "blue") is None
    assert await database.read(read_job, new_id()) is None
    await database.write(delete, id)
    assert await database.read(read_job, id) is None


async def test_what_belongs_to_a_job_comes_in_order(database: Database) -> None:
    id = new_id()
    sources = tuple(replace(picture(place), role="source", facts=None) for place in (1, 0))
    sent = (
        Delivery("upl_1", "upload", "https://s.example/1", due=AT, place=1),
        Delivery("msg_1", "webhook", "https://hooks.example", due=AT + 1),
        Delivery("upl_0", "upload", "https://s.example/0", due=AT),
    )
    await written(
        database,
        opening(id),
        note(id, calls=(call(2), call(1)), pictures=(picture(3), picture(1), *sources), deliveries=sent),
        note(id, deliveries=(Delivery("upl_9", "upload", "https://elsewhere.example", due=0, place=1),)),
    )
    assert [each.number for each in await database.read(calls_of, id)] == [0, 1, 2]
    assert await database.read(pictures_of, id, "image") == (picture(1), picture(3))
    assert await database.read(pictures_of, id, "source") == (sources[1], sources[0])
    found = await database.read(deliveries_of, id)
    assert {(each.id, each.kind, each.place, each.url) for each in found} == {
        (each.id, each.kind, each.place, each.url) for each in sent
    }, "the first one asked for stays"


@pytest.fixture
async def seven(database: Database) -> list[str]:
    """Jobs of one team, oldest first, two of the same moment; and one of another team."""
    ids = [new_id() for _each in range(7)]
    moments = [AT, AT + 1, AT + 2, AT + 2, AT + 3, AT + 4, AT + 5]
    ends: list[Status | None] = ["succeeded", "failed", None, "cancelled", "succeeded", None, "succeeded"]
    entries = [begun(id, at, end=end) for id, at, end in zip(ids, moments, ends, strict=True)]
    entries[4] = begun(ids[4], moments[4], end="succeeded", model="flux-2-klein-4b")
    await written(database, *entries, begun(new_id(), AT + 2, team="others"))
    return ids


async def test_the_newest_comes_first(database: Database, seven: list[str]) -> None:
    assert [row.id for row in await database.read(list_jobs, TEAM)] == seven[::-1]
    assert [row.id for row in await database.read(list_jobs, TEAM, limit=2)] == seven[:4:-1]


async def test_a_page_goes_on_where_the_last_one_ended(database: Database, seven: list[str]) -> None:
    pages: list[str] = []
    while page := await database.read(list_jobs, TEAM, after=pages[-1] if pages else None, limit=2):
        pages += [row.id for row in page]
    assert pages == seven[::-1]
    assert await database.read(list_jobs, TEAM, after="req_unknown") == []
    assert await database.read(list_jobs, "others", after=seven[-1]) == [], "it is another team's"


async def test_a_page_goes_on_behind_a_job_that_is_gone(database: Database, seven: list[str]) -> None:
    await database.write(delete, seven[3])
    assert [row.id for row in await database.read(list_jobs, TEAM, after=seven[3])] == seven[2::-1]
    assert seven[3] not in [row.id for row in await database.read(list_jobs, TEAM)]


async def test_a_list_of_some(database: Database, seven: list[str]) -> None:
    async def listed(**wanted: object) -> list[int]:
        def read(connection: Connection) -> list[str]:
            return [row.id for row in list_jobs(connection, TEAM, **wanted)]  # pyright: ignore[reportArgumentType] - each call below names what it gives

        return [seven.index(id) for id in await database.read(read)]

    assert await listed(statuses=["succeeded"]) == [6, 4, 0]
    assert await listed(statuses=["running", "failed"]) == [5, 2, 1]
    assert await listed(model="flux-2-klein-4b") == [4]
    assert await listed(model="none") == []
    assert await listed(created_from=AT + 2) == [6, 5, 4, 3, 2]
    assert await listed(created_to=AT + 2) == [1, 0]
    assert await listed(created_from=AT + 1, created_to=AT + 4, statuses=["succeeded"]) == [4]


async def test_who_runs_a_job_is_asked_to_end_it(database: Database) -> None:
    id = new_id()
    await written(database, opening(id))
    assert await database.write(ask_to_cancel, "others", id) is None
    assert await column(database, id, "cancelling") in (False, 0)
    asked = await database.write(ask_to_cancel, TEAM, id)
    assert asked is not None
    assert (asked.id, asked.status, asked.cancelling, asked.finished) == (id, "running", True, None)
    assert await database.write(ask_to_cancel, TEAM, id) == asked


async def test_what_is_over_cannot_be_cancelled(database: Database) -> None:
    id = new_id()
    await written(database, opening(id), ending(id))
    assert await database.write(ask_to_cancel, TEAM, id) is None
    assert await database.write(ask_to_cancel, TEAM, new_id()) is None
    assert await column(database, id, "cancelling") in (False, 0)


def asked(id: str, created: float, *, end: Status | None = None, **more: str) -> Entry:
    return begun(id, created, end=end, **{"body": "the same", **more})


async def found(database: Database, since: float = AT) -> str | None:
    row = await database.write(find_resent, TEAM, "key_1", "the same", since)
    return None if row is None else row.id


async def test_each_request_that_was_cut_off_is_found_once(database: Database) -> None:
    """Two of the same body were cut off, and both are sent again: each gets its own job, the oldest first."""
    ids = [new_id() for _each in range(4)]
    await written(database, *(asked(id, AT + place) for place, id in enumerate(ids)))
    await database.write(mark_gone, [ids[2], ids[1]])
    await database.write(mark_gone, [])
    assert [await found(database) for _each in range(4)] == [ids[1], ids[2], ids[3], ids[0]]
    assert not any([await column(database, id, "gone") for id in ids])


async def test_many_that_ask_at_once_get_a_job_each(database: Database) -> None:
    ids = [new_id() for _each in range(8)]
    await written(database, *(asked(id, AT + place) for place, id in enumerate(ids)))
    await database.write(mark_gone, ids)
    assert sorted(str(id) for id in await asyncio.gather(*(found(database) for _each in ids))) == ids


@pytest.mark.parametrize("end", ["failed", "cancelled", "succeeded"])
async def test_an_end_is_found_for_a_while(database: Database, end: Status) -> None:
    """Counted from then, not from the job's beginning; one that runs is found however old it is."""
    over, runs = new_id(), new_id()
    await written(database, asked(over, AT, end=end))
    for gone in ([], [over]):
        await database.write(mark_gone, gone)
        assert await found(database, AT + 1.1) is None
        assert await found(database, AT + 1) == over
    await written(database, asked(runs, AT - 1000))
    assert await found(database, AT + 1.1) == runs
    assert await found(database, AT + 1) == over, "it is newer"


async def test_only_the_same_request_is_found(database: Database) -> None:
    mine, keyed = new_id(), new_id()
    await written(
        database,
        asked(mine, AT),
        asked(new_id(), AT + 1, team="others"),
        asked(new_id(), AT + 1, caller="key_2"),
        asked(new_id(), AT + 1, body="another"),
        asked(keyed, AT + 1, idempotency_key="its own"),
    )
    for gone in ([], [mine, keyed]):
        await database.write(mark_gone, gone)
        assert await found(database) == mine
    assert await found(database) == mine
    await database.write(delete, mine)
    assert await found(database) is None


def test_what_is_shown_of_a_job_holds_no_prompt() -> None:
    new = new_job("req_1", owner=ME.owner)
    assert isinstance(new, NewJob)
    assert "fox" not in repr(new)
