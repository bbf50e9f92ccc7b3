"""`python -m bench.soak`: jobs over two gateways, of which one is killed again and again, and what became of them.

Every job is asked for without waiting, under an idempotency key, with a webhook; some clients watch all events and
come back whenever their gateway dies. Nothing may be lost, and nothing paid twice. The exit status says whether it was.
"""

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from bench.soak_clients import KEY, SIGNING_KEY, Callers, Receiver, Watcher
from bench.soak_report import Findings, all_events, id_as_told, judge_events, judge_jobs, judge_webhooks, read_jobs
from gateway.store.database import Database, open_database
from simulators.running import Simulators

MODELS = {
    "runware": "runware/qwen-image",
    "civitai": "civitai/qwen-image",
    "fal": "fal/qwen-image",
    "replicate": "replicate/qwen-image",
    "openai": "openai/gpt-image-2",
}
END_SECONDS = 120.0  # within which everything is over after the last job was asked for


@dataclass(frozen=True)
class Plan:
    """`seconds` are those over which jobs are asked for and `kills` happen; `draw` is how long a picture takes.

    A gateway that was killed is away for `away` seconds. Every `flaky`th webhook is refused once.
    """

    jobs: int = 600
    kills: int = 10
    seconds: float = 90.0
    draw: float = 2.0
    away: float = 1.0
    flaky: int = 20
    providers: tuple[str, ...] = tuple(MODELS)


class Gateway(Protocol):
    """`start` returns when it serves, `kill` when it is dead; its address stays the same."""

    url: str

    async def start(self) -> None: ...

    async def kill(self) -> None: ...


def tables(simulators: Simulators, folder: Path, database: str, receiver: str, lease: float) -> dict[str, Any]:
    """The configuration that both gateways share."""
    addresses = {name: dict(simulators.addresses[name]) for name in MODELS}
    return {
        "server": {"data_dir": str(folder / "data")},
        "auth": {"admin_key": KEY},
        "database": {"url": database},
        "jobs": {"lease": lease},
        "storage": {"signing_keys": [SIGNING_KEY]},
        "delivery": {"own_origins": [receiver]},
        "providers": {name: {"api_key": address.pop("key"), **address} for name, address in addresses.items()},
    }


@dataclass(frozen=True)
class Place:
    """What a soak happens in; both gateways run, on that database."""

    steady: Gateway
    mortal: Gateway
    simulators: Simulators
    receiver: Receiver
    database: Database


async def soak(plan: Plan, at: Place) -> Findings:
    steady, mortal, simulators = at.steady.url, at.mortal.url, at.simulators
    for provider in plan.providers:
        simulators.set_pace(provider, seconds_per_image=plan.draw)
    findings = Findings()
    began = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        watchers = [Watcher(session, urls) for urls in ((mortal,), (mortal, steady), (steady,))]
        async with watching(watchers):
            callers = Callers(session, (steady, mortal))
            await asyncio.gather(ask_for_all(plan, callers, at.receiver), kill_and_start(plan, at.mortal))
            await until_over(plan, at.receiver, at.database)
            events = await all_events(at.database)
            await asyncio.gather(*(watcher.wait_for(id_as_told(events[-1]), 10) for watcher in watchers))
    kept = await at.database.read(read_jobs)
    paid = {provider: simulators.paid(provider) for provider in plan.providers}
    judge_jobs(findings, kept, callers, paid)
    judge_events(findings, events, watchers)
    judge_webhooks(findings, kept, at.receiver)
    findings.figures["seconds"] = round(time.monotonic() - began, 1)
    return findings


async def ask_for_all(plan: Plan, callers: Callers, receiver: Receiver) -> None:
    """In even steps, each in its turn at one gateway and the other, and over all providers."""
    async with asyncio.TaskGroup() as group:
        for number in range(plan.jobs):
            provider = plan.providers[number % len(plan.providers)]
            seed = {} if provider == "openai" else {"seed": number}  # it knows none
            body = {"model": MODELS[provider], "prompt": f"soak {number}", "webhook_url": f"{receiver.url}/", **seed}
            group.create_task(callers.ask(number, body))
            await asyncio.sleep(plan.seconds / plan.jobs)


async def kill_and_start(plan: Plan, gateway: Gateway) -> None:
    for _time in range(plan.kills):
        await asyncio.sleep(plan.seconds / plan.kills - plan.away)
        await gateway.kill()
        await asyncio.sleep(plan.away)
        await gateway.start()


async def until_over(plan: Plan, receiver: Receiver, database: Database) -> None:
    """Until each job has ended and its webhook has come, or there is no hope any more."""
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until:
        kept = await database.read(read_jobs)
        if len(kept) == plan.jobs and all(each.row.finished for each in kept) and len(receiver.ids) >= plan.jobs:
            return
        await asyncio.sleep(0.5)


@asynccontextmanager
async def watching(watchers: Sequence[Watcher]) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(watcher.watch()) for watcher in watchers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Program:
    """`easel serve` on a port of its own."""

    def __init__(self, name: str, folder: Path, config: Path) -> None:
        self._log = folder / f"{name}.log"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._command = [str(Path(sys.executable).with_name("easel")), "serve", "--config", str(config)]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, "--port", str(self._port), stdout=log, stderr=subprocess.STDOUT
            )
        async with aiohttp.ClientSession() as session:
            while self._process.returncode is None:
                try:
                    async with session.get(f"{self.url}/readyz"):
                        return
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        raise RuntimeError(self._log.read_text()[-2000:])

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()


async def run(plan: Plan, folder: Path, database_url: str, lease: float) -> Findings:
    url = f"sqlite:///{folder / 'easel.db'}" if database_url == "sqlite" else database_url
    with Simulators() as simulators:
        async with Receiver(plan.flaky) as receiver:
            config = folder / "easel.toml"
            config.write_text(as_toml(tables(simulators, folder, url, receiver.url, lease)))
            steady, mortal = Program("steady", folder, config), Program("mortal", folder, config)
            try:
                await steady.start()
                await mortal.start()
                database = open_database(url, folder)
                findings = await soak(plan, Place(steady, mortal, simulators, receiver, database))
                await database.close()
            finally:
                await asyncio.gather(steady.end(), mortal.end())
            return findings


def as_toml(tables: dict[str, Any]) -> str:
    """Two levels of tables, whose values JSON and TOML write alike."""
    lines: list[str] = []
    for name, table in tables.items():
        inner: dict[str, dict[str, Any]] = {key: value for key, value in table.items() if isinstance(value, dict)}
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items() if key not in inner)]
        for key, values in inner.items():
            lines += [f"[{name}.{key}]", *(f"{each} = {json.dumps(value)}" for each, value in values.items())]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=Plan.jobs)
    parser.add_argument("--kills", type=int, default=Plan.kills)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="over which they are asked for")
    parser.add_argument("--lease", type=float, default=3.0, help="[jobs] lease of both gateways")
    parser.add_argument("--database", default="sqlite", help="sqlite, or the URL of an empty Postgres")
    parser.add_argument("--providers", default=",".join(MODELS), help="which the jobs are shared out to, in turn")
    given = parser.parse_args()
    plan = Plan(given.jobs, given.kills, given.seconds, providers=tuple(given.providers.split(",")))
    with tempfile.TemporaryDirectory(prefix="easel-soak-") as folder:
        findings = asyncio.run(run(plan, Path(folder), given.database, given.lease))
    print(json.dumps(findings.figures, indent=2))
    print("\n".join(f"BROKEN: {promise}" for promise in findings.broken) or "every promise was kept")
    return 1 if findings.broken else 0


if __name__ == "__main__":
    sys.exit(main())
