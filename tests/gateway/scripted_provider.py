"""A provider that answers whatever a test wants, on a socket of its own."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import orjson


@dataclass(frozen=True)
class Reply:
    """`body` is bytes, or becomes JSON; a `repeat` above one sends it so often, in chunks of an unknown total."""

    body: Any = b""
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    repeat: int = 1

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)


class Hostile:
    """POST is answered by `answer`, GET by `pictures[path]`; `asked` remembers bodies, `fetched` paths."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Reply] = lambda _body: Reply()
        self.pictures: dict[str, Reply] = {}
        self.asked: list[dict[str, Any]] = []
        self.fetched: list[str] = []
        self.url = ""

    def reset(self) -> Self:
        """As new."""
        self.answer = lambda _body: Reply()
        self.pictures.clear()
        self.asked.clear()
        self.fetched.clear()
        return self

    def __enter__(self) -> Self:
        hostile = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body: dict[str, Any] = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
                hostile.asked.append(body)
                self.send(hostile.answer(body))

            def do_GET(self) -> None:
                hostile.fetched.append(self.path)
                self.send(hostile.pictures.get(self.path, Reply(b"no", 404)))

            def send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                self.send_header("content-type", reply.content_type)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                whole = reply.repeat == 1
                content = reply.content
                if whole and "content-length" not in reply.headers:
                    self.send_header("content-length", str(len(content)))
                elif not whole:
                    self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self.close_connection = True
                try:
                    for _time in range(reply.repeat):
                        self.wfile.write(content if whole else b"%x\r\n%s\r\n" % (len(content), content))
                    self.wfile.write(b"" if whole else b"0\r\n\r\n")
                except OSError:
                    return  # the gateway has had enough

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
