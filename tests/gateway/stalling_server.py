"""An image server that takes a request and never answers it; it notices when its client hangs up."""

import socket
import threading
from typing import Self


class StallingServer:
    """`asked` counts requests that came in whole, `left` those whose connection was closed after that."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.asked = 0
        self.left = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return  # it was closed
            with connection:
                self._stall(connection)

    def _stall(self, connection: socket.socket) -> None:
        received = b""
        while piece := connection.recv(65536):
            received += piece
            head, end, body = received.partition(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            self.asked = int(bool(end) and len(body) >= sum(lengths))
        self.left += self.asked

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
