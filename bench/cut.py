"""`python -m bench.cut`: OpenAI's clients at their default settings behind a proxy that cuts every connection.

The proxy shares connections out to two gateways and cuts each at a certain age; a picture takes longer than that. All
requests go out at once: some are equal and without a seed, so that each is to bring a picture of its own. The exit
status says whether every request ended in a picture, and each picture was paid once.
"""

import argparse
import asyncio
import hashlib
import itertools
import json
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai

from bench.soak import Program, as_toml, tables
from bench.soak_clients import KEY
from simulators.running import Simulators
from tests.sdk.node import run_script

Body = dict[str, Any]


class Proxy:
    """TCP, to the gateways in turn; a connection that is `age` seconds old is cut on both sides."""

    def __init__(self, urls: Sequence[str], age: float) -> None:
        self._targets = itertools.cycle([urlsplit(url) for url in urls])
        self._age = age
        self.connections = 0
        self.cut = 0
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        async with server:
            yield

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        target = next(self._targets)
        back, forth = await asyncio.open_connection(target.hostname, target.port)
        try:
            async with asyncio.timeout(self._age):
                await asyncio.gather(pump(reader, forth), pump(back, writer))
        except TimeoutError:
            self.cut += 1
        except OSError:
            return
        finally:
            forth.transport.abort()
            writer.transport.abort()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


def drawn(url: str, body: Body) -> Body:
    """As `tests/sdk/parallel.cjs` tells it: how often it was sent, and its picture, or what was wrong."""
    sent = 0

    def count(_request: object) -> None:
        nonlocal sent
        sent += 1

    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY) as client:
        client._client.event_hooks = {"request": [count]}  # pyright: ignore[reportPrivateUsage] - to see what its retries hide
        generate: Any = client.images.generate  # its overloads know OpenAI's arguments only
        try:
            answer = generate(**body, response_format="b64_json")
        except openai.OpenAIError as error:
            return {"sent": sent, "error": f"{type(error).__name__}: {error}"}
    return {"sent": sent, "digests": [hashlib.sha256(image.b64_json.encode()).hexdigest() for image in answer.data]}


async def run(folder: Path, *, age: float, draw: float, requests: int) -> tuple[dict[str, Any], list[str]]:
    """Figures, and what is wrong."""
    with Simulators() as simulators:
        simulators.set_pace("fal", seconds_per_image=draw)
        config = folder / "easel.toml"
        url = f"sqlite:///{folder / 'easel.db'}"
        config.write_text(as_toml(tables(simulators, folder, url, "http://127.0.0.1:1", 10)))
        gateways = [Program(name, folder, config) for name in ("one", "other")]
        try:
            for gateway in gateways:
                await gateway.start()
            return await measure(Proxy([each.url for each in gateways], age), simulators, requests)
        finally:
            await asyncio.gather(*(gateway.end() for gateway in gateways))


async def measure(proxy: Proxy, simulators: Simulators, requests: int) -> tuple[dict[str, Any], list[str]]:
    began = time.monotonic()
    async with proxy.listening():
        told = [answer for answers in await asyncio.gather(*begun(proxy.url, requests)) for answer in answers]
    seconds = round(time.monotonic() - began, 1)
    errors = [each["error"] for each in told if "error" in each]
    digests = [digest for each in told for digest in each.get("digests", ())]
    paid = simulators.paid("fal")
    figures = {
        "requests": len(told),
        "pictures": len(digests),
        "different pictures": len(set(digests)),
        "paid": paid,
        "times a request was sent": sorted({each["sent"] for each in told}),
        "connections": proxy.connections,
        "cut": proxy.cut,
        "seconds": seconds,
    }
    if not len(told) == len(set(digests)) == paid:
        errors.append("not each picture once")
    return figures, errors


def begun(url: str, requests: int) -> list[Any]:
    """So many equal and so many different requests of each client, all at once."""

    def bodies(client: str) -> list[Body]:
        common = {"model": "fal/qwen-image", "size": "512x512"}
        equal = [{**common, "prompt": f"the same, by {client}"}] * requests
        return equal + [{**common, "prompt": f"number {number}, by {client}"} for number in range(requests)]

    async def python() -> list[Body]:
        return await asyncio.gather(*(asyncio.to_thread(drawn, url, body) for body in bodies("Python")))

    node = asyncio.to_thread(run_script, "parallel.cjs", f"{url}/v1", KEY, json.dumps(bodies("Node")))
    return [python(), node]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.cut", description=__doc__)
    parser.add_argument("--age", type=float, default=5.0, help="seconds after which a connection is cut")
    parser.add_argument("--draw", type=float, default=12.0, help="seconds that a picture takes")
    parser.add_argument(
        "--requests", type=int, default=3, help="equal ones, and as many different ones, of each client"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="easel-cut-") as folder:
        figures, wrong = asyncio.run(run(Path(folder), age=given.age, draw=given.draw, requests=given.requests))
    print(json.dumps(figures, indent=2))
    print("\n".join(f"BROKEN: {each}" for each in wrong) or "each request ended in a picture that was paid once")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
