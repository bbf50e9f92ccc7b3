"""The program: an engine behind a socket, from the start to an orderly end."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import uvicorn

from workers import engines
from workers.engine import Engine
from workers.loras.resolver import Loras
from workers.loras.sources import Allowed
from workers.options import CANNOT_LOAD, WorkerOptions
from workers.parent import parent_gone
from workers.server import Worker

if TYPE_CHECKING:
    from workers.announce import Announcement

log = logging.getLogger("easel.worker")

_LAST_ANSWERS = 5  # seconds for those who are told, when draining ends, to go elsewhere
_LATE = 0.1  # seconds between two looks for connections that came when the end had begun
_KEEP_ALIVE = 75  # seconds; longer than clients keep one (httpx 5), or they ask on one that was just closed


def run(options: WorkerOptions) -> int:
    """Serves until SIGTERM or SIGINT, then finishes what it has begun; a second signal ends it at once.

    Prints `listening on http://H:P` on stderr once it can serve; port 0 takes a free one. With `follow_parent` it ends
    when the process that started it does. Returns the exit status: 0; 1 if the engine broke, `CANNOT_LOAD`
    if it said why it cannot be loaded here. Raises `UnknownEngine`, `CannotLoad` before anything is loaded, ValueError
    for an address that cannot be announced, and OSError if the listening one is taken."""
    parent = os.getppid()
    engine = engines.make(options)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with _listening(options.host, options.port) as listener:
        worker = _worker(engine, options)
        follows = parent if options.follow_parent else None
        announcement = _announcement(worker, options, listener)
        status = asyncio.run(_serve(worker, listener, follows, options.drain_seconds, announcement))
    if worker.stuck.is_set():  # a thread that never ends would keep the process from ending
        logging.shutdown()
        os._exit(status)
    return status


def make_worker(options: WorkerOptions) -> Worker:
    """A worker without a socket, for whoever has one. Nothing is loaded; raises `UnknownEngine` and `CannotLoad`."""
    return _worker(engines.make(options), options)


def _worker(engine: Engine, options: WorkerOptions) -> Worker:
    loras = Loras(Allowed(options.loras, options.lora_hosts))
    key = os.environ.get("EASEL_WORKER_KEY")  # noqa: TID251 - a worker has no settings, and ps shows its options
    return Worker(
        engine,
        waiting=options.waiting,
        together=options.together,
        loras=loras,
        key=key,
        stuck_seconds=options.stuck_seconds,
    )


def _announcement(worker: Worker, options: WorkerOptions, listener: socket.socket) -> "Announcement | None":
    """Of where it listens, if nothing else is said."""
    if options.announce is None:
        return None
    from workers.announce import Announcement  # noqa: PLC0415 - a worker that nobody looks for needs no Redis client

    desk = worker.desk
    return Announcement(options.announce, options.url or _address(listener), lambda: not desk.draining)


class _Server(uvicorn.Server):
    """Uvicorn with our signals (its own end the process by the signal) and our first line."""

    worker: Worker
    listener: socket.socket
    drain_seconds: float
    announcement: "Announcement | None"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            sys.stderr.write(f"listening on {_address(self.listener)}\n")
            sys.stderr.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        seeing_off = asyncio.create_task(self._see_late_connections_off())
        try:
            await super().shutdown(sockets)
        finally:
            seeing_off.cancel()

    async def _see_late_connections_off(self) -> None:
        """Those that were being accepted when uvicorn told all others to close: the end would wait for them."""
        while True:
            await asyncio.sleep(_LATE)
            for connection in self.server_state.connections.copy():
                if not connection.transport.is_closing():
                    connection.shutdown()  # at once if it is idle, else after its answer

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def end(self) -> None:
        """First call: no new work, and an end when the old is done, or handed back. Second call: the end."""
        if self.should_exit:
            self.end_now()
            return
        self.worker.desk.drain()
        if self.announcement is not None:
            self.announcement.look_up()
        asyncio.get_running_loop().call_later(self.drain_seconds, self.worker.desk.hand_back)
        self.should_exit = True

    def end_now(self) -> None:
        self.worker.desk.hand_back()
        self.worker.desk.device.abandoned = True
        self.should_exit = True
        self.force_exit = True


async def _serve(
    worker: Worker,
    listener: socket.socket,
    parent: int | None,
    drain_seconds: float,
    announcement: "Announcement | None",
) -> int:
    config = uvicorn.Config(
        worker.app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=round(drain_seconds) + _LAST_ANSWERS,
    )
    server = _Server(config)
    server.worker, server.listener, server.drain_seconds = worker, listener, drain_seconds
    server.announcement = announcement
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    watches = [asyncio.create_task(_end_if_broken(worker, server))]
    if announcement is not None:
        watches.append(asyncio.create_task(announcement.keep()))
    if parent is not None:
        watches.append(asyncio.create_task(_end_with_parent(parent, server)))
    await serving
    for watch in watches:
        watch.cancel()
    if announcement is not None:
        await announcement.close()
    return CANNOT_LOAD if worker.cannot_load else int(worker.broken.is_set())


async def _end_if_broken(worker: Worker, server: _Server) -> None:
    await worker.broken.wait()
    server.should_exit = True


async def _end_with_parent(parent: int, server: _Server) -> None:
    await parent_gone(parent)
    log.warning("the process that started this worker is gone; ending")
    server.end_now()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
