"""A receiver of webhooks and uploads on a real socket of loopback, for synchronous and asynchronous tests alike.

It remembers what it was sent and answers by its script; it can go down, and come up again at the same address.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, cast

import orjson

LONG = 30.0  # seconds after which a test that still waits has failed


@dataclass(frozen=True)
class Received:
    """`headers` have their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Of a webhook."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """`hold`: it is not given before that is set."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hold: threading.Event | None = None


class Receiver:
    """Answers with `replies` in order, then with 204; or as `script` decides. `url` is its origin."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.script: Callable[[Received], Reply] = lambda _received: self.replies.pop(0) if self.replies else Reply()
        self.received: list[Received] = []
        self.at_once = 0  # requests that were here at one moment, at most
        self._here = 0
        self._changed = threading.Condition()
        self._server: Server | None = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        self._server = Server(self, self._port)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def down(self) -> None:
        """Nobody listens at its address."""
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def answer(self, received: Received) -> Reply:
        with self._changed:
            self.received.append(received)
            self._here += 1
            self.at_once = max(self.at_once, self._here)
            reply = self.script(received)
            self._changed.notify_all()
        if reply.hold is not None:
            reply.hold.wait(LONG)
        with self._changed:
            self._here -= 1
        return reply

    def wait(self, count: int) -> list[Received]:
        """What it was sent, once it is at least so much."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.received) >= count, LONG), f"only {len(self.received)}"
            return list(self.received)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._server is not None:
            self.down()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, receiver: Receiver, port: int) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that was killed, or stopped waiting, is no news."""


class Handler(BaseHTTPRequestHandler):
    """Each connection is closed after its answer, so that nobody is heard who is down."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = cast("Server", self.server).receiver.answer(Received(self.command, self.path, headers, body))
        self.send_response(reply.status)
        for name, value in {"content-length": "0", "connection": "close", **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()

    do_PUT = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal of whoever runs the tests."""
