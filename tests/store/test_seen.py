"""A message counts once in a day, at whichever gateway it comes, and whether or not Redis is there."""

import pytest

from gateway.store import seen
from gateway.store.redis import RedisConnection
from gateway.store.seen import KEEP_SECONDS, Seen, name_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_message_is_new_once(redis: RedisConnection) -> None:
    known = Seen(redis)
    assert [await known.is_new("fal:a") for _time in range(3)] == [True, False, False]
    assert await known.is_new("fal:b")


async def test_all_gateways_know_it_for_a_day(redis: RedisConnection) -> None:
    here, there = Seen(redis), Seen(redis)
    assert await here.is_new("fal:a")
    assert not await there.is_new("fal:a")
    assert KEEP_SECONDS - 60 < await redis.command("TTL", name_of("fal:a")) <= KEEP_SECONDS == 86_400


async def test_what_could_not_be_used_is_new_again(redis: RedisConnection) -> None:
    here, there = Seen(redis), Seen(redis)
    assert await here.is_new("fal:a")
    await here.forget("fal:a")
    assert await there.is_new("fal:a")
    assert not await here.is_new("fal:a")


async def test_without_redis_each_knows_its_own(gone: RedisConnection) -> None:
    clock = Clock()
    here, there = Seen(gone, clock=clock), Seen(gone, clock=clock)
    assert [await each.is_new("fal:a") for each in (here, there, here, there)] == [True, True, False, False]
    clock.now = KEEP_SECONDS - 1
    assert not await here.is_new("fal:a")
    clock.now = KEEP_SECONDS
    assert await here.is_new("fal:a")
    await here.forget("fal:a")
    assert await here.is_new("fal:a")


async def test_a_process_remembers_so_many(gone: RedisConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST_HERE", 3)
    here = Seen(gone)
    for message in "abcd":
        assert await here.is_new(message)
    assert [await here.is_new(message) for message in "bcd"] == [False] * 3
    assert await here.is_new("a")
