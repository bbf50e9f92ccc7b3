"""What is measured: each scenario asks all its servers in turn, round after round, so that noise hits them alike."""

from dataclasses import dataclass, field, replace
from statistics import median

from bench.connection import Question
from bench.load import Result
from bench.measure import Bench
from bench.servers import Server

PATH = "/v1/images/generations"
BODY = (
    '{"model":"%s","prompt":"a lighthouse at dusk, oil on canvas","n":1,"size":"1024x1024",'
    '"seed":%%d,"response_format":"%s"}'
)
SMALL = Question(PATH, BODY % ("bench", "url"), '"url"', 100)
B64 = Question(PATH, BODY % ("bench-b64", "b64_json"), '"b64_json"', 1_400_000)
LARGE = Question(PATH, BODY % ("bench-8mb", "b64_json"), '"b64_json"', 7_990_000)
SLOW = Question(PATH, BODY % ("bench-slow", "url"), '"url"', 100)
HIT = replace(SMALL, step=0)

IN_FLIGHT = 64
LARGE_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a run takes: rounds and seconds of the fixed rate and of saturation, repeats of single requests.

    Each server has `warm_seconds` of load first, as no server's first second is like its others.
    """

    latency_rounds: int = 5
    latency_seconds: float = 1.8
    saturation_rounds: int = 3
    saturation_seconds: float = 2.0
    warm_seconds: float = 1.0
    repeats: int = 3

    @property
    def kept(self) -> "Pace":
        """For kept pictures, whose ratios have more room than their noise."""
        rounds = min(3, self.latency_rounds), min(2, self.saturation_rounds)
        return replace(self, latency_rounds=rounds[0], latency_seconds=1.0, saturation_rounds=rounds[1])


QUICK = Pace(
    latency_rounds=1, latency_seconds=0.8, saturation_rounds=1, saturation_seconds=1.0, warm_seconds=0.3, repeats=1
)


@dataclass(slots=True)
class Figures:
    """One scenario's figures: `rows[figure][server]`, medians over the rounds, and what went wrong on the way."""

    title: str
    rows: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    faults: list[str] = field(default_factory=list[str])

    def put(self, figure: str, server: str, value: float) -> None:
        self.rows.setdefault(figure, {})[server] = value

    def check(self, server: Server, result: Result) -> Result:
        if result.errors or result.wrong:
            self.faults.append(f"{server.name}: {result.errors} errors and {result.wrong} wrong of {result.answered}")
        return result


def replies(
    title: str,
    bench: Bench,
    servers: list[Server],
    question: Question,
    pace: Pace,
    *,
    rate: float,
    connections: int,
    direct: bool = True,
) -> Figures:
    """Latency at a fixed rate and CPU time at saturation; with `direct`, latency is what comes on top of no server."""
    figures = Figures(title)
    for server in servers:
        if question.step:
            bench.verify(server, question)
        bench.saturate(server, question, connections, pace.warm_seconds)
        server.forget_pictures()
    _latencies(figures, bench, servers, question, pace, rate=rate, direct=direct)
    _saturation(figures, bench, servers, question, pace, connections=connections)
    return figures


def _latencies(
    figures: Figures,
    bench: Bench,
    servers: list[Server],
    question: Question,
    pace: Pace,
    *,
    rate: float,
    direct: bool,
) -> None:
    asked = [bench.upstream, *servers] if direct else servers
    rounds: dict[str, list[Result]] = {server.name: [] for server in asked}
    for _ in range(pace.latency_rounds):
        for server in asked:
            result = bench.latency(server, question, rate, pace.latency_seconds)
            rounds[server.name].append(figures.check(server, result))
            server.forget_pictures()
    nothing = rounds[bench.upstream.name] if direct else []
    for name, percentile in (("p50", _p50), ("p99", _p99)):
        base = median([percentile(result) for result in nothing]) if direct else 0.0
        label = f"{'added ' if direct else ''}{name} ms at {rate:.0f}/s"
        for server in servers:
            figures.put(label, server.name, median([percentile(result) for result in rounds[server.name]]) - base)
        if direct:
            figures.put(label, "direct", base)
    for server in servers:
        spent = [1000 * result.cpu / max(1, result.answered) for result in rounds[server.name]]
        figures.put(f"CPU ms per request at {rate:.0f}/s", server.name, median(spent))


