"""A worker whose stream a test writes itself, event by event, and which notices when nobody listens any more."""

import base64
import json
import queue
import select
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.gateway.photos import photo

Json = dict[str, Any]


class ScriptedWorker:
    """`asked` are the bodies of the calls; each is answered by what is told from then on. `left` is set when a call's
    connection was closed before its stream had ended.
    """

    def __init__(self) -> None:
        self.asked: list[Json] = []
        self.left = threading.Event()
        self.url = ""
        self._told: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def anew(self) -> Self:
        """As if nothing had been asked or told."""
        self.asked.clear()
        self.left.clear()
        self._told = queue.SimpleQueue()
        return self

    def tell(self, what: str, index: int = 0, **fields: Any) -> None:
        told = {"type": f"image_generation.{what}", "image_index": index, **fields}
        self._told.put(f"event: {told['type']}\ndata: {json.dumps(told)}\n\n".encode())

    def shows(self, index: int, number: int, **fields: Any) -> bytes:
        """The preview."""
        content = photo(64, 64, colour=(number, index, 7))
        self.tell("partial_image", index, b64_json=encoded(content), partial_image_index=number, **fields)
        return content

    def draws(self, index: int, side: int = 64) -> bytes:
        """The picture."""
        content = photo(side, side, colour=(200, index, 7))
        self.tell("completed", index, b64_json=encoded(content), seed=index, output_format="png")
        return content

    def fails(self, message: str) -> None:
        """With an error within the stream, at which it ends."""
        error = {"error": {"message": message, "type": "server_error", "param": None, "code": "broken"}}
        self._told.put(f"event: error\ndata: {json.dumps(error)}\n\n".encode())
        self.ends()

    def ends(self) -> None:
        """Whether or not it has told what it was asked for."""
        self._told.put(None)

    def __enter__(self) -> Self:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = scripted._told  # what the next test tells is not for this call
                scripted.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                try:
                    while (chunk := next_for(self, told)) is not None:
                        self.wfile.write(chunk)
                except OSError:
                    scripted.left.set()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ends()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def next_for(handler: BaseHTTPRequestHandler, told: "queue.SimpleQueue[bytes | None]") -> bytes | None:
    """What is told next; raises OSError when the client has gone."""
    while True:
        try:
            return told.get(timeout=0.005)
        except queue.Empty:
            readable, _, _ = select.select([handler.connection], [], [], 0)
            if readable and not handler.connection.recv(1):
                raise ConnectionResetError("the client has left") from None


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
