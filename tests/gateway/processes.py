"""Gateways in processes of their own, to be killed: forked from one that has imported everything already.

As a program it forks a gateway for each line of JSON on its standard input, and answers with its process id. All of
them end with it, and it ends with its standard input.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from gateway import logs
from gateway.app import create_app
from gateway.cli.server import serve
from gateway.settings import read_settings
from gateway.store import redis
from tests.cli.running import environment
from tests.gateway.kill_points import arrange
from tests.gateway.running import ADMIN_KEY
from tests.gateway.until import until
from tests.tables_read import read_all_tables

Tables = Mapping[str, Any]


@dataclass
class Process:
    """A gateway that may die at any moment."""

    pid: int
    url: str
    log: Path

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=60)

    @property
    def lives(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait(self) -> None:
        """Until it is dead."""
        until(lambda: not self.lives)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()


class Processes:
    """`with Processes(folder) as processes: gateway = processes.start(tables)`; `folder` takes their logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Process] = []

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.gateway.processes"]
        self._forker = subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_error: object) -> None:
        for gateway in self._started:
            gateway.http.close()
        assert self._forker.stdin is not None and self._forker.stdout is not None
        self._forker.stdin.close()
        self._forker.stdout.close()
        self._forker.wait()

    def start(self, tables: Tables, *, dies: str | None = None, nth: int = 1, port: int = 0) -> Process:
        """`dies` is one of `kill_points.KILL_POINTS`, which it survives `nth - 1` times."""
        log = self._folder / f"gateway-{len(self._started)}.log"
        wanted = {"tables": tables, "dies": dies, "nth": nth, "log": str(log), "port": port}
        assert self._forker.stdin is not None and self._forker.stdout is not None
        self._forker.stdin.write(json.dumps(wanted, default=str) + "\n")
        self._forker.stdin.flush()
        told = json.loads(self._forker.stdout.readline())
        gateway = Process(told["pid"], f"http://127.0.0.1:{told['port']}", log)
        self._started.append(gateway)
        try:  # its socket listens already: this is answered as soon as it has started
            assert gateway.http.get("/healthz").status_code == 200
        except httpx.TransportError as ended:
            raise AssertionError(log.read_text()) from ended
        return gateway


def main() -> None:
    redis.LIMIT = 3.0  # as for the gateways beside a test
    read_all_tables()
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that have died
    for line in sys.stdin:
        wanted = json.loads(line)
        with socket.create_server(("127.0.0.1", wanted["port"])) as listener:
            pid = os.fork()
            if not pid:
                run(wanted, listener)
            sys.stdout.write(json.dumps({"pid": pid, "port": listener.getsockname()[1]}) + "\n")
            sys.stdout.flush()


def run(wanted: dict[str, Any], listener: socket.socket) -> None:
    """The gateway, to its end."""
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, file in ((0, nothing), (1, log), (2, log)):
        os.dup2(file, number)
    try:
        logs.configure()
        if wanted["dies"] is not None:
            arrange(wanted["dies"], wanted["nth"])
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        settings = read_settings(None, wanted["tables"])
        serve(create_app(settings), listener, deadline=settings.server.deadline)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def end_with_parent() -> None:
    """Linux: prctl(2) PR_SET_PDEATHSIG = 1, read 2026-11-21. Elsewhere a test that is killed leaves gateways behind."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    assert threading.active_count() == 1  # a fork takes one thread along
    main()
