"""Places that a process holds: told in batches, renewed together, and never taken anew once they were given back."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from gateway.store.limits import LEASE, Lease, Places, SharedLimits
from gateway.store.redis import RedisConnection, connect
from gateway.tenancy import leases as leases_module
from gateway.tenancy.leases import Leases
from tests.gateway.valkey import Valkey

POOL, OTHER = "easel:{limits}:concurrent:key:key_1", "easel:{limits}:concurrent:team:team_1"


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncGenerator[RedisConnection]:
    with Valkey(tmp_path) as server:
        connection = await connect(server.url, tmp_path, limit=5.0)
        yield connection
        await connection.close()


@pytest.fixture
async def leases(redis: RedisConnection) -> AsyncGenerator[Leases]:
    made = Leases(SharedLimits(redis))
    yield made
    await made.close()


async def members(redis: RedisConnection, name: str = POOL) -> list[bytes]:
    return sorted(await redis.command("ZRANGE", name, 0, -1))


async def happens(redis: RedisConnection, expected: list[bytes], name: str = POOL) -> None:
    async with asyncio.timeout(20):
        while await members(redis, name) != expected:  # noqa: ASYNC110 - Redis is asked
            await asyncio.sleep(0)


async def test_what_is_given_back_at_once_is_told_in_one_exchange(redis: RedisConnection, leases: Leases) -> None:
    held = [Lease((POOL, OTHER), (f"req_{number}/0", f"req_{number}/1")) for number in range(5)]
    for each in held:
        await SharedLimits(redis).take((), [Places(name, 100) for name in each.names], each.members)
        leases.hold(each)
    assert (leases.held(POOL), leases.held(OTHER)) == (10, 10)
    for each in held[1:]:
        leases.give_back(each)
    assert leases.held(POOL) == 2
    await happens(redis, [b"req_0/0", b"req_0/1"])
    assert await members(redis, OTHER) == [b"req_0/0", b"req_0/1"]


async def test_what_another_process_goes_on_with_stays(redis: RedisConnection, leases: Leases) -> None:
    lease = Lease((POOL,), ("req_1/0",))
    leases.hold(lease)
    leases.renew_soon()
    await happens(redis, [b"req_1/0"])
    leases.leave(lease)
    assert leases.held(POOL) == 0
    await leases.close()
    assert await members(redis) == [b"req_1/0"]


async def test_all_that_are_held_are_renewed_and_no_others(
    redis: RedisConnection, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases_module, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(leases_module, "MOST_IN_A_CALL", 3)
    held = [Lease((POOL,), (f"req_{number}/0",)) for number in range(8)]
    for each in held:
        leases.hold(each)
    gone = held.pop()
    leases.give_back(gone)
    await happens(redis, [each.members[0].encode() for each in held])
    await redis.command("FLUSHALL")
    await happens(redis, [each.members[0].encode() for each in held])
    seconds, _micros = await redis.command("TIME")
    score = float(await redis.command("ZSCORE", POOL, "req_0/0"))
    assert LEASE / 1e6 - 5 < score / 1e6 - int(seconds) <= LEASE / 1e6 + 1


async def test_without_redis_nothing_is_lost_or_raised(redis: RedisConnection, leases: Leases) -> None:
    lease = Lease((POOL,), ("req_1/0",))
    await redis.close()
    leases.hold(lease)
    leases.renew_soon()
    assert leases.held(POOL) == 1
    leases.give_back(lease)
    await leases.close()
    assert leases.held(POOL) == 0


async def test_what_redis_could_not_be_told_is_told_when_it_is_back(tmp_path: Path) -> None:
    with Valkey(tmp_path) as server:
        redis = await connect(server.url, tmp_path, limit=0.2)
        leases = Leases(SharedLimits(redis))
        lease = Lease((POOL,), ("req_1/0",))
        leases.hold(lease)
        leases.renew_soon()
        await happens(redis, [b"req_1/0"])
        server.stop()
        leases.give_back(lease)
        async with asyncio.timeout(20):
            while redis.up:  # noqa: ASYNC110 - it is noticed by the release alone
                await asyncio.sleep(0.01)
        server.go_on()
        async with asyncio.timeout(20):
            while not redis.up or await members(redis):  # noqa: ASYNC110 - Redis is asked
                await asyncio.sleep(0.01)
        await leases.close()
        await redis.close()
