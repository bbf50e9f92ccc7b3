"""Who uses the gateways of a soak: callers who insist, clients that watch events, a receiver of webhooks."""

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from aiohttp import web

from gateway.jobs.event_ids import BEGINNING

KEY = "soak-key"
SIGNING_KEY = "a key of the soak's own"  # by which it knows the ids of events
MOST_LATE = 100  # events that may come after the one that is waited for
HEADERS = {"authorization": f"Bearer {KEY}"}
PAUSE = 0.1  # seconds before anybody comes back to a gateway that did not answer
PATIENCE = aiohttp.ClientTimeout(total=30, connect=2)


@dataclass
class Callers:
    """Each asks for one job under a key of its own, at one gateway after the other until one has taken it."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    jobs: dict[str, str] = field(default_factory=dict[str, str])  # by their idempotency key
    tries: int = 0

    async def ask(self, number: int, body: dict[str, Any]) -> None:
        key = f"soak-{number}"
        headers = {**HEADERS, "prefer": "respond-async", "idempotency-key": key}
        for turn in itertools.count(number):
            self.tries += 1
            url = f"{self.urls[turn % len(self.urls)]}/v1/images/generations"
            try:
                async with self.session.post(url, json=body, headers=headers, timeout=PATIENCE) as answer:
                    told = await answer.json()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(PAUSE)
                continue
            if answer.status == 503:
                await asyncio.sleep(PAUSE)
                continue
            if answer.status in (200, 202, 502):  # over already, begun, or over without a picture
                self.jobs[key] = answer.headers["x-request-id"]
                return
            raise AssertionError(f"{answer.status}: {told}")


@dataclass
class Watcher:
    """Listens to all that happens, at one gateway after the other, each time from where it left off."""

    session: aiohttp.ClientSession
    urls: Sequence[str]
    seen: list[str] = field(default_factory=list[str])
    connections: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Until it is cancelled."""
        for turn in itertools.count():
            try:
                await self._listen(self.urls[turn % len(self.urls)])
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                await asyncio.sleep(PAUSE)

    async def _listen(self, url: str) -> None:
        headers = {**HEADERS, "last-event-id": self.seen[-1] if self.seen else BEGINNING}
        timeout = aiohttp.ClientTimeout(total=None, connect=2, sock_read=60)
        async with self.session.get(f"{url}/v1/events", headers=headers, timeout=timeout) as answer:
            answer.raise_for_status()
            self.connections += 1
            async for line in answer.content:
                name, _colon, value = line.decode().strip().partition(": ")
                if name == "id":
                    self.seen.append(value)
                    self._came.set()

    async def wait_for(self, id: str, seconds: float) -> None:
        """Until it has seen that one, or so many seconds are over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while id not in self.seen[-MOST_LATE:]:
                    self._came.clear()
                    await self._came.wait()


class Receiver:
    """Takes webhooks; every `flaky`th message is refused the first time it comes."""

    def __init__(self, flaky: int = 0) -> None:
        self.ids: dict[str, list[str]] = defaultdict(list)  # of the messages about each job
        self.url = ""
        self._flaky = flaky
        self._refused: set[str] = set()
        application = web.Application()
        application.router.add_post("/", self._take)
        self._runner = web.AppRunner(application, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        id = request.headers["webhook-id"]
        told = await request.json()
        first = id not in self._refused
        if self._flaky and first and (len(self.ids) + 1) % self._flaky == 0:
            self._refused.add(id)
            return web.Response(status=500)
        self.ids[told["data"]["id"]].append(id)
        return web.Response(status=204)
