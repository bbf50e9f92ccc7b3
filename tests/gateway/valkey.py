"""A bare Valkey on a unix socket or a port, as a user's own server would be, that a test may kill and start again."""

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

from gateway.store.valkey_server import server_binary


class Valkey:
    """`url` is for `[redis] url`; nothing it knows outlives its process. `network`: as on another machine."""

    def __init__(self, directory: Path, *, network: bool = False) -> None:
        self._directory = directory
        self._port = free_port() if network else 0
        self.url = f"redis://127.0.0.1:{self._port}" if network else f"unix://{directory}/s"
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns once it takes connections."""
        binary = server_binary()
        assert binary is not None
        # Relative, so that a deep temporary folder cannot make the path too long for the server.
        self._process = subprocess.Popen(
            [str(binary), "--port", str(self._port), "--unixsocket", "s", "--save", "", "--dir", str(self._directory)],
            cwd=self._directory,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "ready to accept connections unix" in line.lower():
                return
        raise AssertionError("it did not start")

    def stop(self) -> None:
        """It is there, and never answers, until it goes on."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """At once, also when it is stopped in its tracks; killing it twice does nothing."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()


def free_port() -> int:
    """The kernel does not give it to anybody else soon."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
