"""Redis may be slow, hung or gone: requests go on, and it is used again as soon as it is back."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.store.redis import LIMIT, RedisConnection, connect


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


async def test_nobody_waits_for_a_hung_server_twice(tmp_path: Path, frozen: Callable[[int], None]) -> None:
    """What comes while an exchange is under way waits for its end, and fails with it."""
    embedded = await connect("embedded:", tmp_path, limit=0.5)
    assert await embedded.command("PING") == b"PONG"
    assert embedded.embedded is not None
    assert embedded.embedded.pid is not None
    frozen(embedded.embedded.pid)
    loop = asyncio.get_running_loop()
    began = loop.time()
    asking = [asyncio.create_task(embedded.command("GET", "a", otherwise="late")) for _ in range(3)]
    await asyncio.sleep(0.1)  # they are out
    asking += [asyncio.create_task(embedded.command("GET", "a", otherwise="late")) for _ in range(3)]
    assert await asyncio.gather(*asking) == ["late"] * 6
    assert loop.time() - began < 0.95
    assert not embedded.up
    os.kill(embedded.embedded.pid, signal.SIGCONT)
    await until_up(embedded)
    await embedded.close()


async def test_a_server_far_away_is_not_taken_for_a_hung_one(valkey_url: str, tmp_path: Path) -> None:
    """Each answer takes twice as long as a near server may."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    sinks: set[asyncio.StreamWriter] = set()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, seconds: float) -> None:
        while piece := await source.read(65536):
            loop.call_later(seconds, sink.write, piece)

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(valkey_url.removeprefix("unix://"))
        sinks.update((writer, to_server))
        for way in (carry(reader, to_server, 0), carry(from_server, writer, 2 * LIMIT)):
            tasks.add(asyncio.create_task(way))

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        far = await connect(f"redis://127.0.0.1:{port}", tmp_path)
        await until_up(far)
        failures = far.failures
        for number in range(5):
            assert await far.command("SET", "far", number) == b"OK"
        assert (far.up, far.failures) == (True, failures)
        await far.close()
    for sink in sinks:
        sink.close()
    await asyncio.gather(*tasks, *(sink.wait_closed() for sink in sinks), return_exceptions=True)


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
