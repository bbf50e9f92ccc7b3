"""Headers without end are refused before they fill the memory; nobody has shown a key by then."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.cli.bounded import MAX_HEAD
from tests.cli.running import Served, served

LINE = b"x-filler: " + b"a" * 1000 + b"\r\n"


def endless(running: Served, opening: bytes) -> tuple[bytes, int]:
    """Sends headers until the server has enough of them: its answer, and how many bytes it took."""
    address = urlsplit(running.url)
    sent = 0
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as wire:
        wire.sendall(opening)
        try:
            while sent < 20 * 1024 * 1024:
                wire.sendall(LINE * 8)
                sent += len(LINE) * 8
        except (BrokenPipeError, ConnectionResetError):
            return b"", sent
        return wire.recv(65536), sent


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("served") / "data") as one:
        yield one


def test_headers_without_end_are_refused(running: Served) -> None:
    for opening in (b"GET /healthz HTTP/1.1\r\nhost: x\r\n", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-long: "):
        _answer, sent = endless(running, opening)
        assert sent < 20 * 1024 * 1024, "it went on reading"
    assert httpx.get(f"{running.url}/healthz").status_code == 200


def test_the_refusal_says_why(running: Served) -> None:
    answer = httpx.get(f"{running.url}/healthz", headers={"x-large": "a" * (MAX_HEAD + 1000), "x-more": "b" * 400_000})
    assert answer.status_code == 431
    assert answer.json()["error"]["code"] == "request_too_large"


def test_usual_heads_and_large_bodies_pass(running: Served) -> None:
    with httpx.Client(base_url=running.url) as client:
        assert client.get("/healthz", headers={"cookie": "a" * 20_000}).status_code == 200
        for _again in range(2):  # on one connection: each request's head is counted for itself
            answer = client.post(
                "/v1/images/generations", content=b"x" * 500_000, headers={"content-type": "text/plain"}
            )
            assert answer.status_code == 401
