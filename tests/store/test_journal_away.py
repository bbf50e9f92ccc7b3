"""A database that is away for a while: who waits is told, what can wait is kept, and nothing is written twice."""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from gateway.store import journal as journal_module
from gateway.store.database import Database, open_database
from gateway.store.database_errors import DatabaseError
from gateway.store.entries import Leftover, Written
from gateway.store.jobs import read_job
from gateway.store.journal import Journal
from gateway.store.processes import claim, take_queued
from gateway.store.tables import idempotency
from tests.conftest import NewUrl
from tests.postgres import PostgresServer
from tests.store.test_journal import indexes_told
from tests.store.unsteady import Unsteady
from tests.store.writing import Told, column, ending, event, new_id, note, opening, picture, told_types, totals, written


@pytest.fixture
def line(database: Database) -> Unsteady:
    return Unsteady(database)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def journal(line: Unsteady, told: Told) -> AsyncGenerator[Journal]:
    opened = Journal(line, told)
    yield opened
    await opened.close()


async def test_who_waits_is_told_and_what_can_wait_is_kept(
    database: Database, line: Unsteady, journal: Journal
) -> None:
    id, other = new_id(), new_id()
    await journal.write(opening(id))
    line.line = "down"
    for index in range(10):
        journal.later(note(id, events=(event("image", index=index),)))
    with pytest.raises(DatabaseError):
        await journal.write(opening(other))
    with pytest.raises(DatabaseError):
        await journal.flush()
    journal.later(note(id, events=(event("image", index=10),)))
    line.line = "up"
    await journal.write(ending(id))
    assert await indexes_told(database, id) == [*range(11), 0]
    assert await database.read(read_job, other) is None


async def test_what_is_kept_keeps_its_order(database: Database, line: Unsteady, journal: Journal) -> None:
    """Also before what is handed over while it is tried in vain."""
    id = new_id()
    await journal.write(opening(id))
    line.line = "down"
    line.meanwhile = lambda: journal.later(note(id, events=(event("image", index=1),)))
    journal.later(note(id, events=(event("image", index=0),)))
    with pytest.raises(DatabaseError):
        await journal.flush()
    line.line = "up"
    await journal.flush()
    assert await indexes_told(database, id) == [0, 1]


async def test_it_is_tried_again_without_being_asked(database: Database, line: Unsteady, journal: Journal) -> None:
    id = new_id()
    await journal.write(opening(id))
    line.line = "down"
    journal.later(note(id, events=(event("image", index=0),)))
    with pytest.raises(DatabaseError):
        await journal.flush()
    await line.next_try()
    await line.next_try()
    line.line = "up"
    await line.next_try()
    assert await told_types(database, id) == ["accepted", "started", "image"]


async def test_what_was_written_unheard_is_not_written_twice(
    database: Database, line: Unsteady, journal: Journal
) -> None:
    id = new_id()
    await journal.write(opening(id))
    line.line = "breaks"
    journal.later(note(id, events=(event("image", index=0),)))
    journal.later(note(id, events=(event("image", index=1),)))
    with pytest.raises(DatabaseError):
        await journal.flush()
    assert await indexes_told(database, id) == [0, 1]
    journal.later(note(id, events=(event("image", index=2),)))
    line.line = "up"
    await journal.flush()
    assert await indexes_told(database, id) == [0, 1, 2]


async def test_an_end_that_was_written_unheard_stays(database: Database, line: Unsteady, journal: Journal) -> None:
    """Its writer tries it again, and is not told that somebody else has the job."""
    id = new_id()
    await journal.write(opening(id))
    line.line = "breaks"
    end = ending(id)
    with pytest.raises(DatabaseError):
        await journal.write(end)
    line.line = "up"
    assert await journal.write(end) == Written()
    assert await told_types(database, id) == ["accepted", "started", "image", "finished"]


