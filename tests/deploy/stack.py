"""What compose.yaml describes, without Docker: gateways with its environment, their stores, and nginx in front."""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from simulators.running import Simulators
from tests.cli.running import Served, served
from tests.deploy.composed import environment, read_dot_env
from tests.deploy.nginx import Nginx
from tests.deploy.programs import DEPLOY
from tests.gateway.valkey import Valkey

GATEWAYS = ["127.0.0.2", "127.0.0.3"]
KEYS = {"fal": "FAL_KEY", "openai": "OPENAI_API_KEY", "runware": "RUNWARE_API_KEY"}


class Stack:
    """`http` asks nginx with the administrator's key; `gateways` are the processes behind it, by their address."""

    def __init__(self, folder: Path, simulators: Simulators, database: str) -> None:
        self._folder = folder
        self._simulators = simulators
        self._database = database
        self.port = port_of_all(GATEWAYS)
        self.gateways: dict[str, Served] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with self._open as opened:
            (self._folder / "nginx").mkdir()
            (self._folder / "data").mkdir()
            self.nginx = opened.enter_context(Nginx(self._folder / "nginx", list(GATEWAYS), self.port))
            self._valkey = opened.enter_context(Valkey(self._folder))
            self._environment = self._as_composed()
            for address in GATEWAYS:
                self.start(address)
            self.http = opened.enter_context(
                httpx.Client(base_url=self.nginx.url, headers=self.authorization, timeout=60)
            )
            self._open = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._environment['EASEL_AUTH__ADMIN_KEY']}"}

    def start(self, address: str) -> None:
        """A gateway, as the image starts it, but on this address of this machine."""
        where = ("--host", address, "--port", str(self.port))
        running = served(self._folder / "data", *where, key=None, env=self._environment)
        self.gateways[address] = self._open.enter_context(running)

    def draws(self, address: str) -> bool:
        """Whether a job of its own is under way."""
        told = httpx.get(f"http://{address}:{self.port}/metrics").text
        return "\neasel_jobs_running 1.0\n" in told

    def kill(self, address: str) -> None:
        self.gateways[address].process.kill()
        self.gateways[address].process.wait()

    def revive(self) -> None:
        """Start those that were killed."""
        for address, gateway in self.gateways.items():
            if gateway.process.poll() is not None:
                self.start(address)

    def _as_composed(self) -> Mapping[str, str]:
        """The environment of compose.yaml, with addresses of this machine, and providers that are simulated."""
        example = read_dot_env((DEPLOY / "env.example").read_text())
        dot_env = {name: value or "0123456789abcdef" * 4 for name, value in example.items()}
        dot_env |= {variable: self._simulators.addresses[slug]["key"] for slug, variable in KEYS.items()}
        dot_env["EASEL_PUBLIC_URL"] = self.nginx.url
        config = self._folder / "easel.toml"
        config.write_text((DEPLOY / "easel.toml").read_text() + self._simulated())
        here = {
            "EASEL_CONFIG": str(config),
            "EASEL_SERVER__DATA_DIR": str(self._folder / "data"),
            "EASEL_DATABASE__URL": self._database,
            "EASEL_REDIS__URL": self._valkey.url,
        }
        composed = environment("gateway", dot_env)
        assert set(here) < set(composed)
        return {**composed, **here}

    def _simulated(self) -> str:
        """Tables of easel.toml: where the stand-ins for providers are."""
        told: list[str] = []
        for slug in KEYS:
            where: dict[str, Any] = {k: v for k, v in self._simulators.addresses[slug].items() if k.endswith("_url")}
            told += [f"[providers.{slug}]", *(f"{name} = {json.dumps(url)}" for name, url in where.items())]
        return "\n".join(told)


def port_of_all(addresses: list[str]) -> int:
    """One that is free at all of them."""
    while True:
        with ExitStack() as taken:
            try:
                port = 0
                for address in addresses:
                    port = taken.enter_context(socket.create_server((address, port))).getsockname()[1]
            except OSError:
                continue
            return port
