"""Asks a server many times and says how long it took: a process of its own, told by one JSON line on stdin.

    open     requests at a fixed rate. A latency starts when the request was due, not when a connection became free:
             a server that stalls cannot hide the requests that it kept from being sent (no coordinated omission).
    closed   as many connections as asked, each sending its next request when the last one is answered.
    burst    every connection sends one request and stops reading at the first bytes of its answer until all
             connections have some, so that all answers are in flight at once.

The result is one JSON line on stdout.
"""

import asyncio
import json
import math
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import uvloop

from bench.connection import Connection, Question
from bench.proc import cpu_seconds

GRACE = 10.0  # seconds that answers may come late, after the last request


@dataclass(frozen=True, slots=True)
class Job:
    """`seconds` are measured, after `warmup` seconds that are not; `pid` is the family whose CPU time is taken."""

    mode: Literal["open", "closed", "burst"]
    port: int
    question: Question
    connections: int
    seconds: float
    warmup: float = 0.0
    rate: float = 0.0
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """Latencies in milliseconds, `cpu` and `wall` in seconds.

    `errors` are answers of another status than the question's, lost connections and answers that never came; `wrong`
    are answers of that status that are not what was asked. `together`: a burst had all its answers in flight at once.
    """

    answered: int
    errors: int
    wrong: int
    p50: float
    p99: float
    wall: float
    cpu: float = 0.0
    together: bool = True


class Load:
    """One run of one job. Counts what was due at `since` or later, until `expected` of those are answered or lost."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.number = job.question.first
        self.idle: list[Connection] = []
        self.due: deque[float] = deque()
        self.opened = 0
        self.latencies: list[float] = []
        self.errors = self.wrong = self.lost_answers = self.begun = 0
        self.since = math.inf
        self.expected = math.inf
        self.over = False
        self.complete = asyncio.Event()
        self.together = asyncio.Event()
        self.drained = asyncio.Event()

    async def run(self) -> Result:
        match self.job.mode:
            case "open":
                return await self.run_open()
            case "closed":
                return await self.run_closed()
            case "burst":
                return await self.run_burst()

    async def run_open(self) -> Result:
        used = cpu_seconds(self.job.pid)
        began, step = time.perf_counter(), 1 / self.job.rate
        skipped, counted = int(self.job.warmup * self.job.rate), int(self.job.seconds * self.job.rate)
        self.expected = counted
        self.since = began + (skipped - 0.5) * step
        await self.pace([began + index * step for index in range(skipped + counted)])
        await _within(GRACE, self.complete)
        wall = time.perf_counter() - self.since
        spent = cpu_seconds(self.job.pid) - used
        return self.result(wall, cpu=spent * counted / (skipped + counted))

    async def pace(self, dues: list[float]) -> None:
        """Fires at each of these times. The loop's timers know whole milliseconds; a waiting thread some 50 µs."""
        loop, pause = asyncio.get_running_loop(), threading.Event()

        def wait_and_fire() -> None:
            for due in dues:
                pause.wait(max(0.0, due - time.perf_counter()))
                loop.call_soon_threadsafe(self.fire, due)

        await asyncio.to_thread(wait_and_fire)

    async def run_closed(self) -> Result:
        await asyncio.gather(*(self.send_on_a_new_connection() for _ in range(self.job.connections)))
        await asyncio.sleep(self.job.warmup)
        used, began = cpu_seconds(self.job.pid), time.perf_counter()
        self.since = 0.0
        await asyncio.sleep(self.job.seconds)
        self.since, self.over = math.inf, True
        result = self.result(time.perf_counter() - began, cpu=cpu_seconds(self.job.pid) - used)
        await _within(GRACE, self.drained)  # what is left over must not burden the server that is measured next
        return result

    async def run_burst(self) -> Result:
        connections = [await self.connect() for _ in range(self.job.connections)]
        self.expected = len(connections)
        self.since = began = time.perf_counter()
        for connection in connections:
            self.send(connection, began)
        together = await _within(self.job.seconds, self.together)
        for connection in connections:
            connection.resume()
        await _within(self.job.seconds, self.complete)
        return self.result(time.perf_counter() - began, together=together)

    async def connect(self) -> Connection:
        self.opened += 1
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self.job.question, self.done, self.lost, self.begin), "127.0.0.1", self.job.port
        )
        return connection

    def send(self, connection: Connection, due: float) -> None:
        connection.send(self.number, due)
        self.number += self.job.question.step

    def fire(self, due: float) -> None:
        """A request is due: sent on an idle connection, or as soon as there is one."""
        if self.idle:
            self.send(self.idle.pop(), due)
            return
        self.due.append(due)
        if self.opened < self.job.connections:
            asyncio.get_running_loop().create_task(self.add_connection())

    async def add_connection(self) -> None:
        self.free(await self.connect())

    async def send_on_a_new_connection(self) -> None:
        self.send(await self.connect(), time.perf_counter())

    def free(self, connection: Connection) -> None:
        if self.due:
            self.send(connection, self.due.popleft())
        else:
            self.idle.append(connection)

    def done(self, connection: Connection, right: bool, status: int) -> None:
        """An answer is complete."""
        now = time.perf_counter()
        if connection.due >= self.since:
            self.latencies.append(now - connection.due)
            expected = status == self.job.question.status
            self.errors += not expected
            self.wrong += expected and not right
            self.count()
        if self.job.mode == "closed" and not self.over:
            self.send(connection, now)
        else:
            self.free(connection)
            if len(self.idle) == self.opened:
                self.drained.set()

    def lost(self, connection: Connection, busy: bool) -> None:
        """The server closed the connection; with a request on the way that is an error."""
        self.opened -= 1
        if connection in self.idle:
            self.idle.remove(connection)
        if busy and connection.due >= self.since:
            self.lost_answers += 1
            self.count()
        if self.job.mode == "closed" and not self.over:
            asyncio.get_running_loop().create_task(self.send_on_a_new_connection())

    def begin(self, connection: Connection) -> None:
        """The first bytes of an answer are here."""
        if self.job.mode == "burst":
            self.begun += 1
            connection.hold()
            if self.begun == self.job.connections:
                self.together.set()

    def count(self) -> None:
        if len(self.latencies) + self.lost_answers >= self.expected:
            self.complete.set()

    def result(self, wall: float, cpu: float = 0.0, together: bool = True) -> Result:
        answered = len(self.latencies)
        missing = self.lost_answers if math.isinf(self.expected) else int(self.expected) - answered
        ordered = sorted(self.latencies) or [math.nan]
        p50, p99 = (1000 * ordered[round(part * (len(ordered) - 1))] for part in (0.5, 0.99))
        return Result(answered, self.errors + missing, self.wrong, p50, p99, wall, cpu, together)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def main() -> None:
    told = cast(dict[str, Any], json.loads(sys.stdin.readline()))
    question = Question(**told.pop("question"))
    print(json.dumps(asdict(await Load(Job(question=question, **told)).run())))


if __name__ == "__main__":
    uvloop.run(main())
