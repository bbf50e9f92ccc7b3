"""Deleted is deleted: the object, the rows, the record of the cache; by policy, or because its team says so."""

import asyncio
import time
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gateway.jobs.retention import Deletion
from gateway.store.bounds import Bounds
from gateway.store.entries import CallRow, EventRow, PictureRow
from gateway.store.processes import beat, cancelled
from gateway.store.records import Record, record_name
from gateway.store.tables import deliveries, idempotency, webhook_secrets
from gateway.store.teams import change_team
from tests.jobs.kept import DAY, TEAM, House, Made, add_key, add_team, end_all, webhook

A, B, C = (Made(f"picture {letter}".encode(), f"fingerprint:{letter}") for letter in "abc")


async def test_a_deleted_job_is_gone_with_all_that_it_made(house: House) -> None:
    told: dict[str, Any] = {
        "calls": (CallRow(0, "fal", "fal/m", "{}", (0,), "done", 0.0),),
        "events": (EventRow("finished", 0.0, {}),),
        "deliveries": (webhook("msg_1"),),
        "idempotency_key": "k",
    }
    await house.job("req_1", A, B, sources=[b"sent"], **told)
    await house.job("req_2", C)
    assert await house.rows("req_1") == 8
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.COMPLETE
    assert await house.rows("req_1") == 0
    assert await house.are_stored(A, B, Made(b"sent"), C) == [False, False, False, True]
    assert await house.are_cached(A, B, C) == [False, False, True]
    assert house.counted("easel_deleted_total", what="job") == 1
    assert house.counted("easel_deleted_total", what="picture") == 3
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.NOT_THERE


async def test_only_a_teams_own_job_is_deleted(house: House) -> None:
    await house.database.write(add_team, "other")
    await house.job("req_1", A, team="other")
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.NOT_THERE
    assert await house.are_stored(A, team="other") == [True]
    assert await house.rows("req_1") == 2


async def test_what_another_job_refers_to_stays_until_that_goes_too(house: House) -> None:
    await house.job("req_1", A, B)
    await house.job("req_2", Made(A.content, "other:key"), sources=[B.content], finished=False)
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.COMPLETE
    assert await house.are_stored(A, B) == [True, True]
    assert await house.are_cached(A, Made(b"", "other:key")) == [False, True], "the record was the deleted job's"
    await house.database.write(end_all)
    await house.retention.sweep()
    assert await house.are_stored(A, B) == [True, False], "a picture that was sent goes with the end of its job"
    assert await house.retention.delete_job(TEAM, "req_2") is Deletion.COMPLETE
    assert await house.are_stored(A) == [False]


async def test_the_cache_keeps_what_another_job_got_from_it(house: House) -> None:
    """Both jobs name the same record; and under a record's key there may be a newer picture by now."""
    await house.job("req_1", A, B)
    await house.job("req_2", A)
    await house.job("req_3", Made(C.content, B.key))
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.COMPLETE
    assert await house.are_stored(A, B, C) == [True, False, True]
    assert await house.are_cached(A, B) == [True, True]


async def test_one_that_is_drawn_is_stopped_first(house: House) -> None:
    await house.database.write(beat, "prc_1", time.time())
    await house.job("req_1", A, finished=False)
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.BEGUN
    assert await house.database.read(cancelled, "prc_1") == ["req_1"], "its process is told"
    await house.retention.sweep()
    assert await house.are_stored(A) == [True], "it may still be adding to it"
    await house.database.write(end_all)
    await house.retention.sweep()
    assert await house.rows("req_1") == 0
    assert await house.are_stored(A) == [False]


async def test_what_is_too_old_by_its_teams_policy_goes(house: House) -> None:
    """The configuration keeps jobs for 30 days and pictures for 10; one team says two days, and one."""
    await house.database.write(add_team, "brief", {"job_ttl": 2 * DAY, "image_ttl": DAY})
    for team in (TEAM, "brief"):
        for age in (0, 1.5, 9, 29, 31):
            await house.job(f"{team}_{age}", Made(f"{age}".encode(), f"k{age}"), team=team, age=age * DAY)
    await house.job("open", A, age=100 * DAY, finished=False)
    await house.retention.sweep()
    there = {
        (team, age) for team in (TEAM, "brief") for age in (0, 1.5, 9, 29, 31) if await house.rows(f"{team}_{age}")
    }
    assert there == {(TEAM, 0), (TEAM, 1.5), (TEAM, 9), (TEAM, 29), ("brief", 0), ("brief", 1.5)}
    made = {age: Made(f"{age}".encode(), f"k{age}") for age in (0, 1.5, 9, 29, 31)}
    for team, kept in ((TEAM, [True, True, True, False, False]), ("brief", [True, False, False, False, False])):
        assert await house.are_stored(*made.values(), team=team) == kept
        assert await house.are_cached(*made.values(), team=team) == kept
    assert await house.names(f"{TEAM}_29") == [None], "the job's answer can say that there was a picture"
    assert await house.names("open") == [A.name]
    assert house.counted("easel_deleted_total", what="job") == 4


