"""`python -m bench`: the gateway on one core, a fast upstream and the load on another, bare proxies beside it.

Prints one table with the targets next to the figures, and writes the same to `bench-output/figures.json`. A gateway
that does not start is left out, and the table says so; the exit status is then 1.
"""

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path

from bench import jobs, plan, profiled, protocols, report, scenarios, tenants, worker
from bench.measure import Bench, WrongAnswer
from bench.proc import pinned, two_cores
from bench.scenarios import B64, QUICK, SMALL, Figures, Pace
from bench.servers import DidNotStart, Server, gateway, proxy, upstream
from workers.engines import lacking

OUTPUT = Path("bench-output")
ROOM = 8_000_000_000  # bytes; kept pictures are deleted after each window
APART = ("tenants", "processes", "traces")
SCENARIOS = (
    "plan",
    "worker",
    "protocols",
    "small",
    "b64",
    "hit",
    "memory",
    "fanout",
    "keep",
    "jobs",
    "streams",
    *APART,
)


class Run:
    """The servers of one run, and what was found."""

    def __init__(self, pace: Pace, wanted: set[str], *, profile: bool, before: Path | None) -> None:
        self.pace = pace
        self.wanted = wanted
        self.profile = profile
        self.before = before
        self.profiles: list[Path] = []
        self.results: dict[str, Figures] = {}
        self.faults: list[str] = []
        self.server_core, self.load_core = two_cores()
        self.storage = fast_storage()

    def all(self) -> None:
        if "plan" in self.wanted:
            with pinned(self.server_core):
                self.results["plan"] = plan.measure(self.pace.repeats)
        if "worker" in self.wanted:
            with pinned(self.server_core):
                self.take("worker", lambda: worker.measure(4 if self.pace is QUICK else 15))
        if "protocols" in self.wanted:
            self.take("protocols", self.protocols)
        for keep in (False, True):
            if self.wanted & ({"keep"} if keep else {"small", "b64", "hit", "memory", "fanout"}):
                with (
                    tempfile.TemporaryDirectory(prefix="easel-bench-", dir=self.storage) as folder,
                    ExitStack() as stack,
                ):
                    self.group(stack, Path(folder), keep=keep)
        if self.wanted & {"jobs", "streams"}:
            with tempfile.TemporaryDirectory(prefix="easel-bench-", dir=self.storage) as folder, ExitStack() as stack:
                self.jobs(stack, Path(folder))
        for name in APART:
            if name in self.wanted:
                with (
                    tempfile.TemporaryDirectory(prefix="easel-bench-", dir=self.storage) as folder,
                    ExitStack() as stack,
                ):
                    self.apart(name, stack, Path(folder))

    def apart(self, name: str, stack: ExitStack, folder: Path) -> None:
        """With servers of its own: a gateway whose users have budgets is configured otherwise."""
        source = stack.enter_context(upstream(self.load_core, folder))
        bench = Bench(source, self.load_core)
        if name == "processes":
            self.take(name, lambda: tenants.over_processes(bench, self.server_core, self.load_core, folder, self.pace))
            return
        peers = [self.peer(stack, peer, source, folder, keep=False) for peer in ("S", "F")]
        easel = self.easel(stack, source, folder, keep=False, kind=name, more=tenants.PRICED)
        if easel is None:
            return
        if name == "tenants":
            self.take(name, lambda: tenants.with_keys(bench, peers, easel, self.pace))
        else:
            self.take(name, lambda: tenants.traced(bench, easel, self.server_core, folder, self.pace))

    def protocols(self) -> Figures:
        with tempfile.TemporaryDirectory(prefix="easel-bench-", dir=self.storage) as folder:
            repeats = 4 if self.pace is QUICK else 16
            return protocols.figures_of((self.server_core, self.load_core), Path(folder), repeats)

    def jobs(self, stack: ExitStack, folder: Path) -> None:
        size = jobs.SHORT if self.pace is QUICK else jobs.Size()
        source = stack.enter_context(upstream(self.load_core, folder, held=size.held))
        bench = Bench(source, self.load_core)
        more = f"[jobs]\nmax_running = {2 * size.jobs}\n"
        easel = self.easel(stack, source, folder, keep=False, kind="jobs", more=more)
        if easel is None:
            return
        bench.saturate(easel, SMALL, 64, self.pace.warm_seconds)
        if "jobs" in self.wanted:
            self.take("jobs", lambda: jobs.accepted(bench, easel, size))
        if "streams" in self.wanted:
            self.take("streams", lambda: jobs.listened(bench, easel, self.load_core, size))

    def group(self, stack: ExitStack, folder: Path, *, keep: bool) -> None:
        """Everything that is measured with this setting of keep, on servers that all run from the start."""
        source = stack.enter_context(upstream(self.load_core, folder))
        bench = Bench(source, self.load_core)
        peers = [self.peer(stack, name, source, folder, keep=keep) for name in ("S", "F")]
        if self.before:
            peers.append(self.earlier(stack, source, folder, self.before, keep=keep))
        easel = self.easel(stack, source, folder, keep=keep)
        servers = [*peers, *([easel] if easel else [])]
        if keep:
            self.replies("keep", "keep small", bench, servers)
            self.replies("keep", "keep b64", bench, servers)
            return
        self.replies("small", "small", bench, servers)
        self.replies("b64", "b64", bench, servers)
        if "hit" in self.wanted:
            bare = self.peer(stack, "hit", source, folder, keep=False)
            self.take("hit", lambda: scenarios.hits(bench, bare, easel, self.pace))
        if "fanout" in self.wanted and easel:
            self.take("fanout", lambda: scenarios.fanout(bench, easel, self.pace))
        if "memory" in self.wanted:
            asked = servers[1:] if self.pace is QUICK else servers  # S takes ten seconds
            self.take("memory", lambda: scenarios.memory(bench, asked))

    def replies(self, wanted: str, name: str, bench: Bench, servers: list[Server]) -> None:
        if wanted not in self.wanted:
            return
        small = name.endswith("small")
        title = "small `url` reply" if small else "1.4 MB `b64_json` reply"
        pace = self.pace.kept if wanted == "keep" else self.pace
        if wanted == "keep":
            title += ", pictures kept"
        question, rate, connections = (SMALL, 100, 64) if small else (B64, 20, 16)
        self.take(
            name,
            lambda: scenarios.replies(title, bench, servers, question, pace, rate=rate, connections=connections),
        )

    def peer(self, stack: ExitStack, name: str, source: Server, folder: Path, *, keep: bool) -> Server:
        return stack.enter_context(proxy(name, source.port, self.server_core, folder, keep=keep))

    def earlier(self, stack: ExitStack, source: Server, folder: Path, before: Path, *, keep: bool) -> Server:
        return stack.enter_context(gateway(source.port, self.server_core, folder, keep=keep, before=before))

    def easel(
        self, stack: ExitStack, source: Server, folder: Path, *, keep: bool, kind: str = "", more: str = ""
    ) -> Server | None:
        named = kind or ("keep" if keep else "pass")
        profile = OUTPUT / f"gateway-{named}.prof" if self.profile else None
        try:
            easel = stack.enter_context(
                gateway(source.port, self.server_core, folder, keep=keep, profile=profile, more=more)
            )
        except DidNotStart as why:
            self.faults.append(f"the gateway did not start with keep = {str(keep).lower()}: {why}")
            return None
        if profile:
            os.kill(easel.pid, profiled.BEGIN)
            self.profiles.append(profile)
        return easel

    def take(self, name: str, measure: Callable[[], Figures]) -> None:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            self.results[name] = measure()
        except (WrongAnswer, OSError, HTTPException) as why:
            self.faults.append(f"{name}: {why!r}")


