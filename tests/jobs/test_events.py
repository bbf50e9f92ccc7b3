"""Whoever listens hears every event of its job or team once, in the order of SQL, whichever process it happened in."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.jobs.events import Events
from gateway.jobs.ring import Ring
from gateway.jobs.steps import Steps
from gateway.store.database import Database, DatabaseError, SQLite, open_database
from gateway.store.entries import EventRow
from gateway.store.event_log import JobEvent, append
from gateway.store.events import team_events_after
from gateway.store.redis import RedisConnection
from gateway.store.tables import metadata
from tests.jobs.happening import (
    NOW,
    TEAM,
    CountingReads,
    Process,
    forget_job,
    heard,
    job,
    passing,
    process,
    types,
    written,
)


@pytest.fixture
async def one(sqlite: SQLite, gone: RedisConnection) -> AsyncGenerator[Process]:
    running = process(sqlite, gone)
    yield running
    await running.close()


@pytest.fixture
async def here(database: Database, gone: RedisConnection) -> AsyncGenerator[Process]:
    running = process(database, gone)
    yield running
    await running.close()


@pytest.fixture
async def there(database_url: str, gone: RedisConnection) -> AsyncGenerator[Process]:
    database = open_database(database_url, Path())
    running = process(database, gone, "prc_2")
    yield running
    await running.close()
    await database.close()


async def test_a_job_tells_its_own_events_as_they_happen(one: Process) -> None:
    listener = await one.events.join(TEAM, job(1), 0)
    for number in (1, 2):
        await one.begin(job(number))
    await one.happens(job(1), "started", "image")
    found = await heard(listener, 3)
    assert types(found) == ["accepted", "started", "image"]
    assert {event.job for event in found} == {job(1)}
    assert found[2].data == {"index": 1}


async def test_a_team_tells_all_of_its_jobs_and_no_other_teams(one: Process) -> None:
    listener = await one.events.join(TEAM)
    await one.begin(job(1))
    await one.begin(job(2), "others")
    await one.begin(job(3))
    one.events.tell(job(2), "others", "progress", {"step": 1, "steps": 2})
    one.events.tell(job(3), TEAM, "progress", {"step": 1, "steps": 2})
    found = await heard(listener, 3)
    assert [(event.job, event.type) for event in found] == [
        (job(1), "accepted"),
        (job(3), "accepted"),
        (job(3), "progress"),
    ]


async def test_what_was_missed_is_told_first(one: Process) -> None:
    await one.begin(job(1))
    await one.happens(job(1), "started")
    listener = await one.events.join(TEAM, job(1), 1)
    await one.happens(job(1), "image", "finished")
    assert written(await heard(listener, 3)) == [2, 3, 4]


async def test_from_now_on_is_from_now_on(one: Process) -> None:
    await one.begin(job(1))
    listener = await one.events.join(TEAM)
    await one.happens(job(1), "started")
    assert types(await heard(listener, 1)) == ["started"]


async def test_events_of_another_process_are_found_without_redis(here: Process, there: Process) -> None:
    listener = await here.events.join(TEAM)
    await there.begin(job(1))
    await here.begin(job(2))
    await there.happens(job(1), "started", "finished")
    found = await heard(listener, 4)
    assert written(found) == [1, 2, 3, 4]
    assert [event.job for event in found] == [job(1), job(2), job(1), job(1)]


async def test_events_written_past_the_journal_are_told_at_a_hint(sqlite: SQLite, gone: RedisConnection) -> None:
    events = Events(sqlite, gone, poll_seconds=3600)
    alone = process(sqlite, gone)
    await alone.begin(job(1))
    listener = await events.join(TEAM, job(1), 1)
    await sqlite.write(append, [JobEvent(TEAM, job(1), EventRow("finished", NOW, {"status": "cancelled"}))])
    events.hint()
    assert types(await heard(listener, 1)) == ["finished"]
    await events.close()
    await alone.close()


async def test_order_holds_in_a_race_of_two_processes(here: Process, there: Process, database: Database) -> None:
    """Both write as fast as they can; some listen from before, some join on the way; each hears everything once."""
    numbers = range(40)
    early = [await each.events.join(TEAM, after=0) for each in (here, there)]
    late: list[list[int]] = []

    async def write(each: Process, offset: int) -> None:
        for number in numbers:
            await each.begin(job(offset + number))
            await each.happens(job(offset + number), "started", "image")
            await each.happens(job(offset + number), "finished")

    async def join_late(each: Process) -> None:
        for _again in range(10):
            listener = await each.events.join(TEAM, after=0)
            late.append(written(await heard(listener, 320)))
            each.events.leave(listener)

    await asyncio.gather(write(here, 0), write(there, 100), *map(join_late, (here, there)))
    everything = list(range(1, 321))
    assert [event.seq for event in await database.read(team_events_after, TEAM, 0, 1000)] == everything
    assert [written(await heard(listener, 320)) for listener in early] == [everything] * 2
    assert late == [everything] * 20


async def test_a_slow_listener_loses_nothing_that_was_written(sqlite: SQLite, gone: RedisConnection) -> None:
    slow = process(sqlite, gone, ring=Ring(most_events=4))
    listener = await slow.events.join(TEAM, job(1), 0)
    await slow.begin(job(1))
    for _more in range(20):
        slow.events.tell(job(1), TEAM, "progress", {"step": 1, "steps": 2})
        await slow.happens(job(1), "image")
    found = await heard(listener, 21)
    assert written(found) == list(range(1, 22))
    slow.events.tell(job(1), TEAM, "progress", {"step": 2, "steps": 2})
    await slow.happens(job(1), "finished")
    assert types(await heard(listener, 2)) == ["progress", "finished"]
    await slow.close()


async def test_what_happens_to_others_makes_nobody_slow(sqlite: SQLite, gone: RedisConnection) -> None:
    """A small ring goes round many times while nothing happens to the job: its next event is still found there."""
    busy = process(sqlite, gone, ring=Ring(most_events=4))
    await busy.begin(job(1))
    quiet = await busy.events.join(TEAM, job(1))
    loud = await busy.events.join(TEAM)
    for number in range(10, 20):
        await busy.begin(job(number))
    busy.events.tell(job(1), TEAM, "progress", {"step": 1, "steps": 2})
    assert types(await heard(quiet, 1)) == ["progress"]
    assert written(await heard(loud, 10)) == list(range(2, 12))
    await busy.close()


async def test_a_job_that_is_gone_ends_its_streams(sqlite: SQLite, gone: RedisConnection) -> None:
    """One that was too slow for the ring finds nothing in SQL, and would wait for ever."""
    slow = process(sqlite, gone, ring=Ring(most_events=1))
    await slow.begin(job(1))
    listener = await slow.events.join(TEAM, job(1), 1)
    await slow.happens(job(1), "image", "finished")
    await sqlite.write(forget_job, job(1))
    assert await listener.next(10) == []
    await slow.close()


async def test_nothing_is_read_while_nobody_listens(tmp_path: Path, gone: RedisConnection) -> None:
    database = CountingReads(tmp_path / "easel.db")
    await database.write(metadata.create_all)
    alone = process(database, gone)
    await alone.begin(job(1))
    await alone.happens(job(1), "started")
    assert database.reads == 0
    alone.events.leave(await alone.events.join(TEAM))
    assert database.reads == 1
    await alone.happens(job(1), "image")
    await alone.happens(job(1), "finished")
    assert database.reads == 1
    await alone.close()
    await database.close()


async def test_a_wait_ends_with_the_job(here: Process, there: Process) -> None:
    for running in (here, there):
        await running.begin(job(1 if running is here else 2))
    far = time.monotonic() + 3600
    waits = [asyncio.create_task(here.events.wait_for_end(job(number), far)) for number in (1, 2)]
    await here.happens(job(1), "started")
    await here.happens(job(1), "finished")
    await waits[0]
    assert not waits[1].done()
    await there.happens(job(2), "finished")
    await waits[1]
    for over in (job(1), job(2), job(3)):  # the last one was never there
        await here.events.wait_for_end(over, far)


async def test_a_wait_ends_with_its_time(one: Process) -> None:
    await one.begin(job(1))
    await one.events.wait_for_end(job(1), time.monotonic() + 0.01)
    await one.events.wait_for_end(job(1), time.monotonic() - 1)


async def test_all_are_let_go_when_the_gateway_ends(one: Process) -> None:
    await one.begin(job(1))
    listener = await one.events.join(TEAM)
    waiting = asyncio.create_task(one.events.wait_for_end(job(1), time.monotonic() + 3600))
    listening = asyncio.create_task(listener.next(3600))
    await one.events.wait_for_end(job(2), time.monotonic() + 3600)  # by now the others wait
    one.events.end()
    await waiting
    assert await listening == []
    assert listener.closed
    assert (await one.events.join(TEAM)).closed
    await one.events.wait_for_end(job(1), time.monotonic() + 3600)


async def test_the_last_progress_is_remembered_until_the_end(one: Process) -> None:
    await one.begin(job(1))
    assert one.events.steps(job(1)) is None
    for step in (3, 4):
        one.events.tell(job(1), TEAM, "progress", {"step": step, "steps": 20})
    one.events.tell(job(2), TEAM, "progress", {"note": "something else"})
    assert one.events.steps(job(1)) == Steps(4, 20)
    assert one.events.steps(job(2)) is None
    await one.happens(job(1), "finished")
    assert one.events.steps(job(1)) is None


async def test_progress_of_a_great_many_jobs_does_not_pile_up(one: Process) -> None:
    for number in range(10_001):
        one.events.tell(job(number), TEAM, "progress", {"step": 1, "steps": 2})
    assert one.events.steps(job(0)) is None
    assert one.events.steps(job(10_000)) == Steps(1, 2)


async def test_a_picture_half_done_is_told_and_not_kept(one: Process) -> None:
    await one.begin(job(1))
    one.events.tell(job(1), TEAM, "partial_image", {"index": 0}, b"too early")
    listener = await one.events.join(TEAM, job(1), 0)
    one.events.tell(job(1), TEAM, "partial_image", {"index": 0}, memoryview(b"iVBOR"))
    [partial] = passing(await heard(listener, 2))
    assert (partial.base64, partial.data) == (b"iVBOR", {"index": 0})


async def test_who_joins_while_the_database_is_away_is_told(tmp_path: Path, gone: RedisConnection) -> None:
    database = SQLite(tmp_path / "empty.db")
    events = Events(database, gone)
    with pytest.raises(DatabaseError):
        await events.join(TEAM)
    with pytest.raises(DatabaseError):
        await events.wait_for_end(job(1), time.monotonic() + 3600)
    await database.write(metadata.create_all)
    assert not (await events.join(TEAM)).closed
    await events.close()
    await database.close()
