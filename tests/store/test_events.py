"""Events are read in the order of `seq`, in pages, by team and by job; what was given out is remembered."""

from sqlalchemy import Connection, delete

from gateway.store.database import Database
from gateway.store.entries import Entry, EventRow, Finish, NewJob
from gateway.store.events import events_after, job_events_after, last_given, newest_event, team_events_after
from gateway.store.journal_transaction import Numbered, write_batch
from gateway.store.tables import jobs

AT = 1_795_236_842.75


def told(connection: Connection, id: str, team: str = "default") -> None:
    """A job with three events."""
    new = NewJob(id, team, "admin", "generate", "qwen-image", "hash", b"{}", 1, AT, "prc_1")
    events = tuple(EventRow(type, AT, {"index": 0, "name": "ä.png"}) for type in ("accepted", "image", "finished"))
    write_batch(connection, [Numbered(1, Entry(id, team, new=new, events=events, finish=Finish("succeeded", AT)))], AT)


def forget(connection: Connection, id: str) -> None:
    connection.execute(delete(jobs).where(jobs.c.id == id))


async def three_jobs(database: Database) -> None:
    """1 to 3 are the first one's, 4 to 6 another team's, 7 to 9 the third one's."""
    await database.write(told, "req_1")
    await database.write(told, "req_2", "others")
    await database.write(told, "req_3")


async def test_all_in_order_and_in_pages(database: Database) -> None:
    await three_jobs(database)
    assert [event.seq for event in await database.read(events_after, 0, 100)] == list(range(1, 10))
    assert [event.seq for event in await database.read(events_after, 2, 3)] == [3, 4, 5]
    assert await database.read(events_after, 9, 100) == []


async def test_a_team_sees_its_own(database: Database) -> None:
    await three_jobs(database)
    assert [event.seq for event in await database.read(team_events_after, "default", 1, 3)] == [2, 3, 7]
    assert [event.seq for event in await database.read(team_events_after, "others", 0, 100)] == [4, 5, 6]
    assert await database.read(team_events_after, "nobody", 0, 100) == []


async def test_a_job_has_its_own(database: Database) -> None:
    await three_jobs(database)
    found = await database.read(job_events_after, "req_3", 7, 100)
    assert found is not None
    assert [(event.seq, event.team, event.job, event.type, event.at) for event in found] == [
        (8, "default", "req_3", "image", AT),
        (9, "default", "req_3", "finished", AT),
    ]
    assert found[0].data == {"index": 0, "name": "ä.png"}


async def test_nothing_new_is_told_from_nothing_any_more(database: Database) -> None:
    await three_jobs(database)
    assert await database.read(job_events_after, "req_3", 9, 100) == []
    await database.write(forget, "req_3")
    assert await database.read(job_events_after, "req_3", 0, 100) is None
    assert await database.read(job_events_after, "req_4", 0, 100) is None


async def test_the_last_number_outlives_its_event(database: Database) -> None:
    assert await database.read(newest_event) == await database.read(last_given) == 0
    await three_jobs(database)
    assert await database.read(newest_event) == await database.read(last_given) == 9
    await database.write(forget, "req_3")
    assert (await database.read(newest_event), await database.read(last_given)) == (6, 9)
    await database.write(told, "req_5")
    assert await database.read(newest_event) == await database.read(last_given) == 12
