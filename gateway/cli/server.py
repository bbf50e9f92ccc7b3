"""The web server around the application: its socket, its first line, its signals, its orderly end."""

import asyncio
import contextlib
import gc
import ipaddress
import signal
import socket
import sys
from collections.abc import Callable, Generator
from typing import Any

import uvicorn

from gateway.cli.bounded import BoundedHeads

KEEP_ALIVE_SECONDS = 75  # longer than the 60 s of common load balancers, which would ask on a connection we just closed
BACKLOG = 2048
STUCK_SECONDS = 3.0  # for the rest of an answer, when the gateway is to end
LATE_SECONDS = 0.1  # between two looks for connections that came when it had begun to end


class OrderlyServer(uvicorn.Server):
    """Uvicorn that tells its application when it begins to end: streams that would go on for ever are ended then."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        application: Any = self.config.app
        application.end()
        watches = [
            asyncio.create_task(self.cut_stuck_connections()),
            asyncio.create_task(self.see_late_connections_off()),
        ]
        try:
            await super().shutdown(sockets)
        finally:
            for watch in watches:
                watch.cancel()

    async def see_late_connections_off(self) -> None:
        """Those that were being accepted when uvicorn told all others to close. Nobody else would tell them: their
        client could ask on them for as long as it liked, and the end would wait for it."""
        while True:
            await asyncio.sleep(LATE_SECONDS)
            for connection in self.server_state.connections.copy():
                if not connection.transport.is_closing():
                    connection.shutdown()  # at once if it is idle, else after its answer

    async def cut_stuck_connections(self) -> None:
        """Those that are to be closed, and whose client does not take the rest: uvicorn would wait for it for ever."""
        before: set[Any] = set()
        while True:
            await asyncio.sleep(STUCK_SECONDS)
            closing = {each for each in self.server_state.connections if each.transport.is_closing()}
            for connection in closing & before:
                connection.transport.abort()
            before = closing


class GatewayServer(OrderlyServer):
    """It says when it can serve, and a signal ends it in order, with status 0."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            sys.stderr.write(f"easel: {getattr(self.config.app, 'failure', None) or 'it did not start'}\n")
            raise
        if not self.should_exit:
            spare_the_collector()
            self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Uvicorn's own would end the process by the same signal, before companions are stopped."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end, number)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def end(self, number: int) -> None:
        """Finish what was accepted. Only a second Ctrl-C ends it now: supervisors may well send SIGTERM twice."""
        self.force_exit = self.should_exit and number == signal.SIGINT
        self.should_exit = True


def spare_the_collector() -> None:
    """What was built at the start lives as long as the process: it is not looked at again and again.

    A request makes thousands of objects that are gone with it; collecting after every 700 of them costs a tenth of the
    time of a small request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def serve(app: Any, listener: socket.socket, *, deadline: float) -> None:
    """Serve until a signal; accepted requests then have `deadline` seconds to finish. SystemExit if it cannot start."""
    server = GatewayServer(configured(app, deadline), lambda: say_where(listener))
    server.run(sockets=[listener])


def configured(app: Any, deadline: float) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=BoundedHeads,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(deadline) + 5,
    )


def say_where(listener: socket.socket) -> None:
    sys.stderr.write(f"listening on {address_of(listener)}\n")
    sys.stderr.flush()


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 is a free one. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    # With the protocol named the event loop turns Nagle's algorithm off, which holds small answers back for 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket, *, reachable: bool = False) -> str:
    """`http://127.0.0.1:8080`; with `reachable` a wildcard such as 0.0.0.0 is told as this machine's loopback."""
    host, port = listener.getsockname()[:2]
    if reachable and ipaddress.ip_address(host).is_unspecified:
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
