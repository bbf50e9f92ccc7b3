"""n = 4 over each provider's protocol: what the gateway adds to the time that the provider itself takes.

The stand-ins say when they were answering a request; together with the time for which a job is drawn after its
submission that is the provider's own time. What is left of the caller's waiting is the gateway's: polling that comes
too late, round trips, pictures being fetched and kept.
"""

import json
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from time import perf_counter
from typing import Any

from bench.measure import WrongAnswer
from bench.proc import pinned
from bench.scenarios import Figures
from bench.servers import KEY, Server, started

DRAWING = 0.2  # seconds for which each call is drawn, whatever it asks for
PICTURES = 4
FIRST_SEED = 1_000_000
MODELS = {
    "fal": "qwen-image",
    "replicate": "qwen-image",
    "alibaba": "qwen-image-plus",
    "runware": "qwen-image",
    "civitai": "qwen-image",
    "oxen": "qwen-image",
    "lumenfall": "qwen-image",
    "openai": "gpt-image-2",
}
STARTS = {"submit", "generate"}  # the steps with which a drawing begins

Span = tuple[float, float]


class Providers:
    """The stand-ins in a process of their own; `addresses` as `easel simulate` tells them."""

    def __init__(self, addresses: dict[str, dict[str, str]]) -> None:
        self.addresses = addresses
        self.port = int(addresses["fal"]["base_url"].split("/")[2].rpartition(":")[2])

    def control(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, f"/_control/{path}", json.dumps(body) if body else None)
        answer = connection.getresponse()
        told = answer.read()
        return json.loads(told) if told else None

    def own_seconds(self) -> float:
        """How long somebody was drawing or answering since the last time this was asked."""
        spans: list[Span] = []
        for _provider, step, began, ended in self.control("GET", "spans"):
            spans.append((began, max(ended, began + DRAWING) if step in STARTS else ended))
        return covered(spans)


def covered(spans: Iterable[Span]) -> float:
    """The time during which at least one of these went on."""
    total, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


@contextmanager
def providers(core: int) -> Generator[Providers]:
    easel = str(Path(sys.executable).with_name("easel"))
    with pinned(core):
        program = Popen([easel, "simulate", "--port", "0"], stdout=PIPE)
    try:
        line = program.stdout.readline() if program.stdout else b""
        yield Providers(json.loads(line))
    finally:
        program.terminate()
        program.wait(10)


@contextmanager
def gateway(asked: Providers, core: int, folder: Path) -> Generator[Server]:
    """With the storage as everybody has it: pictures are fetched and kept."""
    config = folder / "protocols.toml"
    lines = [f'[server]\ndata_dir = "{folder / "protocols"}"\n[auth]\nadmin_key = "{KEY}"']
    for slug in MODELS:
        address = dict(asked.addresses[slug])
        lines.append(f'[providers.{slug}]\napi_key = "{address.pop("key")}"')
        lines += [f'{name} = "{url}"' for name, url in address.items()]
    config.write_text("\n".join(lines))
    easel = str(Path(sys.executable).with_name("easel"))
    with started("protocols", [easel, "serve", "--config", str(config), "--port", "0"], core, folder) as server:
        yield server


def measure(asked: Providers, server: Server, repeats: int) -> Figures:
    """Milliseconds at the median that four pictures take longer than the provider does, for each protocol."""
    figures = Figures(f"n={PICTURES} over each protocol, {DRAWING * 1000:.0f} ms a call: what the gateway adds")
    for slug, model in MODELS.items():
        asked.control("POST", "pace", {"provider": slug, "queue_seconds": DRAWING})
        added = [
            1000 * added_seconds(asked, server, f"{slug}/{model}", FIRST_SEED + 10 * turn) for turn in range(repeats)
        ]
        figures.put(f"added p50 ms, {slug}", "gateway", median(added[1:]))
    return figures


def added_seconds(asked: Providers, server: Server, model: str, seed: int) -> float:
    """Raises WrongAnswer unless all pictures come."""
    asked.own_seconds()
    body = {"model": model, "prompt": "a lighthouse at dusk", "n": PICTURES, "cache": "off"}
    if not model.startswith("openai/"):
        body["seed"] = seed
    began = perf_counter()
    status, answer = post(server, body)
    took = perf_counter() - began
    if status != 200 or len(answer["data"]) != PICTURES:
        raise WrongAnswer(f"{model} answered {status}: {str(answer)[:300]}")
    return took - asked.own_seconds()


def post(server: Server, body: dict[str, Any]) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    head = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection.request("POST", "/v1/images/generations", json.dumps(body), head)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def figures_of(cores: Sequence[int], folder: Path, repeats: int) -> Figures:
    server_core, load_core = cores
    with providers(load_core) as asked, gateway(asked, server_core, folder) as server:
        return measure(asked, server, repeats)
