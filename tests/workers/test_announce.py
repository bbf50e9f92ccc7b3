"""A worker's announcement is a lease in Redis that gateways read; it is taken back, or runs out."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.store import workers as announced
from gateway.store.redis import RedisConnection
from gateway.store.workers import AnnouncedWorkers
from tests.gateway.valkey import Valkey
from tests.workers.test_run import worker
from workers import announce
from workers.announce import Announcement

HERE, THERE = "http://127.0.0.1:8188", "https://gpu.example:8443"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with Valkey(tmp_path) as running:
        yield running


@pytest_asyncio.fixture
async def redis(valkey: Valkey) -> AsyncGenerator[RedisConnection]:
    connection = RedisConnection(valkey.url, limit=3.0)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def made(valkey: Valkey) -> AsyncGenerator[Callable[..., Announcement]]:
    all_made: list[Announcement] = []

    def make(url: str, **settings: Any) -> Announcement:
        all_made.append(Announcement(valkey.url, url, settings.pop("takes_work", lambda: True), **settings))
        return all_made[-1]

    yield make
    for each in all_made:
        await each.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - it is asked of Redis
            await asyncio.sleep(0.005)


def test_both_sides_mean_the_same_keys() -> None:
    assert announce.KEYS[0] == announced.UNTIL
    assert announce.LONGEST_URL == announced.LONGEST_URL


async def test_those_whose_leases_run_are_read(redis: RedisConnection, made: Callable[..., Announcement]) -> None:
    found = AnnouncedWorkers(redis)
    assert await found.read() == []
    await made(HERE).round()
    await made(f"{THERE}/").round()
    assert sorted(await found.read() or []) == [HERE, THERE]


async def test_a_lease_that_is_not_renewed_runs_out(redis: RedisConnection, made: Callable[..., Announcement]) -> None:
    found = AnnouncedWorkers(redis)
    await made(HERE, lease=0.05).round()

    async def nobody() -> bool:
        return await found.read() == []

    await until(nobody)
    await made(THERE).round()
    assert await redis.command("HKEYS", announce.KEYS[1]) == [THERE.encode()], "what has run out is swept away"


async def test_who_ends_takes_his_own_back_and_not_his_successors(
    redis: RedisConnection, made: Callable[..., Announcement]
) -> None:
    found, takes_work = AnnouncedWorkers(redis), True
    first, second = made(HERE, takes_work=lambda: takes_work), made(HERE)
    await first.round()
    await second.round()
    takes_work = False
    await first.round()
    assert await found.read() == [HERE], "another process has the address by now"
    await second.take_back()
    assert await found.read() == []


async def test_a_redis_that_was_away_is_told_again(
    valkey: Valkey, redis: RedisConnection, made: Callable[..., Announcement]
) -> None:
    valkey.kill()
    announcement = made(HERE)
    keeping = asyncio.create_task(announcement.keep(every=0.01))
    await asyncio.sleep(0)
    valkey.start()

    async def told() -> bool:
        return await AnnouncedWorkers(redis).read() == [HERE]

    await until(told)
    keeping.cancel()


async def test_nobody_can_say_while_redis_is_away(valkey: Valkey, redis: RedisConnection) -> None:
    valkey.kill()
    assert await AnnouncedWorkers(redis).read() is None


@pytest.mark.parametrize("url", ["gpu:8188", "ftp://gpu", "http://", "http://user@gpu", "http://gpu/path", "x" * 3000])
def test_an_address_that_no_gateway_would_ask(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--url"):
        Announcement(f"unix://{tmp_path}/s", url, lambda: True)


@pytest.mark.parametrize("url", ["http://0.0.0.0:8188", "http://[::]:8188"])
def test_an_address_that_is_everywhere(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs --url"):
        Announcement(f"unix://{tmp_path}/s", url, lambda: True)


@pytest.mark.parametrize("url", ["redis://user:secret/x@host:6379", "http://secret", "redis://h:port-secret"])
def test_a_redis_that_is_none_does_not_tell_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="must be the URL of a Redis") as caught:
        Announcement(url, HERE, lambda: True)
    assert "secret" not in str(caught.value)


async def test_a_worker_announces_where_it_listens_and_takes_it_back_when_it_ends(
    valkey: Valkey, redis: RedisConnection
) -> None:
    found = AnnouncedWorkers(redis)

    def lives() -> Any:
        return worker("--follow-parent", "--announce", valkey.url)

    with lives() as (process, url, _port):

        async def there() -> bool:
            return await found.read() == [url]

        async def gone() -> bool:
            return await found.read() == []

        await until(there)
        process.send_signal(signal.SIGTERM)
        await until(gone)
        assert process.wait(20) == 0
