"""Real workers of the tiny model, and a gateway in front of them: processes that talk over sockets."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.cli.running import ADMIN_KEY, ROOT, environment, served
from tests.gateway.until import until
from workers.engines import packaged

TINY = "qwen-image-tiny"
SLOWEST_START = 300  # seconds, on a machine that does much else
STEPS = "easel_worker_steps_total"
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
LISTENING = "listening on "


class WorkerProcess:
    """`python -m workers --engine diffusers …`. What it says on stderr is read all the time, and kept in `said`."""

    def __init__(self, model: Path, *options: str) -> None:
        command = ["--engine", "diffusers", "--model", str(model), "--name", TINY, "--device", "cpu", "--port", "0"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers", *command, "--follow-parent", *options],
            env=environment(OFFLINE),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.said: list[str] = []
        self.url = ""
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __repr__(self) -> str:
        return f"<WorkerProcess {self.url} pid={self.process.pid}>"

    def ready(self) -> bool:
        """Its model is loaded. Fails the test if it has ended."""
        assert self.process.poll() is None, self.said
        if not self.url:
            return False
        try:
            return self.get("/readyz").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, trust_env=False)

    def post(self, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> httpx.Response:
        path = f"{self.url}/v1/images/generations"
        return httpx.post(path, json={"model": TINY, **body}, headers=headers, timeout=60, trust_env=False)

    def status(self) -> dict[str, Any]:
        return self.get("/v1/status").json()

    def idle(self) -> bool:
        told = self.status()
        return told["running"] == 0 and told["waiting"] == 0

    def metric(self, name: str) -> float:
        """The sum of all rows of that name."""
        rows = (line.rpartition(" ") for line in self.get("/metrics").text.splitlines() if line.startswith(name))
        return sum(float(value) for row, _, value in rows if row.partition("{")[0] == name)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            if line.startswith(LISTENING):
                self.url = line.removeprefix(LISTENING).strip()


@contextmanager
def workers(number: int, model: Path, *options: str) -> Generator[list[WorkerProcess]]:
    """So many at once, all ready."""
    running = [WorkerProcess(model, *options) for _ in range(number)]
    try:
        for each in running:
            until(each.ready, SLOWEST_START)
        yield running
    finally:
        for each in running:
            each.end()


@contextmanager
def gateway(data_dir: Path, beside: Sequence[WorkerProcess]) -> Generator[httpx.Client]:
    """A gateway process that has these workers and nothing else to draw with."""
    urls = json.dumps([each.url for each in beside])
    with (
        served(data_dir, env={"EASEL_PROVIDERS__LOCAL__WORKERS": urls}) as running,
        httpx.Client(
            base_url=running.url, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=60, trust_env=False
        ) as client,
    ):
        yield client


def tiny_model(folder: Path) -> Path:
    """The trained model of the package; where it has none, an untrained one that is written into the folder."""
    trained = packaged(TINY)
    if trained is not None:
        return trained
    command = [sys.executable, "-m", "workers.tiny.pipeline", str(folder / TINY)]
    subprocess.run(command, cwd=ROOT, env=environment(OFFLINE), check=True, timeout=SLOWEST_START)
    return folder / TINY
