"""The program: its first line, an orderly end, and not outliving the one that started it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from workers.engines import UnknownEngine
from workers.options import WorkerOptions
from workers.run import run

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "workers", "--engine", "sketch", "--port", "0"]
LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:(\d+))\n")


@contextmanager
def worker(*options: str, command: Sequence[str] = COMMAND) -> Generator[tuple["subprocess.Popen[str]", str, int]]:
    """A worker process, its URL and its port."""
    with subprocess.Popen([*command, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            first = LISTENING.fullmatch(process.stderr.readline())
            assert first is not None
            yield process, first[1], int(first[2])
        finally:
            process.kill()


def generation(port: int, body: Mapping[str, object]) -> socket.socket:
    """A connection on which pictures have been asked for."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    content = json.dumps(body).encode()
    head = "POST /v1/images/generations HTTP/1.1\r\nhost: w\r\ncontent-type: application/json\r\n"
    connection.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
    return connection


def read_until(connection: socket.socket, mark: bytes) -> bytes:
    """What comes up to the mark, or up to the end."""
    read = b""
    while mark not in read and (piece := connection.recv(65536)):
        read += piece
    return read


def test_it_serves_once_it_says_so() -> None:
    with worker() as (_, url, _port):
        answer = httpx.get(f"{url}/v1/status", timeout=30)
    assert answer.json()["engine"] == "sketch"


def test_sigterm_ends_an_idle_worker_with_status_0() -> None:
    with worker() as (process, _, _port):
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_sigterm_lets_a_running_job_finish() -> None:
    body = {"prompt": "the sea", "size": "512x512", "n": 4, "num_inference_steps": 100, "stream": True}
    with worker() as (process, _, port), generation(port, body) as connection:
        begun = read_until(connection, b"image_generation.progress")
        process.send_signal(signal.SIGTERM)
        rest = begun + read_until(connection, b"\r\n0\r\n\r\n")
        assert rest.count(b"event: image_generation.completed") == 4
        assert process.wait(30) == 0


def test_a_second_sigterm_does_not_wait() -> None:
    body = {"prompt": "the sea", "size": "4096x4096", "n": 10, "num_inference_steps": 100, "stream": True}
    with worker() as (process, _, port), generation(port, body) as connection:
        begun = read_until(connection, b"image_generation.progress")
        process.send_signal(signal.SIGTERM)
        # The listener is closed once the first signal is taken; then the second one is one more.
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=30).close()
            except ConnectionError:  # refused, or reset by the listener's end
                break
        process.send_signal(signal.SIGTERM)
        rest = begun + read_until(connection, b"never")
        assert rest.count(b"event: image_generation.completed") < 10
        assert process.wait(30) == 0


def test_kill_9_of_the_parent_ends_a_worker_that_follows_it() -> None:
    starts_a_worker = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({[*COMMAND, '--follow-parent']!r}, stderr=subprocess.PIPE, text=True)\n"
        "print(child.stderr.readline(), end='', flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starts_a_worker], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        first = LISTENING.fullmatch(parent.stdout.readline())
        assert first is not None
        body = {"prompt": "the sea", "size": "4096x4096", "n": 10, "num_inference_steps": 100, "stream": True}
        with generation(int(first[2]), body) as connection:
            read_until(connection, b"image_generation.progress")
            os.kill(parent.pid, signal.SIGKILL)
            ended = read_until(connection, b"never")
        assert ended.count(b"event: image_generation.completed") < 10
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(first[2])), timeout=30)


def test_an_unknown_engine_names_those_there_are() -> None:
    with pytest.raises(UnknownEngine, match="sketch"):
        run(WorkerOptions(engine="easel"))


def test_a_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        run(WorkerOptions(port=taken.getsockname()[1]))
