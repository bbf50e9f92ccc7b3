"""Gateways on one database tell each other over Redis what cannot wait, or is written nowhere."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from gateway.jobs.events import Events
from gateway.jobs.neighbours import CHANNEL, LARGEST
from gateway.jobs.steps import Steps
from gateway.store.database import SQLite
from gateway.store.redis import RedisConnection
from tests.jobs.happening import TEAM, heard, job, passing, process, types

NEVER = 3600.0  # seconds until SQL would be read without a hint


@pytest.fixture
async def two(sqlite: SQLite, redis: RedisConnection) -> AsyncGenerator[tuple[Events, Events]]:
    """Two hubs that hear each other."""
    pair = Events(sqlite, redis, poll_seconds=NEVER), Events(sqlite, redis, poll_seconds=NEVER)
    for each in pair:
        each.others_alive(True)
    await listening(redis, 2)
    yield pair
    for each in pair:
        await each.close()


async def listening(redis: RedisConnection, count: int) -> None:
    """Returns when so many listen at the channel."""
    async with asyncio.timeout(20):
        while (await redis.command("PUBSUB", "NUMSUB", CHANNEL))[1] != count:  # noqa: ASYNC110 - Redis does not call
            await asyncio.sleep(0.002)


async def test_a_hint_makes_the_other_one_look(
    two: tuple[Events, Events], sqlite: SQLite, redis: RedisConnection
) -> None:
    here, there = two
    writer = process(sqlite, redis)
    writer.events.others_alive(True)
    await listening(redis, 3)
    listeners = [await each.join(TEAM) for each in (here, there)]
    await writer.begin(job(1))
    await writer.happens(job(1), "started", "finished")
    for listener in listeners:
        assert types(await heard(listener, 3)) == ["accepted", "started", "finished"]
    await writer.close()


async def test_progress_and_previews_reach_the_other_one(two: tuple[Events, Events]) -> None:
    here, there = two
    listeners = [await each.join(TEAM, job(1)) for each in two]
    here.tell(job(2), TEAM, "progress", {"step": 1, "steps": 9})
    here.tell(job(1), TEAM, "progress", {"step": 3, "steps": 20})
    here.tell(job(1), TEAM, "partial_image", {"index": 0, "partial_image_index": 1}, memoryview(b"iVBORw0K\nGgo="))
    for listener in listeners:
        progress, partial = passing(await heard(listener, 2))
        assert (progress.team, progress.job, progress.data) == (TEAM, job(1), {"step": 3, "steps": 20})
        assert (partial.data, partial.base64) == ({"index": 0, "partial_image_index": 1}, b"iVBORw0K\nGgo=")
    assert [each.steps(job(2)) for each in two] == [Steps(1, 9)] * 2
    assert there.steps(job(3)) is None


async def test_a_large_preview_stays_here(two: tuple[Events, Events]) -> None:
    here, _there = two
    listeners = [await each.join(TEAM, job(1)) for each in two]
    here.tell(job(1), TEAM, "partial_image", {"index": 0}, b"x" * (LARGEST + 1))
    here.tell(job(1), TEAM, "partial_image", {"index": 1}, b"x" * LARGEST)
    assert [event.data["index"] for event in await heard(listeners[0], 2)] == [0, 1]
    assert [event.data["index"] for event in await heard(listeners[1], 1)] == [1]


async def test_who_is_alone_tells_nobody(sqlite: SQLite, redis: RedisConnection) -> None:
    alone = process(sqlite, redis)
    messages = redis.messages(CHANNEL)
    first = asyncio.ensure_future(anext(messages))
    await listening(redis, 1)
    await alone.begin(job(1))
    alone.events.tell(job(1), TEAM, "progress", {"step": 1, "steps": 2})
    alone.events.others_alive(True)
    await listening(redis, 2)
    alone.events.others_alive(False)
    await alone.happens(job(1), "started")
    await redis.command("PUBLISH", CHANNEL, b"the first message of all")
    assert await first == b"the first message of all"
    await messages.aclose()
    await alone.close()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}",
        b'{"from": "x", "type": "progress"}',
        b'{"from": "x", "type": "from a newer version", "team": "t", "job": "j", "at": 1, "data": {}}',
        b'{"from": "x", "type": "progress", "team": "t", "job": "j", "at": "noon", "data": {}}',
        b'{"from": "x", "type": "progress", "team": "t", "job": "j", "at": 1, "data": 5}',
    ],
)
async def test_what_cannot_be_understood_is_passed_over(
    two: tuple[Events, Events], redis: RedisConnection, message: bytes
) -> None:
    here, there = two
    listener = await there.join(TEAM, job(1))
    await redis.command("PUBLISH", CHANNEL, message)
    here.tell(job(1), TEAM, "progress", {"step": 3, "steps": 20})
    assert types(await heard(listener, 1)) == ["progress"]