async def test_a_job_that_was_begun_unheard_is_taken_back(database: Database, line: Unsteady, journal: Journal) -> None:
    """Whoever asked was told that it was not: nobody would work on it. What it took is free again."""
    failed, asked, again = new_id(), new_id(), new_id()
    await written(database, opening(failed, body="the same"), ending(failed, leftover=True))
    line.line = "breaks"
    with pytest.raises(DatabaseError):
        await journal.write(opening(asked, key="a key", body="the same"))
    assert await column(database, asked, "owner") is not None
    assert await column(database, failed, "heir") == asked
    line.line = "up"
    answer = await journal.write(opening(again, key="a key", body="the same"))
    assert answer == Written(Leftover(failed, (picture(),)))
    assert await database.read(read_job, asked) is None
    assert await column(database, failed, "heir") == again
    assert await keys(database) == {("a key", again)}
    assert await totals(database) == (2, 2, 2, 6)


async def keys(database: Database) -> set[tuple[str, str]]:
    def found(connection: Connection) -> set[tuple[str, str]]:
        return {(key, job) for key, job in connection.execute(select(idempotency.c.key, idempotency.c.job))}

    return await database.read(found)


async def test_it_is_taken_back_even_if_nobody_comes(database: Database, line: Unsteady, journal: Journal) -> None:
    id = new_id()
    line.line = "breaks"
    with pytest.raises(DatabaseError):
        await journal.write(opening(id))
    line.line = "up"
    async with asyncio.timeout(10):
        while await database.read(read_job, id) is not None:
            pass


async def test_a_queued_job_that_somebody_took_meanwhile_stays(
    database: Database, line: Unsteady, journal: Journal
) -> None:
    queued, dead = new_id(), new_id()
    line.line = "breaks"
    refused = await asyncio.gather(
        journal.write(opening(queued, owner=None)), journal.write(opening(dead)), return_exceptions=True
    )
    assert [type(each).__name__ for each in refused] == ["DatabaseAway", "DatabaseAway"]
    assert [row.id for row in await database.write(take_queued, "prc_other", 10)] == [queued]
    assert [row.id for row in await database.write(claim, "prc_other", time.time(), 10, 10)] == [dead]
    line.line = "up"
    await journal.flush()
    assert await column(database, queued, "owner") == await column(database, dead, "owner") == "prc_other"


async def test_a_job_handed_over_again_is_there(database: Database, line: Unsteady, journal: Journal) -> None:
    id = new_id()
    entry = opening(id, key="a key")
    for _each in range(2):
        line.line = "breaks"
        with pytest.raises(DatabaseError):
            await journal.write(entry)
    line.line = "up"
    assert await journal.write(entry) == Written()
    await journal.write(ending(id))
    assert await told_types(database, id) == ["accepted", "started", "image", "finished"]


async def test_more_is_not_kept_than_fits(
    database: Database, line: Unsteady, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST_KEPT", 20)
    id = new_id()
    await journal.write(opening(id))
    line.line = "down"
    for index in range(30):
        journal.later(note(id, events=(event("image", index=index),)))
    line.line = "up"
    await journal.flush()
    assert await indexes_told(database, id) == list(range(20))


async def test_a_journal_that_is_closed_while_the_database_is_away(line: Unsteady) -> None:
    journal = Journal(line, Told())
    id = new_id()
    await journal.write(opening(id))
    line.line = "down"
    journal.later(note(id, events=(event("image", index=0),)))
    await journal.close()
    with pytest.raises(DatabaseError):
        await journal.write(ending(id))


async def test_a_postgres_that_is_started_again(postgres_server: PostgresServer, new_postgres: NewUrl) -> None:
    """Its connections are dead then, and nobody sees more of it than one error each."""
    database = open_database(new_postgres(), Path())
    journal = Journal(database, Told())
    id = new_id()
    await journal.write(opening(id))
    postgres_server.stop()
    try:
        journal.later(note(id, events=(event("image", index=0),)))
        with pytest.raises(DatabaseError):
            await journal.write(note(id, events=(event("image", index=1),)))
    finally:
        postgres_server.start()
    journal.later(note(id, events=(event("image", index=2),)))
    await journal.write(ending(id))
    assert await indexes_told(database, id) == [0, 2, 0]
    assert await database.read(read_job, id) is not None
    await journal.close()
    await database.close()
