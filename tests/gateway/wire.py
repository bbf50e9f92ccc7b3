"""HTTP/1.1 by hand, for what no HTTP client would send."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

from tests.gateway.running import ADMIN_KEY


class Wire:
    """One connection to a gateway."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=30)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def send(self, content: bytes) -> None:
        self._socket.sendall(content)

    def end_of_sending(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def all_until_closed(self) -> bytes:
        return b"".join(iter(lambda: self._socket.recv(65536), b""))

    def answer(self) -> tuple[int, Any]:
        """The next answer's status and JSON. Answers are told apart by their content-length alone."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self._socket.recv(1)
            assert byte, f"the connection ended after {head!r}"
            head += byte
        status, *headers = head.decode().splitlines()
        lengths = [line.partition(":")[2] for line in headers if line.lower().startswith("content-length:")]
        body = b""
        while len(body) < int(lengths[0]):
            body += self._socket.recv(int(lengths[0]) - len(body))
        return int(status.split()[1]), json.loads(body)


def head_of(target: str = "/v1/images/generations", *headers: str, method: str = "POST", host: str = "easel") -> bytes:
    """A request's head, with the admin key."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"host: {host}",
        f"authorization: Bearer {ADMIN_KEY}",
        "content-type: application/json",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()
