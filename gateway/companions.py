"""A worker that accompanies a gateway: a process, kept running at one address."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self

from workers.options import CANNOT_LOAD

START_SECONDS = 20.0
STOP_SECONDS = 2.0
SHORTEST_BACK_OFF_SECONDS = 0.1
LONGEST_BACK_OFF_SECONDS = 5.0
SETTLED_SECONDS = 10.0  # a worker that lived so long begins again with the shortest pause
READY = "listening on "


def say_on_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _without_key() -> dict[str, str]:
    """It listens on this machine alone, and the gateway that asks it has no key for it."""
    everything = os.environ.items()  # noqa: TID251 - what a child is to have, not a setting
    return {name: value for name, value in everything if name != "EASEL_WORKER_KEY"}


class CompanionWorker:
    """A worker process at an address that stays the same however often it dies; `with CompanionWorker() as worker:`.

    It draws with a model of its own, or sketches if it has none. The first one takes a free port, its successors the
    same; one that says that its model cannot be loaded here has none. What it logs is passed on to `say`.
    """

    def __init__(self, model: str | None = None, say: Callable[[str], None] = say_on_stderr) -> None:
        self.model = model
        self._engine = ["--engine", "sketch"] if model is None else ["--engine", "diffusers", "--model", model]
        self._say = say
        self._address: str | None = None
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._launching = threading.Lock()
        self._thread = threading.Thread(target=self._keep_running, name="companion worker", daemon=True)

    def __repr__(self) -> str:
        return f"<CompanionWorker {self._address or 'starting'} pid={self.pid}>"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """That of the process which runs now."""
        return self._process.pid if self._process is not None else None

    def address(self, within: float = START_SECONDS) -> str | None:
        """`http://127.0.0.1:40123` once it can be asked; None if it will not come up, or not within so many seconds."""
        self._ready.wait(within)
        return self._address

    def stop(self) -> None:
        """End the process: nobody asks it any more. Stopping twice does nothing."""
        with self._launching:
            self._stopping.set()
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join()

    def _keep_running(self) -> None:
        pause = SHORTEST_BACK_OFF_SECONDS
        while True:
            process = self._launch()
            if process is None:
                return
            started = time.monotonic()
            assert process.stderr is not None  # noqa: S101 - it was opened as a pipe
            with process.stderr as log:
                self._follow(log)
            status = process.wait()
            if self._stopping.is_set():
                return
            if status == CANNOT_LOAD:
                self._say("worker: it cannot draw here, and is not started again")
                self._ready.set()
                return
            if time.monotonic() - started > SETTLED_SECONDS:
                pause = SHORTEST_BACK_OFF_SECONDS
            self._say(f"worker: ended with status {status}; the next one starts in {pause:g} s")
            if self._stopping.wait(pause):
                return
            pause = min(2 * pause, LONGEST_BACK_OFF_SECONDS)

    def _launch(self) -> subprocess.Popen[str] | None:
        # -P: a folder `workers` where the gateway was started is not the program that is meant.
        # A session of its own: Ctrl-C in the terminal reaches the gateway alone, which still needs its worker.
        arguments = ["-P", "-m", "workers", *self._engine, "--port", str(self._port), "--follow-parent"]
        with self._launching:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(  # noqa: S603 - our own program, our own arguments
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                env=_without_key(),
            )
            return self._process

    def _follow(self, log: IO[str]) -> None:
        for line in log:
            if not line.startswith(READY):
                self._say(f"worker: {line.rstrip()}")
            elif self._address is None:
                self._address = line.removeprefix(READY).strip()
                self._port = int(self._address.rpartition(":")[2])
                self._ready.set()
