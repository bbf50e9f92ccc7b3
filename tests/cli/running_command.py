"""A command that goes on while a test talks to it: forked, and told apart from a program of its own by nothing else."""

import contextlib
import os
import select
import signal
from pathlib import Path
from typing import Self, TextIO


class RunningCommand:
    """As `subprocess.Popen` is to a program of its own. `folder` holds two pipes: what it says, and its exit status."""

    def __init__(self, folder: Path, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stderr: TextIO = (folder / "err").open(encoding="utf-8", errors="replace")
        self._status = os.open(folder / "status", os.O_RDONLY | os.O_NONBLOCK)  # nobody writes yet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stderr.close()
        self.wait()
        os.close(self._status)

    def poll(self) -> int | None:
        """Its exit status, or the signal that ended it, negative; None while it runs."""
        return self._wait(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._wait(timeout)
        assert status is not None, f"it still runs after {timeout} s"
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing to one that has ended, though nobody may have said so yet."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _wait(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = int(os.read(self._status, 16))
        return self.returncode
