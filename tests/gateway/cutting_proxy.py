"""A proxy that cuts every connection when a test says so, in the middle of whatever is under way."""

import itertools
import socket
import threading
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from tests.gateway.running import RunningGateway


class CuttingProxy:
    """Connections go to the gateways in turn; `connections` counts them."""

    def __init__(self, gateways: Sequence[RunningGateway]) -> None:
        self._targets = itertools.cycle([urlsplit(gateway.url) for gateway in gateways])
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def cut(self) -> None:
        """Every connection, on both sides."""
        connections, self._open = self._open, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._socket.accept()
            except OSError:
                return  # the proxy was closed
            target = next(self._targets)
            gateway = socket.create_connection((target.hostname, target.port))
            self._open += [client, gateway]
            self._begin(client, gateway)
            self._begin(gateway, client)
            self.connections += 1

    def _begin(self, source: socket.socket, sink: socket.socket) -> None:
        thread = threading.Thread(target=self._carry, args=(source, sink), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side is gone
        finally:
            source.close()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)
