"""Jobs that nobody waits for: how many are accepted a second, and a thousand of them with those who listen to them.

What the record of jobs adds to a call that is waited for shows beside the gateway of an earlier checkout, in one run:
`python -m bench --only small --before ../easel-of-then`.
"""

import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from http.client import HTTPConnection
from typing import Any

from bench.connection import Question
from bench.crowd import Crowd, Heard
from bench.measure import Bench, WrongAnswer
from bench.proc import cpu_seconds, forget_peak, peak_bytes, pinned, resident_bytes
from bench.scenarios import BODY, PATH, Figures
from bench.servers import KEY, Server

ACCEPTED = Question(PATH, BODY % ("bench", "url"), '"status"', 200, header="prefer: respond-async", status=202)
HELD = replace(ACCEPTED, body=BODY % ("bench-held", "url"))
HEALTH = Question("/healthz", "", '"ok"', 2)
RATE = 100  # jobs a second
BACKLOG_SECONDS = 60.0  # for jobs to be over that were accepted


@dataclass(frozen=True, slots=True)
class Size:
    """`held` is how many seconds the provider takes for a job of the crowd's, `listening` how long it is measured."""

    accepting: float = 20.0
    jobs: int = 1000
    job_streams: int = 1900
    team_streams: int = 100
    held: float = 20.0
    listening: float = 20.0


SHORT = Size(accepting=4.0, jobs=200, job_streams=380, team_streams=20, held=4.0, listening=4.0)


def accepted(bench: Bench, gateway: Server, size: Size) -> Figures:
    """Jobs are sent at a fixed rate, and answered with 202. Raises WrongAnswer where not each of them succeeds."""
    figures = Figures(f"{RATE} jobs/s, `Prefer: respond-async`, SQLite")
    question = bench.fresh(ACCEPTED)
    drawn, before, used = bench.upstream_calls(), jobs_that(gateway, "succeeded"), cpu_seconds(gateway.pid)
    result = figures.check(gateway, bench.at_rate(gateway, question, RATE, size.accepting))
    late = seconds_until_none_runs(gateway)
    spent = cpu_seconds(gateway.pid) - used
    drawn, done = bench.upstream_calls() - drawn, jobs_that(gateway, "succeeded") - before
    sent = int(RATE * size.accepting)
    if not drawn == done == sent:
        figures.faults.append(f"of {sent} jobs {done} succeeded, and {drawn} pictures were drawn")
    figures.put(f"accepted a second, of {RATE} sent", gateway.name, result.answered / result.wall)
    figures.put("p50 ms of the 202", gateway.name, result.p50)
    figures.put("p99 ms of the 202", gateway.name, result.p99)
    figures.put("CPU ms per job", gateway.name, 1000 * spent / sent)
    figures.put("s until all are over", gateway.name, late)
    return figures


def listened(bench: Bench, gateway: Server, load_core: int, size: Size) -> Figures:
    """Jobs that all run at once, first without and then with streams; meanwhile they end, and new ones begin."""
    figures = Figures(f"{size.jobs} running jobs, {size.job_streams} streams of one, {size.team_streams} of all")
    question = bench.fresh(HELD)
    crowd = Crowd(gateway.port, question, size.jobs, size.job_streams, size.team_streams, size.held)
    idle = resident_bytes(gateway.pid)
    with crowding(crowd, load_core) as program:
        expect(program, "running")
        unheard = resident_bytes(gateway.pid)
        forget_peak(gateway.pid)
        say(program, "listen")
        expect(program, "listening")
        used, began = cpu_seconds(gateway.pid), time.perf_counter()
        health = figures.check(gateway, bench.at_rate(gateway, HEALTH, 50, size.listening))
        spent, took = cpu_seconds(gateway.pid) - used, time.perf_counter() - began
        heard_by_then = resident_bytes(gateway.pid)
        say(program, "end")
        heard = Heard(**json.loads(read(program)))
    figures.faults += [f"{count} times: {fault}" for fault, count in heard.faults.items()]
    if heard.most < 0.95 * size.jobs:
        figures.faults.append(f"at most {heard.most} jobs ran at once")
    streams = size.job_streams + size.team_streams
    figures.put("KB of memory per running job", gateway.name, (unheard - idle) / size.jobs / 1000)
    figures.put("KB of memory per stream", gateway.name, (heard_by_then - unheard) / streams / 1000)
    figures.put("KB per stream, at the peak", gateway.name, (peak_bytes(gateway.pid) - unheard) / streams / 1000)
    figures.put("/healthz p50 ms", gateway.name, health.p50)
    figures.put("/healthz p99 ms", gateway.name, health.p99)
    figures.put("busy, share of one core", gateway.name, spent / took)
    figures.put("jobs begun", gateway.name, heard.jobs)
    figures.put("events heard", gateway.name, heard.events)
    return figures


def seconds_until_none_runs(gateway: Server) -> float:
    """Raises WrongAnswer when that takes too long."""
    began = time.perf_counter()
    while jobs(gateway, "status=queued,running&limit=1")["data"]:
        if time.perf_counter() - began > BACKLOG_SECONDS:
            raise WrongAnswer(f"{gateway.name} has not ended its jobs after {BACKLOG_SECONDS:.0f} s")
        time.sleep(0.05)  # noqa: TID251 - this process has no event loop
    return time.perf_counter() - began


def jobs_that(gateway: Server, status: str) -> int:
    """How many have this status."""
    count, after = 0, ""
    while True:
        page = jobs(gateway, f"status={status}&limit=100{after}")
        count += len(page["data"])
        if not page["has_more"]:
            return count
        after = f"&after={page['last_id']}"


def jobs(gateway: Server, query: str) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.request("GET", f"/v1/jobs?{query}", headers={"authorization": f"Bearer {KEY}"})
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200:
        raise WrongAnswer(f"{gateway.name} answered {answer.status} to GET /v1/jobs: {told[:300]!r}")
    return json.loads(told)


@contextmanager
def crowding(crowd: Crowd, core: int) -> Generator[subprocess.Popen[bytes]]:
    with pinned(core):
        program = subprocess.Popen([sys.executable, "-m", "bench.crowd"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        say(program, json.dumps(asdict(crowd)))
        yield program
    finally:
        program.kill()
        program.communicate()


def say(program: subprocess.Popen[bytes], line: str) -> None:
    if program.stdin is not None:
        program.stdin.write(line.encode() + b"\n")
        program.stdin.flush()


def read(program: subprocess.Popen[bytes]) -> bytes:
    return program.stdout.readline() if program.stdout is not None else b""


def expect(program: subprocess.Popen[bytes], word: str) -> None:
    if (line := read(program)) != word.encode() + b"\n":
        raise WrongAnswer(f"the crowd said {line!r} instead of {word}")
