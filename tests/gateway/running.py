"""The gateway's application on a real socket, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Coroutine
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

import httpx
import uvicorn

from gateway.app import App, create_app
from gateway.cli.server import KEEP_ALIVE_SECONDS, OrderlyServer
from gateway.settings import Settings
from tests.conftest import make_tables

ADMIN_KEY = "ek_test_admin"
FOX = {"model": "qwen-image", "prompt": "a fox in the snow"}

Result = TypeVar("Result")


class Server(OrderlyServer):
    """`loop` is the one that it serves on; to `end` it, it is told, where uvicorn looks ten times a second."""

    loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told.wait()

    def end(self) -> None:
        self.should_exit = True
        self.loop.call_soon_threadsafe(self._told.set)


@cache
def new_database() -> bytes:
    """With its tables, and nothing in them: to make them takes a third of a gateway's start."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "easel.db"
        make_tables(f"sqlite:///{file}")
        return file.read_bytes()


def give_database(settings: Settings) -> None:
    """What its own start would make, where there is none yet."""
    file = settings.server.data_dir / "easel.db"
    if settings.database.url == "sqlite" and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(new_database())


class RunningGateway:
    """`url` is its address, `http` a client that has the admin key."""

    def __init__(self, settings: Settings) -> None:
        give_database(settings)
        self.app: App = create_app(settings)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self.app,
            log_level="critical",
            access_log=False,
            lifespan="on",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,  # longer than httpx keeps a connection, or they race to close it
        )
        self._server = Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self.http = httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {ADMIN_KEY}"}, timeout=60)
        self._wait()

    def _serve(self) -> None:
        with self._socket:  # closed also when the application cannot start: whoever waits for it then need not
            self._server.run(sockets=[self._socket])

    def _wait(self) -> None:
        # The socket is listening already: this request is answered as soon as the application has started.
        assert self.http.get("/healthz").status_code == 200

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.http.close()
        self.end()
        self._thread.join(30)
        assert self.ended, "it did not come to an end"

    def end(self) -> None:
        """As a signal does: it finishes what it has begun, and `ended` says when it has."""
        if not self.ended:
            self._server.end()

    def accept(self, connection: socket.socket) -> None:
        """Serves it as if its listening socket had taken it."""
        server = self._server
        made = partial(
            server.config.http_protocol_class,
            config=server.config,
            server_state=server.server_state,
            app_state=server.lifespan.state,
        )
        connection.setblocking(False)
        self.run(server.loop.connect_accepted_socket(made, connection))

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Of its own objects, on the loop that they live on."""
        return asyncio.run_coroutine_threadsafe(work, self._server.loop).result(30)

    def forget_trouble(self) -> Self:
        """It trusts every provider again, whatever the faults of other tests have taught it."""
        assert self.app.deps is not None
        self.app.deps.routing.forget()
        return self

    def generate(
        self, body: dict[str, Any] | None = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """POST /v1/images/generations; `more` are further body fields."""
        return self.http.post("/v1/images/generations", json={**(body or FOX), **more}, headers=headers)
