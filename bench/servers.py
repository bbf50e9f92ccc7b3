"""Starts and stops the servers of a run: each on its core, each ready when it says `listening on` on stderr."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.proc import pinned

READY_WITHIN = 30.0  # seconds
LISTENING = re.compile(r"listening on http://[^:\s]+:(\d+)")
KEY = "bench-key"

CONFIG = """\
[server]
data_dir = "{data_dir}"

[auth]
admin_key = "{key}"

[storage]
keep = {keep}

[providers.mock]
kind = "openai_compatible"
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "upstream-key"
max_concurrency = 2000
models = {{ {models} }}

[providers.mock.offers."bench-slow"]
count = {{ to = "n", max = 1, seeds = "unknown" }}
"""
MODELS = ("bench", "bench-slow", "bench-held", "bench-b64", "bench-8mb")


class DidNotStart(Exception):
    """A server ended, or was silent for too long; the message holds the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """`pictures` is the folder that it writes kept pictures into."""

    name: str
    port: int
    pid: int
    pictures: Path

    def forget_pictures(self) -> None:
        """Deletes what it kept, so that a long run does not fill the disk."""
        for file in self.pictures.rglob("*"):
            if file.is_file():
                file.unlink(missing_ok=True)


@contextmanager
def upstream(core: int, folder: Path, *, held: float = 1.0) -> Generator[Server]:
    """`held` is for how many seconds it draws a picture of `bench-held`."""
    with started("upstream", [sys.executable, "-m", "bench.upstream", str(held)], core, folder) as server:
        yield server


@contextmanager
def proxy(name: str, upstream_port: int, core: int, folder: Path, *, keep: bool) -> Generator[Server]:
    command = [sys.executable, "-m", f"bench.proxies.{name.lower()}", "--upstream", f"http://127.0.0.1:{upstream_port}"]
    if keep:
        command += ["--keep", str(folder / name / "images")]
    with started(name, command, core, folder) as server:
        yield server


@contextmanager
def gateway(
    upstream_port: int,
    core: int,
    folder: Path,
    *,
    keep: bool,
    profile: Path | None = None,
    before: Path | None = None,
    name: str = "gateway",
    more: str = "",
    processes: int = 1,
    environment: Mapping[str, str] | None = None,
) -> Generator[Server]:
    """The gateway with auth, cache, plan, metrics and log line on; with `profile`, cProfile writes figures there.

    `before` is a checkout whose gateway it is to be, instead of this one's; `more` are further tables of easel.toml.
    """
    name = "before" if before else name
    config = folder / f"{name}.toml"
    models = ", ".join(f'"{model}" = "{model}"' for model in MODELS)
    told = CONFIG.format(data_dir=folder / name, key=KEY, keep=str(keep).lower(), port=upstream_port, models=models)
    config.write_text(f"{told}\n{more}")
    easel = [str(Path(sys.executable).with_name("easel"))]
    if profile:
        easel = [sys.executable, "-m", "bench.profiled", str(profile)]
    command = [*easel, "serve", "--config", str(config), "--port", "0"]
    command += ["--processes", str(processes)] if processes > 1 else []
    environment = {**(environment or {}), **({"PYTHONPATH": str(before)} if before else {})}
    with started(name, command, core, folder, environment=environment) as server:
        yield server


@contextmanager
def started(
    name: str, command: list[str], core: int, folder: Path, *, environment: Mapping[str, str] | None = None
) -> Generator[Server]:
    """Runs the command until the block ends. Its log is a file: a pipe would have to be emptied by somebody.

    `environment` comes on top of this program's own. Raises DidNotStart.
    """
    variables = {**os.environ, **(environment or {})}  # noqa: TID251 - another program's
    pictures = folder / name / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    with log.open("wb") as stderr, pinned(core):
        program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=variables)
    try:
        yield Server(name, _port(program, log), program.pid, pictures)
    finally:
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(15)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def _port(program: subprocess.Popen[bytes], log: Path) -> int:
    pause = threading.Event()
    for _ in range(int(READY_WITHIN / 0.02)):
        if found := LISTENING.search(log.read_text(errors="replace")):
            return int(found[1])
        if program.poll() is not None:
            break
        pause.wait(0.02)
    last = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise DidNotStart(" / ".join(last) or f"it said nothing, exit status {program.poll()}")
