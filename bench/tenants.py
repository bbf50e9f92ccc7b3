"""What keys of users cost: limits, budgets and the ledger on, beside the same gateway asked with its admin key.

And what a second process costs, on Postgres and Redis. Columns are `off` (the admin key) and `one` (one process).
"""

import json
import subprocess
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

from bench.connection import Question
from bench.load import Result
from bench.measure import Bench, WrongAnswer
from bench.proc import pinned
from bench.scenarios import SMALL, Figures, Pace
from bench.servers import KEY, Server, gateway
from gateway.store.valkey_server import server_binary
from tests.postgres import PostgresServer

CONNECTIONS = 64
PRICED = """
[providers.mock.prices."bench"]
per_image = 0.01
"""
# Wide enough that nothing is refused, and every one of them is asked.
LIMITS = {
    "requests_per_minute": 10_000_000,
    "images_per_minute": 10_000_000,
    "megapixels_per_minute": 10_000_000,
    "max_concurrent_images": 10_000,
}
BUDGET = {"budget_usd": 1_000_000, "budget_period": "day"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A column of the table: who is asked, and with which key."""

    column: str
    server: Server
    question: Question = SMALL
    connections: int = CONNECTIONS


def with_keys(bench: Bench, peers: list[Server], easel: Server, pace: Pace) -> Figures:
    """Rounds over all columns in turn. Raises WrongAnswer where a key cannot be made."""
    figures = Figures("small `url` reply: key, limits, budgets and ledger on; off: the admin key")
    asked = [Asked(peer.name, peer) for peer in peers]
    asked += [Asked("off", easel), Asked("gateway", easel, replace(SMALL, key=user_key(easel)))]
    compare(figures, bench, asked, pace)
    return figures


def over_processes(bench: Bench, core: int, load_core: int, folder: Path, pace: Pace) -> Figures:
    """The same, by one process and by two, which share a core, a Postgres and a Redis, each with 64 connections.

    What waits for the database or for Redis at one moment goes there together, so that with half the load a request
    costs more, however many processes there are: with the load of one over both, the last row says.
    """
    figures = Figures("key, limits, budgets and ledger on, Postgres and Redis; two processes, one: one")
    with ExitStack() as stack:
        with pinned(load_core):
            postgres = stack.enter_context(PostgresServer())
            redis = stack.enter_context(valkey(folder))
        asked: list[Asked] = []
        for column, processes in (("one", 1), ("gateway", 2)):
            stores = f'[database]\nurl = "{postgres.new_database()}"\n[redis]\nurl = "{redis}"\n{PRICED}'
            running = gateway(
                bench.upstream.port, core, folder, keep=False, name=column, more=stores, processes=processes
            )
            easel = stack.enter_context(running)
            asked.append(Asked(column, easel, replace(SMALL, key=user_key(easel)), CONNECTIONS * processes))
        compare(figures, bench, asked, pace)
        halved = Figures(figures.title)
        compare(halved, bench, [replace(each, connections=CONNECTIONS) for each in asked], pace)
    figures.rows["CPU ms, 64 connections over both"] = halved.rows["CPU ms per request"]
    figures.faults += halved.faults
    return figures


def traced(bench: Bench, easel: Server, core: int, folder: Path, pace: Pace) -> Figures:
    """What spans cost, sent to a collector that takes them all: each request, and one in ten of them."""
    figures = Figures("small `url` reply: spans of every request; off: none; one: of one in ten")
    asked = [Asked("off", easel)]
    with ExitStack() as stack:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.enter_context(collector())}
        for column, sample in (("one", 0.1), ("gateway", 1.0)):
            more = f'[telemetry]\ntraces = "otlp"\nsample = {sample}\n'
            running = gateway(
                bench.upstream.port,
                core,
                folder,
                keep=False,
                name=f"{column}-traced",
                more=more,
                environment=environment,
            )
            asked.append(Asked(column, stack.enter_context(running)))
        compare(figures, bench, asked, pace)
    return figures


def compare(figures: Figures, bench: Bench, asked: list[Asked], pace: Pace) -> None:
    rounds: dict[str, list[Result]] = {each.column: [] for each in asked}
    for each in asked:
        bench.verify(each.server, each.question)
        bench.saturate(each.server, each.question, each.connections, pace.warm_seconds)
    for _ in range(pace.saturation_rounds):
        for each in asked:
            result = bench.saturate(each.server, each.question, each.connections, pace.saturation_seconds)
            rounds[each.column].append(figures.check(each.server, result))
    for column, results in rounds.items():
        spent = [1000 * result.cpu / max(1, result.answered) for result in results]
        figures.put("CPU ms per request", column, median(spent))
        speed = [result.answered / result.wall for result in results]
        figures.put("requests/s", column, median(speed))
        figures.put("p99 ms", column, median([result.p99 for result in results]))


def user_key(easel: Server) -> str:
    """Of a team with limits and a budget, which has its own, too."""
    team = admin(easel, "/v1/admin/teams", {"name": "bench", **LIMITS, **BUDGET})
    return str(admin(easel, "/v1/admin/keys", {"name": "bench", "team": team["id"], **LIMITS, **BUDGET})["key"])


def admin(easel: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", easel.port, timeout=30)
    head = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request("POST", path, json.dumps(body), head)
    answer = connection.getresponse()
    told = answer.read()
    if answer.status not in (200, 201):
        raise WrongAnswer(f"POST {path} answered {answer.status}: {told[:300]!r}")
    return json.loads(told)


class Taker(BaseHTTPRequestHandler):
    """Takes whatever is sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing between the figures."""


@contextmanager
def collector() -> Generator[str]:
    """The URL at which spans are taken."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@contextmanager
def valkey(folder: Path) -> Generator[str]:
    """A server that several gateways share, as their operator's would be; its URL."""
    socket = folder / "shared-valkey.sock"
    command = [str(server_binary()), "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as program:
        try:
            yield f"unix://{socket}"
        finally:
            program.terminate()
