"""The bundled Valkey outlives its own death, its gateway's, and being shared."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import gateway.store.embedded
from gateway.store.embedded import EmbeddedStore, EmbeddedStoreError
from gateway.store.redis import RedisConnection, connect
from gateway.store.valkey_server import answers_ping, socket_path

GATEWAY = """
import asyncio, pathlib, sys
from gateway.store.redis import connect

async def main():
    connection = await connect("embedded:", pathlib.Path(sys.argv[1]), limit=5)
    await connection.command("SET", "from", "gateway")
    print(connection.embedded.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def other_gateway(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", GATEWAY, str(data_dir)], stdout=subprocess.PIPE, text=True)


def first_line(gateway: subprocess.Popen[str]) -> str:
    assert gateway.stdout is not None
    return gateway.stdout.readline().strip()


def end(gateway: subprocess.Popen[str]) -> None:
    gateway.kill()
    gateway.wait()
    assert gateway.stdout is not None
    gateway.stdout.close()


async def test_it_is_private_and_has_no_port(embedded: RedisConnection) -> None:
    assert embedded.embedded is not None
    socket = embedded.embedded.socket
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert await embedded.command("CONFIG", "GET", "port") in ([b"port", b"0"], {b"port": b"0"})
    policy = await embedded.command("CONFIG", "GET", "maxmemory-policy")
    assert b"allkeys-lru" in (policy if isinstance(policy, list) else policy.values())
    assert (socket.parent / "valkey.log").stat().st_size > 0


async def test_stopping_leaves_nothing_behind_and_the_data_is_there_again(tmp_path: Path) -> None:
    connection = await connect("embedded:", tmp_path, limit=5)
    assert connection.embedded is not None
    pid = connection.embedded.pid
    assert pid is not None
    await connection.command("SET", "kept", "1")
    await connection.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    again = await connect("embedded:", tmp_path, limit=5)
    assert await again.command("GET", "kept") == b"1"
    await again.close()


async def test_a_killed_server_is_started_again_with_its_data(embedded: RedisConnection) -> None:
    store = embedded.embedded
    assert store is not None
    before = store.pid
    assert before is not None
    await embedded.command("SET", "kept", "1")
    with capture_logs() as logs:
        os.kill(before, signal.SIGKILL)

        async def is_back() -> bool:
            return store.pid not in (None, before) and await embedded.command("GET", "kept") == b"1"

        await until(is_back)
    assert "embedded_store_died" in [line["event"] for line in logs]


async def test_a_killed_gateway_takes_its_server_along_and_the_data_stays(tmp_path: Path) -> None:
    gateway = other_gateway(tmp_path)
    server = int(first_line(gateway))
    end(gateway)
    connection = await connect("embedded:", tmp_path, limit=5)
    store = connection.embedded
    assert store is not None

    async def is_its_own() -> bool:  # the old one may have answered once more while it was ending
        return store.pid not in (None, server) and await connection.command("GET", "from") == b"gateway"

    await until(is_its_own)
    await connection.close()


async def test_two_gateways_share_one_server_and_the_second_takes_over(tmp_path: Path) -> None:
    gateway = other_gateway(tmp_path)
    try:
        server = int(first_line(gateway))
        connection = await connect("embedded:", tmp_path, limit=5)
        store = connection.embedded
        assert store is not None
        assert not store.supervising
        assert await connection.command("GET", "from") == b"gateway"
        info = await connection.command("INFO", "server")
        assert f"process_id:{server}".encode() in info.splitlines()
    finally:
        end(gateway)

    async def taken_over() -> bool:
        return store.supervising and await connection.command("GET", "from") == b"gateway"

    await until(taken_over)
    await connection.close()


async def test_many_gateways_starting_at_once_run_one_server(tmp_path: Path) -> None:
    stores = await asyncio.gather(*(EmbeddedStore.start(tmp_path) for _ in range(4)))
    assert sum(store.supervising for store in stores) == 1
    assert len({store.url for store in stores}) == 1
    for store in stores:
        await store.stop()


async def test_a_stale_socket_and_a_damaged_file_do_not_stop_it(tmp_path: Path) -> None:
    directory = tmp_path / "valkey"
    (directory / "appendonlydir").mkdir(parents=True)
    (directory / "appendonlydir" / "appendonly.aof.manifest").write_bytes(b"\x00not a manifest")
    (directory / "valkey.sock").touch()
    with capture_logs() as logs:
        store = await EmbeddedStore.start(tmp_path)
    assert await answers_ping(store.socket)
    assert "embedded_store_data_set_aside" in [line["event"] for line in logs]
    assert len(list(directory.glob("damaged-*"))) == 1
    await store.stop()


async def test_a_deep_data_dir_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    store = await EmbeddedStore.start(deep)
    assert len(os.fsencode(store.socket)) < 104
    assert deep.resolve() not in store.socket.parents
    assert stat.S_IMODE(store.socket.parent.stat().st_mode) == 0o700
    assert socket_path(deep.resolve() / "valkey") == store.socket
    await store.stop()
    store.socket.parent.rmdir()


def test_a_shared_temporary_folder_is_not_used(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    folder = socket_path(deep).parent
    folder.chmod(0o777)
    try:
        with pytest.raises(PermissionError, match="not a private folder"):
            socket_path(deep)
    finally:
        folder.rmdir()


async def test_odd_characters_in_the_path_reach_redis_py(tmp_path: Path) -> None:
    connection = await connect("embedded:", tmp_path / "a b?c#d%41", limit=5)
    assert await connection.ping() is None
    await connection.close()


async def test_without_a_wheel_the_error_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.store.embedded, "server_binary", lambda: None)
    with pytest.raises(EmbeddedStoreError, match="redis://"):
        await connect("embedded:", tmp_path, limit=5)


async def test_a_directory_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedStoreError, match="cannot use"):
        await connect("embedded:", tmp_path / "file")
