"""A process that serves, as the one who supervises it sees it."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import cast

from gateway.cli.one_of_several import serve_among
from gateway.cli.starting import Shift
from gateway.several import Several

FORKING = multiprocessing.get_context("forkserver")
LOST = 255  # what is told of a process whose fork server has died (multiprocessing/popen_forkserver.py)
LOOK_EVERY = 1.0  # seconds


class Child:
    """`leaving`: its end is wanted, and no other one takes its place. `pause` is for the one after it, in seconds."""

    def __init__(self, shift: Shift, several: Several, *, leaving: bool, pause: float) -> None:
        self.number = several.number
        self.leaving = leaving
        self.pause = pause
        self.pid: int | None = None
        self.ended = asyncio.Event()
        self._ready = asyncio.Event()
        self._born = time.monotonic()
        hears, tells = cast("tuple[Connection, Connection]", FORKING.Pipe(duplex=False))
        self._process: ForkServerProcess = FORKING.Process(target=serve_among, args=(shift, several, tells))
        try:
            self._process.start()
        except (OSError, EOFError):  # no memory for it, perhaps
            hears.close()
            self.ended.set()
        else:
            self.pid = self._process.pid
            when_readable(hears.fileno(), lambda: self._heard(hears))
            when_readable(self._process.sentinel, self._over)
        finally:
            tells.close()

    def __repr__(self) -> str:
        return f"<Child {self.number} pid={self.pid} {'leaving' if self.leaving else 'here'}>"

    @property
    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self._born

    @property
    def status(self) -> int:
        """Once it has ended: its exit status, or the signal that ended it, negative."""
        return self._process.exitcode or 0

    async def serves(self) -> bool:
        """Waits until it does, or has ended."""
        waits = [asyncio.create_task(each.wait()) for each in (self._ready, self.ended)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return not self.ended.is_set()

    def send(self, number: signal.Signals) -> None:
        """Nothing to one that has ended."""
        if self.pid is not None and not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def leave(self) -> None:
        """It finishes what it has accepted, and ends."""
        self.leaving = True
        self.send(signal.SIGTERM)

    def _heard(self, hears: Connection) -> None:
        with hears, contextlib.suppress(EOFError):
            hears.recv_bytes()
            self._ready.set()

    def _over(self) -> None:
        self._process.join()
        if self.status == LOST:
            self._waiting = asyncio.create_task(self._wait_until_gone())
        else:
            self.ended.set()

    async def _wait_until_gone(self) -> None:
        """The fork server has died, and not this one: it goes on."""
        while self.pid is not None and not is_gone(self.pid):  # noqa: ASYNC110 - no event that every system has
            await asyncio.sleep(LOOK_EVERY)
        self.ended.set()


def is_gone(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # where the supervisor is process 1, orphans become its own
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def when_readable(file: int, act: Callable[[], None]) -> None:
    """Once."""
    loop = asyncio.get_running_loop()

    def readable() -> None:
        loop.remove_reader(file)
        act()

    loop.add_reader(file, readable)
