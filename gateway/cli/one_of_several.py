"""One of the processes of `easel serve --processes N`, from its fork to its end."""

import asyncio
import multiprocessing
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import typer
import uvicorn

from gateway import logs
from gateway.cli.doorway import Doorway
from gateway.cli.server import GatewayServer, configured
from gateway.cli.starting import Shift, started_app
from gateway.several import Connections, Several


def serve_among(shift: Shift, several: Several, ready: Connection) -> None:
    """Serve until SIGTERM, or until whoever supervises is gone; tells `ready` once it can. SystemExit if it cannot."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the fork server ignores it
    logs.configure()
    try:
        app, settings = started_app(shift, several)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    connections = Connections(several.folder)
    config = configured(app, settings.server.deadline)
    server = SharingServer(config, shift.listener, connections, several.number, lambda: ready.send_bytes(b"ready"))
    server.run(sockets=[])
    if server.left_alone:  # by a supervisor that was killed, and has left this behind
        shutil.rmtree(several.folder, ignore_errors=True)


class SharingServer(GatewayServer):
    """It takes its share of the connections, and ends in order when nobody supervises it any more."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        connections: Connections,
        number: int,
        announce: Callable[[], None],
    ) -> None:
        super().__init__(config, announce)
        self.left_alone = False
        self._doorway = Doorway(listener, connections, number, lambda: len(self.server_state.connections))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._doorway.open(self._make_protocol)
        supervisor = multiprocessing.parent_process()
        if supervisor is not None:
            asyncio.get_running_loop().add_reader(supervisor.sentinel, self._left_alone, supervisor.sentinel)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._doorway.close()
        await super().shutdown(sockets)

    def _left_alone(self, sentinel: int) -> None:
        asyncio.get_running_loop().remove_reader(sentinel)
        self.left_alone = True
        self.end(signal.SIGTERM)

    def _make_protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        return make(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
