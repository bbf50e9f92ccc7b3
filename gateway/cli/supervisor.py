"""`easel serve --processes N`: one process that serves nobody, and keeps N alive that do.

They are forked by a fork server, because this process has threads and a loop. It runs what they share (the bundled
Valkey, the sketch worker, the simulators), so that any of them can end without the others noticing.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

from gateway.cli.child import FORKING, Child
from gateway.cli.server import say_where
from gateway.cli.starting import Shift
from gateway.companions import LONGEST_BACK_OFF_SECONDS, SETTLED_SECONDS, SHORTEST_BACK_OFF_SECONDS, say_on_stderr
from gateway.settings import Settings
from gateway.several import Connections, Several, forget_gauges, lowest_free
from gateway.store.embedded import EMBEDDED, EmbeddedStore


def prepare() -> None:
    """Let the fork server import what takes a second while everything else begins."""
    os.environ["PYTHONSAFEPATH"] = "1"  # noqa: TID251 - a folder `gateway` where this was started is not what is meant
    FORKING.set_forkserver_preload(["gateway.cli.fork_server"])
    forkserver.ensure_running()


def supervise(shift: Shift, settings: Settings, processes: int) -> int:
    """Until a signal; the exit status: 0, or that of a process that could not start. Raises EmbeddedStoreError."""
    with tempfile.TemporaryDirectory(prefix="easel-serve-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(Supervisor(shift, settings, processes, Path(folder)).run())


class Supervisor:
    """`folder` is private, and gone at the end: it holds metrics and counts of connections."""

    def __init__(self, shift: Shift, settings: Settings, processes: int, folder: Path) -> None:
        self._shift = shift
        self._settings = settings
        self._processes = processes
        self._folder = folder
        self._connections = Connections.new(folder)
        self._children: set[Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._hurried = False

    async def run(self) -> int:
        self._follow_signals()
        async with contextlib.AsyncExitStack() as stack:
            await self._run_store(stack)
            stack.push_async_callback(self._end_all)
            status = await self._start_all()
            if status == 0 and not self._stopping.is_set():
                say_where(self._shift.listener)
                await self._stopping.wait()
        return status

    async def _run_store(self, stack: contextlib.AsyncExitStack) -> None:
        if self._settings.redis.url != EMBEDDED:
            return
        store = await EmbeddedStore.start(self._settings.server.data_dir)
        stack.push_async_callback(store.stop)
        overrides = {**self._shift.overrides, "redis": {"url": store.url}}
        self._shift = replace(self._shift, overrides=overrides)

    async def _start_all(self) -> int:
        """The first by itself: what keeps it from starting would keep all of them, and is said once."""
        children: list[Child] = []
        for at_once in (1, self._processes - 1):
            children += [self._launch(leaving=True) for _each in range(at_once)]
            for child in children:
                if not await child.serves():
                    return 0 if self._stopping.is_set() else failure(child)
        for child in children:
            child.leaving = False
        return 0

    async def _end_all(self) -> None:
        """They finish what they have accepted."""
        self._stopping.set()
        self._shift.listener.close()  # theirs alone from here on, and closed when they close it
        for child in self._children:
            child.leave()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _launch(self, *, leaving: bool = False, pause: float = SHORTEST_BACK_OFF_SECONDS) -> Child:
        number = lowest_free({child.number for child in self._children})
        child = Child(self._shift, Several(number, self._processes, self._folder), leaving=leaving, pause=pause)
        self._children.add(child)
        self._run(self._follow(child))
        return child

    async def _follow(self, child: Child) -> None:
        """When it dies another one takes its place, after a pause that grows while they die young."""
        await child.ended.wait()
        self._children.discard(child)
        self._connections.gone(child.number)
        forget_gauges(self._folder, child.number)
        if child.leaving or self._stopping.is_set():
            return
        pause = SHORTEST_BACK_OFF_SECONDS if child.age > SETTLED_SECONDS else child.pause
        say_on_stderr(f"easel: {end_of(child)}; the next one starts in {pause:g} s")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stopping.wait()
                return
        self._launch(pause=min(2 * pause, LONGEST_BACK_OFF_SECONDS))

    async def _renew(self) -> None:
        """A process for each one, with the configuration as it is now, before that one leaves."""
        async with self._renewing:
            for old in [child for child in self._children if not child.leaving]:
                new = self._launch(leaving=True)
                if self._stopping.is_set() or not await new.serves():
                    say_on_stderr("easel: a process that was to replace another one did not start; the others go on")
                    return
                new.leaving = False
                old.leave()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _follow_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_end, number)
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as nohup leaves it
            return
        if sys.stdin is not None and sys.stdin.isatty():  # the terminal is closed
            loop.add_signal_handler(signal.SIGHUP, self._asked_to_end, signal.SIGHUP)
        else:
            loop.add_signal_handler(signal.SIGHUP, lambda: self._run(self._renew()))

    def _asked_to_end(self, number: signal.Signals) -> None:
        """In order the first time. A second Ctrl-C ends it now, and a third whatever does not hear."""
        if not self._stopping.is_set():
            self._stopping.set()
        elif number == signal.SIGINT:
            for child in self._children:
                child.send(signal.SIGKILL if self._hurried else signal.SIGINT)
            self._hurried = True


def end_of(child: Child) -> str:
    """`process 4711 was ended by signal 9`."""
    if child.pid is None:
        return "a process could not be started"
    how = f"was ended by signal {-child.status}" if child.status < 0 else f"ended with status {child.status}"
    return f"process {child.pid} {how}"


def failure(child: Child) -> int:
    """Of a start; what the process itself has said of it stands above already."""
    if child.status > 0:
        return child.status
    say_on_stderr(f"easel: {end_of(child)} before it could serve")
    return 1
