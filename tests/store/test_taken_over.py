"""What a new job finds: its caller's key in use, or pictures that an earlier failure of the same request left."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, update

from gateway.store.database import Database
from gateway.store.entries import Entry, LeaseLost, Leftover, PictureRow, Written
from gateway.store.idempotency import KEPT_SECONDS
from gateway.store.jobs import pictures_of, read_job
from gateway.store.journal import Journal
from gateway.store.tables import jobs
from tests.store.writing import AT, Told, column, ending, new_id, opening, picture, told_types, totals


@pytest.fixture
async def journal(database: Database) -> AsyncGenerator[Journal]:
    opened = Journal(database, Told())
    yield opened
    await opened.close()


def at(entry: Entry, created: float, **more: str) -> Entry:
    assert entry.new is not None
    return replace(entry, new=replace(entry.new, created=created, **more))


async def test_a_key_belongs_to_the_first(database: Database, journal: Journal) -> None:
    first, second = new_id(), new_id()
    assert await journal.write(opening(first, key="k", body="one")) == Written()
    assert await journal.write(opening(second, key="k", body="two")) == Written(existing=first, existing_body="one")
    await journal.write(ending(first))
    assert await journal.write(opening(second, key="k", body="one")) == Written(existing=first, existing_body="one")
    assert await database.read(read_job, second) is None
    assert await totals(database) == (1, 1, 1, 4)


async def test_a_key_belongs_to_the_first_in_one_transaction(database: Database, journal: Journal) -> None:
    ids = [new_id() for _each in range(6)]
    answers = await asyncio.gather(
        *(journal.write(opening(id, key=key)) for id, key in zip(ids, "abbaba", strict=True)),
        journal.write(ending(ids[0])),
        journal.write(ending(ids[3])),
        return_exceptions=True,
    )
    winners = {"a": (ids[0], f"hash of {ids[0]}"), "b": (ids[1], f"hash of {ids[1]}")}
    expected = [Written(existing=winners[key][0], existing_body=winners[key][1]) for key in "abbaba"]
    expected[:2] = [Written(), Written()]
    assert answers[:6] == expected
    assert answers[6] == Written()
    assert isinstance(answers[7], LeaseLost), "there is no such job"
    assert await told_types(database, ids[0]) == ["accepted", "started", "image", "finished"]
    assert (await totals(database))[0] == 2


async def test_a_key_is_its_teams(journal: Journal) -> None:
    mine, theirs = opening(new_id(), key="k"), opening(new_id(), key="k")
    assert theirs.new is not None
    await journal.write(mine)
    assert await journal.write(replace(theirs, team="others", new=replace(theirs.new, team="others"))) == Written()


async def test_a_key_is_free_after_a_day(journal: Journal) -> None:
    first, second, third = new_id(), new_id(), new_id()
    await journal.write(at(opening(first, key="k"), AT))
    late = await journal.write(at(opening(new_id(), key="k"), AT + KEPT_SECONDS))
    assert late.existing == first
    assert await journal.write(at(opening(second, key="k"), AT + KEPT_SECONDS + 1)) == Written()
    last = await journal.write(at(opening(third, key="k"), AT + KEPT_SECONDS + 2))
    assert last.existing == second


async def fail(journal: Journal, *pictures: PictureRow, body: str = "the same", caller: str = "key_1") -> str:
    """A job that made these pictures, and failed."""
    id = new_id()
    await journal.write(at(opening(id, body=body), AT, caller=caller))
    source = replace(picture(0, "sent.png"), role="source", facts=None, cache_key=None)
    await journal.write(replace(ending(id, leftover=True), pictures=(*pictures, source)))
    return id


async def test_what_a_failure_left_is_used_once(database: Database, journal: Journal) -> None:
    failed = await fail(journal, picture(2, "c.png"), picture(0, "a.png"))
    first, second = new_id(), new_id()
    answer = await journal.write(opening(first, body="the same"))
    assert answer == Written(Leftover(failed, (picture(0, "a.png"), picture(2, "c.png"))))
    assert await database.read(pictures_of, first, "image") == (picture(0, "a.png"), picture(2, "c.png"))
    assert await database.read(pictures_of, first, "source") == ()
    assert len(await database.read(pictures_of, failed, "image")) == 2, "they are its own as well"
    assert await journal.write(opening(second, body="the same")) == Written()
    assert await column(database, failed, "heir") == first


async def test_several_find_one_each_in_one_transaction(journal: Journal) -> None:
    failed = {
        await fail(journal, picture(0, "a.png"), body="one"),
        await fail(journal, picture(0, "b.png"), body="two"),
    }
    answers = await asyncio.gather(
        *(journal.write(opening(new_id(), body=body)) for body in ("one", "two", "three", "one"))
    )
    assert {answer.leftover.job for answer in answers if answer.leftover} == failed
    assert [answer.leftover is None for answer in answers] == [False, False, True, True]


async def test_what_was_left_is_left_again(journal: Journal) -> None:
    """A second failure has what it was left, and what it made."""
    await fail(journal, picture(0, "a.png"))
    second = await fail(journal, picture(1, "b.png"))
    answer = await journal.write(opening(new_id(), body="the same"))
    assert answer == Written(Leftover(second, (picture(0, "a.png"), picture(1, "b.png"))))


@pytest.mark.parametrize("other", [{"body": "another"}, {"caller": "key_2"}])
async def test_what_another_request_left_is_not_used(journal: Journal, other: dict[str, str]) -> None:
    await fail(journal, picture())
    assert await journal.write(at(opening(new_id(), body="the same"), AT, **other)) == Written()


async def test_what_is_to_be_deleted_is_not_used(database: Database, journal: Journal) -> None:
    failed = await fail(journal, picture())

    def delete(connection: Connection) -> None:
        connection.execute(update(jobs).where(jobs.c.id == failed).values(deleting=True))

    await database.write(delete)
    assert await journal.write(opening(new_id(), body="the same")) == Written()


async def test_who_loses_a_key_takes_nothing(database: Database, journal: Journal) -> None:
    await journal.write(opening(new_id(), key="k", body="the same"))
    failed = await fail(journal, picture())
    await journal.write(opening(new_id(), key="k", body="the same"))
    assert await column(database, failed, "heir") is None
