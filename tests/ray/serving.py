"""Ray Serve with the applications of deploy/ray/serve.yaml, made small: two replicas that sketch, on the CPU."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx
import yaml

from tests.gateway.until import until

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-ray" / "bin" / "python"
CONFIG = ROOT / "deploy" / "ray" / "serve.yaml"
REPLICAS = 2
START_SECONDS = 400.0  # Ray starts a dozen processes


class Cluster:
    """`with Cluster() as ray:`; `ray.url` is where Serve listens."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._scratch = Path(tempfile.mkdtemp(prefix="ray"))

    def __enter__(self) -> Self:
        config = self._scratch / "serve.yaml"
        config.write_text(yaml.safe_dump(small(self.port)))
        self._log = (self._scratch / "log").open("wb")
        self._process = subprocess.Popen(
            [PYTHON, Path(__file__).with_name("cluster.py"), config, self._scratch / "r"],
            env={
                "PATH": os.environ["PATH"],  # noqa: TID251 - of the program that it starts
                "HOME": str(self._scratch),  # Ray keeps a token there
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
                "RAY_gcs_server_request_timeout_seconds": "200",  # on a busy machine
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until(lambda: self._ended() or self.status().get("replicas") == REPLICAS, START_SECONDS)
            assert not self._ended(), (self._scratch / "log").read_text()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        family = [*descendants(self._process.pid), self._process.pid]
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(60)
        finally:
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._log.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def status(self) -> dict[str, Any]:
        """What it says of all replicas; empty while nobody answers."""
        try:
            answer = httpx.get(f"{self.url}/v1/status", timeout=5)
        except httpx.TransportError:
            return {}
        return cast("dict[str, Any]", answer.json()) if answer.status_code == 200 else {}

    def replicas(self) -> list[int]:
        """The processes of those that draw."""
        return [pid for pid in descendants(self._process.pid) if "ServeReplica:easel:Replica" in _title(pid)]


def small(port: int) -> dict[str, Any]:
    """The configuration of the repository with a sketch engine, as few devices as there are here, and no patience."""
    config = yaml.safe_load(CONFIG.read_text())
    config["http_options"] |= {"host": "127.0.0.1", "port": port}
    drawing = config["applications"][0]
    drawing["args"] = {"engine": "sketch"}
    (replica,) = drawing["deployments"]
    del replica["autoscaling_config"]
    replica |= {"num_replicas": REPLICAS, "max_ongoing_requests": 1, "max_queued_requests": 1}
    replica["ray_actor_options"] = {"num_cpus": 0.5}
    replica["graceful_shutdown_timeout_s"] = 1
    return cast("dict[str, Any]", config)


def descendants(pid: int) -> list[int]:
    """Of processes on Linux: children, and theirs."""
    parents = {int(each.name): _parent(each) for each in Path("/proc").iterdir() if each.name.isdecimal()}
    found, grown = {pid}, {pid}
    while grown:
        grown = {each for each, parent in parents.items() if parent in grown} - found
        found |= grown
    return sorted(found - {pid})


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
