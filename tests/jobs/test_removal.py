"""Nothing is lost that somebody needs, whatever happens while something is deleted; and nothing stays for ever."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from gateway.jobs.removal import Removal
from gateway.jobs.retention import Deletion, Retention
from gateway.store.database import SQLite
from gateway.store.database_errors import DatabaseAway, DatabaseError
from gateway.store.entries import Entry, Finish, NewJob, PictureRow
from gateway.store.journal_transaction import Numbered, write_batch
from gateway.store.pictures import Pictures, PictureStoreError
from gateway.store.records import Records
from gateway.store.redis import connect
from gateway.store.retention import doomed_of, mark
from tests.conftest import NewUrl
from tests.jobs.kept import DAY, POLICY, TEAM, Gate, House, Made

A, B = (Made(f"picture {letter}".encode(), f"fingerprint:{letter}") for letter in "ab")


@pytest.fixture
def database_url(new_sqlite: NewUrl) -> str:
    """What is asked of the database is asked of both kinds elsewhere."""
    return new_sqlite()


class Watched(Pictures):
    """The real store, at a gate before each removal and one after it."""

    before: Gate | None = None
    after: Gate | None = None

    async def delete(self, team: str, name: str) -> None:
        if self.before is not None:
            await self.before.passed()
        await super().delete(team, name)
        if self.after is not None:
            await self.after.passed()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_object_that_another_job_begins_to_use_meanwhile_is_put_back(
    house: House, tmp_path: Path, when: str
) -> None:
    await house.job("req_1", A)
    gate = Gate()
    house.pictures = Watched.open("file", tmp_path)
    setattr(house.pictures, when, gate)
    deleting = asyncio.create_task(house.retention.delete_job(TEAM, "req_1"))
    await gate.reached.wait()
    assert await house.are_stored(A) == [when == "before"]
    house.pictures = Pictures.open("file", tmp_path)
    await house.job("req_2", A)  # finds it stored already, if it is not gone yet
    gate.open.set()
    assert await deleting is Deletion.COMPLETE
    assert await house.are_stored(A) == [True]
    assert (await house.rows("req_1"), await house.rows("req_2")) == (0, 2)


async def test_an_object_that_was_found_there_before_and_is_referred_to_later_is_put_back(house: House) -> None:
    """The other job found its picture stored; until it could say that it refers to it, the object was removed."""
    await house.job("req_1", A)
    retention = house.retention
    assert await retention.delete_job(TEAM, "req_1") is Deletion.COMPLETE
    assert await house.are_stored(A) == [False]
    await house.database.write(add_reference, A.name)
    await retention.close()
    assert await house.are_stored(A) == [True]


async def test_few_bytes_are_held_for_the_last_look(house: House) -> None:
    """What went first is looked at sooner."""
    kept = (house.database, house.pictures, house.records, house.telemetry, POLICY)
    removal = Removal(*kept, linger_seconds=3600, linger_bytes=2 * len(A.content))
    made = [Made(f"picture {number}".encode()) for number in range(6)]
    await house.job("req_1", *made)
    await house.database.write(mark, TEAM, "req_1")
    rows = sorted(await house.database.read(doomed_of, "req_1", time.time()))
    for row in rows:
        await removal.remove(TEAM, [row])
    async with asyncio.timeout(30):
        while removal.held > 2 * len(A.content):  # noqa: ASYNC110 - nobody needs to be told when it is done
            await asyncio.sleep(0)
    assert await house.are_stored(*made) == [False] * 6
    await removal.close()
    assert removal.held == 0


async def test_an_object_is_put_back_though_nobody_waits_for_the_answer(house: House, tmp_path: Path) -> None:
    await house.job("req_1", A)
    gate = Gate()
    watched = Watched.open("file", tmp_path)
    watched.after = gate
    retention = Retention(house.database, watched, house.records, house.telemetry, POLICY)
    deleting = asyncio.create_task(retention.delete_job(TEAM, "req_1"))
    await gate.reached.wait()
    deleting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deleting
    await house.database.write(add_reference, A.name)
    gate.open.set()
    await retention.close()
    assert await house.are_stored(A) == [True]
    await house.retention.sweep()
    assert await house.are_stored(A) == [True]
    assert await house.rows("req_1") == 0


class Failing(SQLite):
    """The real database, that fails from a read on."""

    reads = 0
    fails_from = 10**9

    async def read(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self.reads += 1
        if self.reads >= self.fails_from:
            raise DatabaseAway("the database is away: for a test")
        return await super().read(work, *args, **named)


async def test_nothing_is_lost_when_the_database_goes_before_the_last_look(house: House, database_url: str) -> None:
    """What the job leads to is read, then who else refers to it; then again, and that fails."""
    await house.job("req_1", A)
    failing = Failing(file_of(database_url))
    failing.fails_from = 3
    retention = Retention(failing, house.pictures, house.records, house.telemetry, POLICY)
    assert await retention.delete_job(TEAM, "req_1") is Deletion.BEGUN
    assert failing.reads == 3
    assert await house.are_stored(A) == [True]
    await house.retention.sweep()
    assert await house.are_stored(A) == [False]
    assert await house.rows("req_1") == 0
    await failing.close()


async def test_a_database_that_is_away_from_the_start_is_an_error(house: House, tmp_path: Path) -> None:
    await house.job("req_1", A)
    other = SQLite(tmp_path / "without tables.db")
    retention = Retention(other, house.pictures, house.records, house.telemetry, POLICY)
    with pytest.raises(DatabaseError):
        await retention.delete_job(TEAM, "req_1")
    with pytest.raises(DatabaseError):
        await retention.sweep()
    assert await house.are_stored(A) == [True]
    await other.close()


async def test_a_store_that_is_away_is_tried_again(house: House, tmp_path: Path) -> None:
    await house.job("req_1", A, sources=[b"sent"])
    folder = tmp_path / "images" / TEAM
    aside = folder.rename(tmp_path / "aside")
    folder.write_text("a file where a folder should be")
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.BEGUN
    assert house.counted("easel_deletions_failed_total", where="storage") == 1
    await house.job("req_2", age=100 * DAY)
    with pytest.raises(PictureStoreError):
        await house.retention.sweep()
    assert await house.rows("req_2") == 0, "what has no pictures need not wait for the store"
    assert await house.names("req_1") == [A.name, Made(b"sent").name]
    folder.unlink()
    aside.rename(folder)
    await house.retention.sweep()
    assert await house.are_stored(A, Made(b"sent")) == [False, False]
    assert await house.rows("req_1") == 0


async def test_the_cache_forgets_once_redis_is_back(house: House, tmp_path: Path) -> None:
    await house.job("req_1", A, age=100 * DAY)
    await house.job("req_2", B)
    nobody = await connect(f"unix://{tmp_path}/nobody", tmp_path)
    away = House(house.database, house.pictures, Records(nobody))
    assert await away.retention.delete_job(TEAM, "req_2") is Deletion.BEGUN
    await away.retention.sweep()
    assert away.counted("easel_deletions_failed_total", where="redis") == 2
    assert await house.are_stored(A, B) == [False, False], "the pictures need not wait"
    assert await house.are_cached(A, B) == [True, True]
    await house.retention.sweep()
    assert await house.are_cached(A, B) == [False, False]
    assert await house.rows("req_1") == await house.rows("req_2") == 0
    await nobody.close()


async def test_the_log_names_no_picture(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await house.job("req_1", A)
    (tmp_path / "images" / TEAM).rename(tmp_path / "aside")
    (tmp_path / "images" / TEAM).write_text("")
    await house.retention.delete_job(TEAM, "req_1")
    logged = capsys.readouterr().out
    assert "the picture store failed" in logged
    assert A.name.partition(".")[0] not in logged
    assert str(tmp_path) not in logged


def add_reference(connection: Connection, name: str) -> None:
    """Of a job whose picture was stored before."""
    now = time.time()
    new = NewJob("late", TEAM, "admin", "generate", "m", "h", b"{}", 1, now, "prc_2")
    entry = Entry("late", TEAM, new=new, pictures=(PictureRow("image", 0, name),), finish=Finish("succeeded", now))
    write_batch(connection, [Numbered(1, entry)], now)


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
