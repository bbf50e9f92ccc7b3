"""The bundled Valkey: started in `data_dir`, watched, started again when it dies, shared by every gateway there.

One file lock decides who runs the server. The gateway that holds it starts Valkey and hands the lock down to it, so
that the lock is free only when both are gone: a successor never meets a server that is still saving. The others
connect to the same socket and try the lock four times a second.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
from pathlib import Path
from typing import Self

import structlog

from gateway.store.valkey_server import (
    LAUNCHER,
    answers_ping,
    prepare_directory,
    server_arguments,
    server_binary,
    socket_path,
)

log = structlog.stdlib.get_logger()

EMBEDDED = "embedded:"  # in `[redis] url`
START_SECONDS = 10.0
STOP_SECONDS = 5.0
TAKE_OVER_SECONDS = 0.25
SHORTEST_BACK_OFF_SECONDS = 0.05
LONGEST_BACK_OFF_SECONDS = 5.0
DAMAGED_AFTER = 2  # starts in a row that fail before the saved data is blamed


class EmbeddedStoreError(Exception):
    """The bundled Valkey cannot run here; the message says why and what to do instead."""


class EmbeddedStore:
    """A Valkey in `data_dir/valkey`, reached by `url` (a unix socket); `await EmbeddedStore.start(data_dir)`.

    `pid` is the server's process id while this gateway runs it, else None.
    """

    def __init__(self, directory: Path, socket: Path, binary: Path, max_memory_mb: int) -> None:
        self.directory = directory
        self.socket = socket
        self.log_file = directory / "valkey.log"
        self._arguments = [str(binary), *server_arguments(directory, socket, self.log_file, max_memory_mb)]
        self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._server: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()
        self._failed_starts = 0
        self._supervision: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, data_dir: Path, *, max_memory_mb: int = 256) -> Self:
        """Start the server, or join the one that another gateway runs; returns once it answers.

        Raises EmbeddedStoreError when there is no Valkey for this platform or it does not come up in ten seconds.
        """
        binary = server_binary()
        if binary is None:
            raise EmbeddedStoreError(
                "There is no bundled Valkey for this platform (only Linux with glibc and macOS have one). "
                "Set [redis] url to a server of your own, for example redis://127.0.0.1:6379."
            )
        try:
            directory = prepare_directory(data_dir)
            store = cls(directory, socket_path(directory), binary, max_memory_mb)
        except OSError as error:
            raise EmbeddedStoreError(f"The bundled Valkey cannot use {data_dir}: {error.strerror or error}.") from error
        try:
            await store._first_start()
        except BaseException:
            await store.stop()
            raise
        store._supervision = asyncio.create_task(store._supervise(), name="embedded store")
        return store

    @property
    def url(self) -> str:
        """The address for redis-py: `unix:///…/valkey.sock`."""
        return self.socket.as_uri().replace("file://", "unix://", 1)

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None else None

    @property
    def supervising(self) -> bool:
        """Whether this gateway is the one that runs the server."""
        return self._server is not None

    async def stop(self) -> None:
        """End supervision, and the server if it is ours; another gateway on this directory then starts its own."""
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.wait([self._supervision])
            self._supervision = None
        await self._stop_server()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def _first_start(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                answers = await self._attempt()
                while not answers:
                    await asyncio.sleep(0.01)
                    answers = await self._attempt()
        except TimeoutError as error:
            raise EmbeddedStoreError(f"The bundled Valkey does not come up; see {self.log_file}.") from error
        except OSError as error:
            raise EmbeddedStoreError(f"The bundled Valkey does not start: {error.strerror or error}.") from error

    async def _attempt(self) -> bool:
        """One try to have a server that answers: our own if the lock is free, else the one that holds it."""
        if not self._take_lock():
            return await answers_ping(self.socket)
        return await self._start_server()

    def _take_lock(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    async def _start_server(self) -> bool:
        """Start Valkey and wait until it answers; False, after cleaning up, when it ends or hangs instead."""
        if self._failed_starts >= DAMAGED_AFTER:
            self._set_data_aside()
        self.socket.unlink(missing_ok=True)  # we hold the lock, so whoever made it is gone
        ended = self._ended = asyncio.Event()
        self._launch(ended)
        try:
            async with asyncio.timeout(START_SECONDS):
                while not ended.is_set():
                    if await answers_ping(self.socket):
                        self._failed_starts = 0
                        return True
                    await asyncio.sleep(0.005)
        except TimeoutError:
            log.warning("embedded_store_hangs", log_file=str(self.log_file))
        self._failed_starts += 1
        await self._stop_server()
        return False

    def _launch(self, ended: asyncio.Event) -> None:
        # The server holds the write end, so the read end tells of its death on any event loop, without SIGCHLD.
        alive, held = os.pipe()
        try:
            with self.log_file.open("ab") as output:
                self._server = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                    [*LAUNCHER, str(os.getpid()), *self._arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.directory,
                    pass_fds=(self._lock, held),
                    start_new_session=True,  # Ctrl-C is for the gateway, which drains before it stops the server
                )
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(held)
        loop = asyncio.get_running_loop()

        def server_ended() -> None:
            loop.remove_reader(alive)
            os.close(alive)
            ended.set()

        loop.add_reader(alive, server_ended)

    def _set_data_aside(self) -> None:
        """A cache that cannot be loaded is worth less than one that starts: keep one damaged copy to look at."""
        data = self.directory / "appendonlydir"
        if not data.exists():
            return
        damaged = self.directory / f"damaged-{os.getpid()}-{os.urandom(4).hex()}"
        data.rename(damaged)
        self._failed_starts = 0
        log.warning("embedded_store_data_set_aside", kept_as=str(damaged), log_file=str(self.log_file))

    async def _supervise(self) -> None:
        pause = SHORTEST_BACK_OFF_SECONDS
        while True:
            if self._server is not None:
                started = asyncio.get_running_loop().time()
                await self._ended.wait()
                code, self._server = self._server.wait(), None
                log.warning("embedded_store_died", code=code, log_file=str(self.log_file))
                if asyncio.get_running_loop().time() - started > LONGEST_BACK_OFF_SECONDS:
                    pause = SHORTEST_BACK_OFF_SECONDS
            if not self._take_lock():
                await asyncio.sleep(TAKE_OVER_SECONDS)
                continue
            if await self._restart():
                log.info("embedded_store_started", pid=self.pid)
            # Also after a success: a server that dies at once again must not be started in a tight loop.
            await asyncio.sleep(pause)
            pause = min(LONGEST_BACK_OFF_SECONDS, 2 * pause)

    async def _restart(self) -> bool:
        try:
            return await self._start_server()
        except OSError as error:  # no memory to fork, disk full: supervision goes on and tries again
            log.warning("embedded_store_cannot_start", error=error.strerror)
            return False

    async def _stop_server(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            server.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            server.kill()
        server.wait()
