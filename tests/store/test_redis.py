"""Redis may be slow, hung or gone: requests go on, and it is used again as soon as it is back."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.store.redis import RedisConnection, connect


async def until_up(connection: RedisConnection) -> None:
    async with asyncio.timeout(20):
        while not connection.up:  # noqa: ASYNC110 - another process comes back
            await asyncio.sleep(0.01)


async def test_commands_answer(redis: RedisConnection) -> None:
    assert await redis.commands([("SET", "a", b"\x00\xff"), ("GET", "a")]) == [b"OK", b"\x00\xff"]
    assert redis.up
    assert await redis.ping() is None


async def test_a_server_that_is_not_there_is_down_from_the_start(gone: RedisConnection) -> None:
    assert not gone.up
    assert await gone.command("GET", "a", otherwise="nothing") == "nothing"
    assert await gone.commands([("GET", "a")]) is None
    assert await gone.ping() == "ConnectionError"


async def test_a_hung_server_is_noticed_once_and_then_skipped(tmp_path: Path, frozen: Callable[[int], None]) -> None:
    embedded = await connect("embedded:", tmp_path, limit=0.3)
    assert embedded.embedded is not None
    assert embedded.embedded.pid is not None
    frozen(embedded.embedded.pid)
    with capture_logs() as logs:
        assert await embedded.command("GET", "a", otherwise="late") == "late"
        assert not embedded.up
        failures = embedded.failures
        answers = [await embedded.command("GET", "a", otherwise="skipped") for _ in range(100)]
    assert answers == ["skipped"] * 100
    assert embedded.failures == failures, "nothing was sent"
    assert [line["event"] for line in logs] == ["redis_down"]
    assert logs[0]["error"] == "no answer in time"
    with capture_logs() as logs:
        os.kill(embedded.embedded.pid, signal.SIGCONT)
        await until_up(embedded)
    assert "redis_up" in [line["event"] for line in logs]
    assert await embedded.commands([("PING",)]) == [b"PONG"]
    await embedded.close()


async def test_a_refused_command_does_not_take_redis_down(redis: RedisConnection) -> None:
    await redis.command("SET", "text", "x")
    assert await redis.command("INCR", "text", otherwise="refused") == "refused"
    assert redis.up
    assert redis.failures == 1


async def test_a_cancelled_exchange_never_gives_its_answer_to_another(redis: RedisConnection) -> None:
    """The worst that a pool can do is to hand one caller's answer to the next."""
    for number in range(40):
        await redis.command("SET", f"key{number}", f"value{number}")

    async def ask(number: int) -> None:
        assert await redis.command("GET", f"key{number}") == f"value{number}".encode()

    for turns in range(12):
        tasks = [asyncio.create_task(ask(number)) for number in range(40)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results)
    assert redis.up


async def test_no_password_in_what_is_said(tmp_path: Path) -> None:
    with capture_logs() as logs:
        connection = await connect("redis://:hunter2@127.0.0.1:1/0", tmp_path)
        problem = await connection.ping()
    assert problem == "ConnectionError"
    assert "hunter2" not in repr(connection) + repr(logs)
    await connection.close()


async def test_an_unknown_scheme_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"redis\.url must be"):
        await connect("memcached://127.0.0.1", tmp_path)
