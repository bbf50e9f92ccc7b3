"""One of several processes runs; the others wait for it, whether it ends well, is cancelled or is killed."""

import asyncio
import contextlib

import pytest

import gateway.store.runs
from gateway.store.redis import RedisConnection
from gateway.store.runs import Runs


def soon(seconds: float = 20) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_only_one_acquires(redis: RedisConnection) -> None:
    runs = Runs(redis)
    won = await asyncio.gather(*(runs.acquire("f", f"owner{number}") for number in range(20)))
    assert won.count(True) == 1
    assert 0 < await redis.command("PTTL", "easel:run:f") <= 15_000


async def test_only_the_owner_renews_and_releases(redis: RedisConnection) -> None:
    runs = Runs(redis)
    assert await runs.acquire("f", "me")
    await redis.command("PEXPIRE", "easel:run:f", 5_000)
    assert not await runs.renew("f", "you")
    assert not await runs.release("f", "you")
    assert await redis.command("PTTL", "easel:run:f") <= 5_000
    assert await runs.renew("f", "me")
    assert await redis.command("PTTL", "easel:run:f") > 5_000
    assert await runs.release("f", "me")
    assert await runs.acquire("f", "you")
    assert not await runs.release("f", "me")


async def test_a_follower_wakes_when_the_run_is_released(redis: RedisConnection) -> None:
    leader, follower = Runs(redis), Runs(redis)
    await leader.acquire("f", "me")
    waiters = [asyncio.create_task(follower.wait("f", soon())) for _ in range(5)]
    await asyncio.sleep(0)
    await leader.release("f", "me")
    assert await asyncio.gather(*waiters) == [True] * 5
    await follower.close()


async def test_the_hint_wakes_a_follower_that_would_not_poll_for_long(
    redis: RedisConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.store.runs, "FIRST_POLL_SECONDS", 3600.0)
    monkeypatch.setattr(gateway.store.runs, "LONGEST_POLL_SECONDS", 3600.0)
    leader, follower = Runs(redis), Runs(redis)
    await leader.acquire("f", "me")
    waiter = asyncio.create_task(follower.wait("f", soon(3600)))
    async with asyncio.timeout(20):
        while b"easel:runs:released" not in await redis.command("PUBSUB", "CHANNELS"):  # noqa: ASYNC110 - Redis is asked
            await asyncio.sleep(0)
        await leader.release("f", "me")
        assert await waiter
    await follower.close()


async def test_a_lease_that_expires_frees_its_followers(redis: RedisConnection) -> None:
    """As after kill -9 of the process that held it."""
    runs = Runs(redis)
    await runs.acquire("f", "killed")
    await redis.command("PEXPIRE", "easel:run:f", 60)
    assert await runs.wait("f", soon())
    assert await runs.acquire("f", "next")
    await runs.close()


async def test_another_owner_ends_the_wait_for_the_first(redis: RedisConnection) -> None:
    runs = Runs(redis)
    await runs.acquire("f", "first")
    await redis.command("CONFIG", "RESETSTAT")
    waiter = asyncio.create_task(runs.wait("f", soon()))
    async with asyncio.timeout(20):
        while b"cmdstat_get" not in await redis.command("INFO", "commandstats"):  # noqa: ASYNC110 - Redis is asked
            await asyncio.sleep(0)
    await redis.command("SET", "easel:run:f", "second")
    assert await waiter
    await runs.close()


async def test_the_deadline_ends_the_wait(redis: RedisConnection) -> None:
    runs = Runs(redis)
    await runs.acquire("f", "me")
    assert not await runs.wait("f", soon(0.05))
    await runs.close()


async def test_nobody_to_wait_for(redis: RedisConnection) -> None:
    runs = Runs(redis)
    assert await runs.wait("f", soon())
    await runs.close()


async def test_a_cancelled_follower_leaves_the_others_waiting(redis: RedisConnection) -> None:
    runs = Runs(redis)
    await runs.acquire("f", "me")
    cancelled, other = (asyncio.create_task(runs.wait("f", soon())) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    await runs.release("f", "me")
    assert await other
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await runs.close()


async def test_a_held_lease_is_renewed_and_released_even_when_cancelled(
    redis: RedisConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.store.runs, "RENEW_SECONDS", 0.01)
    runs = Runs(redis)
    assert await runs.acquire("f", "me")
    await redis.command("PEXPIRE", "easel:run:f", 5_000)

    async def work() -> None:
        async with runs.held("f", "me"):
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    async with asyncio.timeout(20):
        while await redis.command("PTTL", "easel:run:f") <= 5_000:  # noqa: ASYNC110 - Redis is asked, not an event
            await asyncio.sleep(0.01)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await redis.command("EXISTS", "easel:run:f") == 0


async def test_without_redis_everyone_runs_for_itself(gone: RedisConnection) -> None:
    runs = Runs(gone)
    assert await runs.acquire("f", "me")
    assert await runs.acquire("f", "you")
    assert not await runs.renew("f", "me")
    assert not await runs.release("f", "me")
    assert await runs.wait("f", soon())
    await runs.close()
