"""A worker of the tests, in this process over a real socket."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvicorn

from tests.workers.stepwise import Stepwise
from workers.engine import Engine
from workers.loras.resolver import Loras
from workers.server import Worker


def events(text: str) -> list[tuple[str, Any]]:
    """Server-sent events as names and data."""
    lines = [block.split("\n") for block in text.strip().split("\n\n") if not block.startswith(":")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


@dataclass
class Served:
    """A worker that listens."""

    url: str
    worker: Worker
    http: aiohttp.ClientSession

    async def post(self, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Asks for pictures; the status and the JSON."""
        async with self.http.post("/v1/images/generations", json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(path) as answer:
            return answer.status, await answer.json()

    async def delete(self, job: str) -> tuple[int, Any]:
        async with self.http.delete(f"/v1/jobs/{job}") as answer:
            return answer.status, await answer.json()

    async def events(self, body: Mapping[str, object]) -> list[tuple[str, Any]]:
        """The whole stream: names and data of its events."""
        async with self.http.post("/v1/images/generations", json={**body, "stream": True}) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "text/event-stream"
            return events(await answer.text())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something inside the worker; the test's own timeout is the limit."""
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - it is another thread's plain attribute
                await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serve(
    engine: Engine,
    *,
    waiting: int = 16,
    key: str | None = None,
    loras: Loras | None = None,
    stuck_seconds: float = 600,
) -> AsyncGenerator[Served]:
    worker = Worker(engine, waiting=waiting, key=key, loras=loras, stuck_seconds=stuck_seconds)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(worker.app, log_config=None, lifespan="on"))
        serving = asyncio.create_task(server._serve([listener]))  # pyright: ignore[reportPrivateUsage] - without its signal handlers
        try:
            async with asyncio.timeout(20):
                while not server.started:  # noqa: ASYNC110 - uvicorn has a flag only
                    await asyncio.sleep(0.002)
            async with aiohttp.ClientSession(url) as http:
                yield Served(url, worker, http)
        finally:
            if isinstance(engine, Stepwise):
                engine.let_go()
            server.should_exit = True
            await serving