async def test_a_key_keeps_less_than_its_team_and_never_more(house: House) -> None:
    await house.database.write(change_team, TEAM, {"job_ttl": 20 * DAY, "image_ttl": 5 * DAY})
    await house.database.write(add_key, "brief", Bounds(job_ttl=2 * DAY, image_ttl=DAY))
    await house.database.write(add_key, "long", Bounds(job_ttl=100 * DAY, image_ttl=100 * DAY))
    await house.database.write(add_key, "pictures", Bounds(image_ttl=DAY))
    ages = (0, 1.5, 4, 6, 21)
    for key in ("brief", "long", "pictures", "admin"):
        for age in ages:
            await house.job(f"{key}_{age}", Made(f"{key} {age}".encode()), age=age * DAY, caller=key)
    await house.retention.sweep()
    jobs = {key: [age for age in ages if await house.rows(f"{key}_{age}")] for key in ("brief", "long", "pictures")}
    assert jobs == {"brief": [0, 1.5], "long": [0, 1.5, 4, 6], "pictures": [0, 1.5, 4, 6]}
    for key, kept in (("brief", [0]), ("long", [0, 1.5, 4]), ("pictures", [0]), ("admin", [0, 1.5, 4])):
        stored = await house.are_stored(*(Made(f"{key} {age}".encode()) for age in ages))
        assert stored == [age in kept for age in ages], key


async def test_a_picture_that_two_keys_made_is_kept_as_long_as_one_of_them_says(house: House) -> None:
    await house.database.write(add_key, "brief", Bounds(image_ttl=DAY))
    await house.job("req_1", A, age=2 * DAY, caller="brief")
    await house.job("req_2", A, age=2 * DAY)
    await house.retention.sweep()
    assert (await house.names("req_1"), await house.names("req_2")) == ([None], [A.name])
    assert await house.are_stored(A) == [True]


async def test_a_team_that_changes_its_mind(house: House) -> None:
    await house.job("req_1", A, age=DAY)
    await house.retention.sweep()
    assert await house.are_stored(A) == [True]
    await house.database.write(change_team, TEAM, {"image_ttl": 60})
    await house.retention.sweep()
    assert await house.are_stored(A) == [False]
    assert await house.rows("req_1") == 2
    await house.database.write(change_team, TEAM, {"image_ttl": None, "job_ttl": 60})
    await house.retention.sweep()
    assert await house.rows("req_1") == 0


async def test_what_is_still_to_be_sent_holds_its_job_but_not_against_its_team(house: House) -> None:
    await house.job("req_1", A, age=100 * DAY, deliveries=(webhook("msg_1"),))
    await house.job("req_2", B, age=100 * DAY, deliveries=(webhook("msg_2"),))
    await house.retention.sweep()
    assert await house.are_stored(A, B) == [True, True]
    assert await house.retention.delete_job(TEAM, "req_2") is Deletion.COMPLETE
    await house.database.write(give_up)
    await house.retention.sweep()
    assert await house.rows("req_1") == 0
    assert await house.are_stored(A, B) == [False, False]


async def test_keys_and_secrets_that_were_kept_long_enough(house: House) -> None:
    for age in (0.9, 1.1):
        await house.job(f"req_{age}", age=age * DAY, idempotency_key=f"k{age}")
    await house.database.write(add_secrets, time.time())
    await house.retention.sweep()
    assert await house.database.read(keys_left) == ["k0.9"]
    assert await house.database.read(secrets_left) == ["current", "for ever"]
    assert await house.rows("req_1.1") == 1


async def test_more_than_fits_into_one_batch(house: House) -> None:
    for number in range(210):
        await house.job(f"req_{number}", age=100 * DAY)
    made = [Made(f"{number}".encode(), f"k{number}") for number in range(20)]
    await house.job("req_made", *made, age=100 * DAY)
    await house.retention.sweep()
    assert house.counted("easel_deleted_total", what="job") == 211
    assert not any(await house.are_stored(*made))


async def test_two_sweeps_at_once(house: House) -> None:
    made = [Made(f"{number}".encode(), f"k{number}") for number in range(30)]
    for number, each in enumerate(made):
        await house.job(f"req_{number}", each, made[number - 1], age=100 * DAY)
    await house.job("kept", made[7])
    other = House(house.database, house.pictures, house.records)
    await asyncio.gather(house.retention.sweep(), other.retention.sweep())
    jobs_gone = [each.counted("easel_deleted_total", what="job") for each in (house, other)]
    assert sum(jobs_gone) == 30
    assert [each for each, stored in zip(made, await house.are_stored(*made), strict=True) if stored] == [made[7]]
    assert not any(await house.are_cached(*made[:7], *made[8:]))
    assert await house.rows("kept") == 2


async def test_a_picture_that_stayed_at_its_provider_is_forgotten(house: House) -> None:
    record = Record("fal", "fal/m", "png", "image/png", 8, 8, 0, url="https://cdn.example/1.png")
    await house.records.put_many(TEAM, {"u": record}, 60)
    await house.job("req_1", pictures=(PictureRow("image", 0, None, b"facts", record_name(TEAM, "u")),))
    assert await house.retention.delete_job(TEAM, "req_1") is Deletion.COMPLETE
    assert await house.are_cached(Made(b"", "u")) == [False]
    assert await house.rows("req_1") == 0


def give_up(connection: Connection) -> None:
    connection.execute(update(deliveries).values(state="failed"))


def add_secrets(connection: Connection, now: float) -> None:
    for id, expires in (("old", now - 1), ("current", now + 60), ("for ever", None)):
        connection.execute(insert(webhook_secrets).values(id=id, team=TEAM, sealed=b"", created=0.0, expires=expires))


def keys_left(connection: Connection) -> list[str]:
    return list(connection.scalars(select(idempotency.c.key)))


def secrets_left(connection: Connection) -> list[str]:
    return sorted(connection.scalars(select(webhook_secrets.c.id)))
