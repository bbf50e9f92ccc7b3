"""One server under load: is the answer right, how late is it, what does it cost, how much memory does it take."""

import base64
import json
import subprocess
import sys
import time
from dataclasses import asdict, replace
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Literal, cast

from bench.connection import Question
from bench.load import Job, Result
from bench.pictures import Picture
from bench.proc import forget_peak, peak_bytes, pinned, resident_bytes
from bench.servers import Server

Mode = Literal["open", "closed", "burst"]
BURST_LIMIT = 60.0  # seconds for all answers of a burst to begin, and again to end


class WrongAnswer(Exception):
    """A server answered something else than was asked; its figures would mean nothing."""


class Bench:
    """The load on its core, and seeds that no request before used: a fresh seed is a cache miss."""

    def __init__(self, upstream: Server, load_core: int) -> None:
        self.upstream = upstream
        self._core = load_core
        self._windows = 0

    def latency(self, server: Server, question: Question, rate: float, seconds: float) -> Result:
        return self._load(server, question, "open", 64, seconds, rate=rate, warmup=0.3)

    def at_rate(self, server: Server, question: Question, rate: float, seconds: float) -> Result:
        """As `latency`, every request counted."""
        return self._load(server, question, "open", 64, seconds, rate=rate)

    def saturate(self, server: Server, question: Question, connections: int, seconds: float) -> Result:
        return self._load(server, question, "closed", connections, seconds, warmup=0.3)

    def memory(self, server: Server, question: Question, connections: int) -> tuple[Result, int]:
        """A burst, and by how many bytes the server's memory grew at its peak."""
        forget_peak(server.pid)
        before = resident_bytes(server.pid)
        result = self._load(server, question, "burst", connections, BURST_LIMIT)
        return result, peak_bytes(server.pid) - before

    def picture_seconds(self, server: Server, question: Question, n: int) -> float:
        """How long one request for n pictures takes. Raises WrongAnswer unless there are n."""
        asked = replace(self.fresh(question), body=question.body.replace('"n":1', f'"n":{n}'))
        began = time.perf_counter()
        answer, body = ask(server, asked)
        took = time.perf_counter() - began
        if answer.status != 200 or len(_data(body)) != n:
            raise WrongAnswer(f"{server.name} answered {answer.status} to n={n}: {body[:300]!r}")
        return took

    def upstream_calls(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.upstream.port, timeout=10)
        connection.request("GET", "/count")
        return int(json.loads(connection.getresponse().read())["asked"])

    def verify(self, server: Server, question: Question, *, cached: bool = False) -> None:
        """Asks once, without haste. Raises WrongAnswer.

        A `cached` question was asked before and must not reach the upstream; any other must reach it once.
        """
        before = self.upstream_calls()
        answer, body = ask(server, question if cached else self.fresh(question))
        calls = self.upstream_calls() - before
        told = f"{server.name} answered {answer.status}: {body[:300]!r}"
        if answer.status != 200 or len(body) < question.least:
            raise WrongAnswer(told)
        image = _data(body)[0]
        if "b64_json" in image and not Picture(_side(question)).is_mine(base64.b64decode(image["b64_json"])):
            raise WrongAnswer(f"{server.name} answered another picture")
        if question.marker.strip('"') not in image:
            raise WrongAnswer(told)
        if calls != (0 if cached else 1):
            raise WrongAnswer(f"{server.name} made {calls} upstream calls for one request, cached={cached}")

    def fresh(self, question: Question) -> Question:
        """The question with a seed that no window before used; a question that repeats its seed stays as it is."""
        self._windows += question.step
        return replace(question, first=question.first + 500_000 * self._windows) if question.step else question

    def _load(
        self,
        server: Server,
        question: Question,
        mode: Mode,
        connections: int,
        seconds: float,
        *,
        rate: float = 0.0,
        warmup: float = 0.0,
    ) -> Result:
        job = Job(
            mode, server.port, self.fresh(question), connections, seconds, warmup=warmup, rate=rate, pid=server.pid
        )
        with pinned(self._core):
            program = subprocess.Popen(
                [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        told, _ = program.communicate((json.dumps(asdict(job)) + "\n").encode())
        if program.returncode:
            raise WrongAnswer(f"{server.name} could not be put under load")
        return Result(**cast(dict[str, Any], json.loads(told)))


def ask(server: Server, question: Question) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    head = {"authorization": f"Bearer {question.key}", "content-type": "application/json"}
    connection.request("POST", question.path, (question.body % question.first).encode(), head)
    answer = connection.getresponse()
    return answer, answer.read()


def _data(body: bytes) -> list[dict[str, Any]]:
    return json.loads(body)["data"]


def _side(question: Question) -> int:
    return 592 if question.least < 5_000_000 else 1414
