"""The simulators on a real socket: in the foreground until interrupted, or in a thread beside a test."""

import asyncio
import json
import logging
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulators.faults import Fault, load_faults
from simulators.front import CUT
from simulators.server import PROVIDERS, SIMULATORS, create_app
from simulators.stage import Pace, Posted, Stage

LOGGER = logging.getLogger("simulators.http")

Addresses = dict[str, dict[str, str]]


class CuttableProtocol(HttpToolsProtocol):
    """HTTP whose application may cut the connection, as a failing network does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # as uvicorn's own
        super().connection_made(transport)
        self.logger = LOGGER

    def on_headers_complete(self) -> None:
        self.scope["extensions"] = {CUT: {"now": self.transport.abort}}
        super().on_headers_complete()


class HastyServer(uvicorn.Server):
    """Stops without waiting for a scripted delay to end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self.server_state.tasks:
            task.cancel()
        await super().shutdown(sockets)


def _not_a_cancellation(record: logging.LogRecord) -> bool:
    """A request that we end ourselves at the stop is no error; every other one is logged."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


LOGGER.addFilter(_not_a_cancellation)


def addresses(origin: str) -> Addresses:
    """`{slug: {base_url, queue_url?, key}}` of every simulator under that origin, `http://127.0.0.1:8000`."""
    return {simulator.slug: simulator.address(origin) for simulator in SIMULATORS}


def run(port: int, host: str = "127.0.0.1", faults: Path | None = None) -> None:
    """Serve until interrupted. The first line on stdout is the addresses, as JSON; port 0 picks a free one.

    Raises `BadFaults` before anything is served, and OSError when the port is taken.
    """
    stage = Stage(PROVIDERS)
    if faults is not None:
        stage.script.replace(load_faults(faults, PROVIDERS))
    with _listening(host, port) as listener:
        sys.stdout.write(json.dumps(addresses(_origin(listener))) + "\n")
        sys.stdout.flush()
        _server(stage).run(sockets=[listener])


class Simulators:
    """The simulators in a background thread with a loop of its own.

    ```python
    with Simulators(faults=[{"provider": "fal", "on": "submit", "effect": "status", "status": 503}]) as running:
        running.addresses["fal"]["queue_url"]
    ```
    The methods after `stop` are the control API without HTTP, and may be called from any thread.
    """

    def __init__(self, faults: Sequence[Any] = (), *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.stage = Stage(PROVIDERS)
        self.set_faults(faults)
        self._host, self._port = host, port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.origin = ""
        self.addresses: Addresses = {}

    def start(self) -> "Simulators":
        """Listen; connections are taken from here on."""
        listener = _listening(self._host, self._port)
        self.origin = _origin(listener)
        self.addresses = addresses(self.origin)
        self._server = server = _server(self.stage)
        self._thread = threading.Thread(target=_serve, args=(server, listener), name="simulators", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread. Stopping twice does nothing."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def set_faults(self, faults: Sequence[Any]) -> None:
        """Replace the script; takes `Fault`s or their JSON. Raises `BadFaults`."""
        self.stage.set_faults([each.model_dump() if isinstance(each, Fault) else each for each in faults])

    def set_pace(self, provider: str, **seconds: float) -> None:
        """`set_pace("fal", queue_seconds=0.1, seconds_per_image=0.5, keep_seconds=60)`."""
        self.stage.set_pace(provider, Pace.model_validate(seconds))

    def open_account(self, provider: str, key: str, name: str) -> None:
        """From now on that provider takes this key too; its calls are recorded under the name."""
        self.stage.accounts[provider, key] = name

    def calls(self, provider: str | None = None, step: str | None = None) -> list[dict[str, Any]]:
        """The requests received, oldest first, as `GET /_control/calls` tells them."""
        return [
            call
            for call in self.stage.told()["calls"]
            if provider in (None, call["provider"]) and step in (None, call["step"])
        ]

    def posted(self, provider: str) -> list[Posted]:
        """The webhooks that provider sent, each try of them, oldest first."""
        return [each for each in list(self.stage.posted) if each.provider == provider]

    def paid(self, provider: str) -> int:
        """How many pictures that provider has made."""
        return self.stage.paid[provider]

    def reset(self) -> None:
        self.stage.reset()

    def __enter__(self) -> "Simulators":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    # Head and body are two writes: without this each answer on a kept connection waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _origin(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(stage: Stage) -> uvicorn.Server:
    return HastyServer(
        uvicorn.Config(
            create_app(stage=stage),
            http=CuttableProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,  # longer than the SDKs keep one, or they ask on one that was just closed
        )
    )


def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    with listener, asyncio.Runner() as runner:
        runner.run(server.serve(sockets=[listener]))