def usual() -> list[str]:
    """All that can be measured here."""
    return [name for name in SCENARIOS if name != "worker" or not lacking()]


def fast_storage() -> str | None:
    """A folder in memory where there is one with room: a disk's own moods are nothing that a server could help."""
    memory = Path("/dev/shm")  # noqa: S108 - folders in it are made by tempfile, private
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="what the gateway costs, beside bare proxies")
    parser.add_argument("--quick", action="store_true", help="a look within 90 seconds; figures are rougher")
    parser.add_argument("--only", default=",".join(usual()), help="of " + ",".join(SCENARIOS))
    parser.add_argument("--profile", action="store_true", help="run the gateway under cProfile and print its top lines")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="its gateway is measured beside this one's")
    told = parser.parse_args()
    if platform.system() != "Linux":
        parser.error("CPU time, memory and pinning are read and set the Linux way")
    wanted = set(told.only.split(","))
    if unknown := wanted - set(SCENARIOS):
        parser.error(f"unknown scenario {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    OUTPUT.mkdir(exist_ok=True)
    began = time.monotonic()
    run = Run(QUICK if told.quick else Pace(), wanted, profile=told.profile, before=told.before)
    run.all()
    conditions: dict[str, object] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": [run.server_core, run.load_core],
        "storage": run.storage or "the default temporary directory",
        "quick": told.quick,
        "profiled": told.profile,
        "seconds": round(time.monotonic() - began),
        "faults": run.faults,
    }
    print(report.table(run.results))
    for fault in run.faults:
        print(f"\nFAULT {fault}")
    for figures in run.profiles:
        print(f"\n{profiled.top(figures)}")
    print(f"\n{conditions['seconds']} s; written to {report.write(OUTPUT, run.results, conditions)}")
    return 1 if run.faults or any(figures.faults for figures in run.results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
