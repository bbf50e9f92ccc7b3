"""The command line as a person meets it: real processes, and a stand-in for the gateway that remembers requests."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.cli.forking import ROOT, forker
from tests.cli.running_command import RunningCommand

ADMIN_KEY = "ek_test_admin"
EASEL = [sys.executable, "-c", "from gateway.cli import main; main()"]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This machine's, without anything of Easel's or a provider's in it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}  # noqa: TID251 - a child's environment
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "200", **(more or {})}


def easel(
    *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `easel …` to its end, with everything imported beforehand."""
    here = forker(tuple(environment().items()))
    return here.run([*map(str, arguments)], environment(env), cwd or Path.cwd())


def fresh_easel(*arguments: str, env: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same with nothing imported, as at a terminal: some defaults are found while modules are loaded."""
    return subprocess.run(
        [*EASEL, *arguments], env=environment(env), cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


@dataclass
class Sent:
    """One request that the stand-in received."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeGateway:
    """Answers by path, from `answers`: a status and JSON, or bytes."""

    answers: dict[str, tuple[int, Any]] = field(default_factory=dict[str, tuple[int, Any]])
    sent: list[Sent] = field(default_factory=list[Sent])
    url: str = ""

    def __enter__(self) -> Self:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.sent.append(Sent(self.command, self.path, headers, json.loads(raw) if raw else None))
                status, told = fake.answers.get(self.path, (404, {"error": {"message": "not here"}}))
                content = told if isinstance(told, bytes) else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("content-type", "image/png" if isinstance(told, bytes) else "application/json")
                self.send_header("content-length", str(len(content)))
                self.send_header("x-request-id", "req_fake")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def env(self) -> dict[str, str]:
        return {"EASEL_URL": self.url, "EASEL_API_KEY": "ek_mine"}


@dataclass
class Served:
    """A running `easel serve`; `said` is what it wrote on stderr up to its address, and later the rest."""

    process: RunningCommand
    url: str
    said: list[str]

    def rest(self) -> list[str]:
        """What it says until its end."""
        return self.process.stderr.read().splitlines()


@contextmanager
def served(
    data_dir: Path, *arguments: str, key: str | None = ADMIN_KEY, env: Mapping[str, str] | None = None
) -> Generator[Served]:
    """`easel serve --port 0 …`, up to the line that says where; killed at the end of the block if it still runs."""
    variables = {
        "EASEL_SERVER__DATA_DIR": str(data_dir),
        **({"EASEL_AUTH__ADMIN_KEY": key} if key else {}),
        **(env or {}),
    }
    command = ["serve", "--port", "0", *arguments]
    here = forker(tuple(environment().items()))
    with (
        tempfile.TemporaryDirectory() as pipes,
        here.start(command, environment(variables), data_dir.parent, Path(pipes)) as process,
    ):
        try:
            said: list[str] = []
            for line in process.stderr:
                said.append(line.rstrip())
                if line.startswith("listening on "):
                    yield Served(process, line.removeprefix("listening on ").strip(), said)
                    break
            else:
                raise AssertionError(f"it did not start: {said}")
        finally:
            process.kill()