def _saturation(
    figures: Figures, bench: Bench, servers: list[Server], question: Question, pace: Pace, *, connections: int
) -> None:
    rounds: dict[str, list[Result]] = {server.name: [] for server in servers}
    for _ in range(pace.saturation_rounds):
        for server in servers:
            result = bench.saturate(server, question, connections, pace.saturation_seconds)
            rounds[server.name].append(figures.check(server, result))
            server.forget_pictures()
    for name, results in rounds.items():
        answered = [max(1, result.answered) for result in results]
        spent = [1000 * result.cpu / count for result, count in zip(results, answered, strict=True)]
        speed = [result.answered / result.wall for result in results]
        figures.put("CPU ms per request", name, median(spent))
        figures.put(f"requests/s, {connections} connections", name, median(speed))
        figures.put(f"p99 ms, {connections} connections", name, median([result.p99 for result in results]))


def hits(bench: Bench, bare: Server, gateway: Server | None, pace: Pace) -> Figures:
    """A picture that the gateway knows, beside a bare GET. Proves first that the upstream is not asked again."""
    servers = [bare, *([gateway] if gateway else [])]
    if gateway:
        bench.verify(gateway, replace(HIT, first=1_900_000_000))
        bench.verify(gateway, replace(HIT, first=1_900_000_000), cached=True)
    before = bench.upstream_calls()
    question = replace(HIT, first=1_900_000_000)
    figures = replies("cache hit", bench, servers, question, pace, rate=100, connections=64, direct=False)
    if calls := bench.upstream_calls() - before:
        figures.faults.append(f"{calls} cache hits reached the upstream")
    return figures


def memory(bench: Bench, servers: list[Server]) -> Figures:
    """What 64 replies of 8 MB, all in flight at once, add to the server's memory."""
    figures = Figures(f"{IN_FLIGHT} replies of 8 MB in flight")
    in_flight = IN_FLIGHT * LARGE_BYTES
    for server in servers:
        bench.saturate(server, SMALL, IN_FLIGHT, 0.5)
        bench.verify(server, LARGE)
        result, growth = bench.memory(server, LARGE, IN_FLIGHT)
        figures.check(server, result)
        if not result.together:
            figures.faults.append(f"{server.name}: not all {IN_FLIGHT} answers were in flight at once")
        figures.put("memory growth, MB", server.name, growth / 1e6)
        figures.put("growth / bytes in flight", server.name, growth / in_flight)
    return figures


def fanout(bench: Bench, gateway: Server, pace: Pace) -> Figures:
    """n=8 over an upstream that makes one picture a call and takes 1,000 ms for it."""
    figures = Figures("n=8 over native maximum 1, 1,000 ms a picture")
    bench.picture_seconds(gateway, SLOW, 1)
    for n in (1, 8):
        before = bench.upstream_calls()
        took = median([bench.picture_seconds(gateway, SLOW, n) for _ in range(pace.repeats)])
        figures.put(f"ms for n={n}", gateway.name, 1000 * took)
        if (calls := bench.upstream_calls() - before) != n * pace.repeats:
            figures.faults.append(f"{calls} upstream calls for {pace.repeats} requests of {n} pictures")
    rows = figures.rows
    figures.put("n=8 / n=1", gateway.name, rows["ms for n=8"][gateway.name] / rows["ms for n=1"][gateway.name])
    return figures


def _p50(result: Result) -> float:
    return result.p50


def _p99(result: Result) -> float:
    return result.p99
