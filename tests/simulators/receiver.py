"""Whoever a webhook is meant for: keeps every message as it came, and answers as it is told."""

import queue
import threading
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class Message:
    """Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Receiver:
    """`statuses` are those of the next answers; once they are used up it says 200."""

    def __init__(self) -> None:
        self.renew()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                due = self.path == receiver.path and receiver.statuses
                status = receiver.statuses.pop(0) if due else 200
                headers = {name.lower(): value for name, value in self.headers.items()}
                if self.path == receiver.path:
                    receiver._came.put(Message(self.path, headers, body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def renew(self) -> None:
        """Another address; what still comes to the old one is forgotten."""
        self.path = f"/hook?token={uuid.uuid4()}"
        self.statuses: list[int] = []
        self._came: queue.Queue[Message] = queue.Queue()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self.path}"

    def take(self) -> Message:
        """The next message; fails the test when none comes."""
        return self._came.get(timeout=PATIENCE)

    def is_empty(self) -> bool:
        return self._came.empty()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
