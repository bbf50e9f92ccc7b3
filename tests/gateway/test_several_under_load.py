"""Two processes under load, on an empty Postgres and a Redis: what is accepted is answered, and paid once."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from simulators.running import Simulators
from tests.cli.running import ADMIN_KEY, Served, served
from tests.cli.several import lives, open_sockets, servers
from tests.gateway.conftest import GoOn
from tests.gateway.drawn import asked
from tests.gateway.test_two_gateways import provider_environment
from tests.gateway.until import until
from tests.gateway.valkey import Valkey
from tests.postgres import PostgresServer

TOGETHER = 200


@pytest.fixture
def several(simulators: Simulators, postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "redis").mkdir()
    with Valkey(tmp_path / "redis") as redis:
        environment = {
            **provider_environment(simulators),
            "EASEL_PROVIDERS__FAL__MAX_CONCURRENCY": str(TOGETHER),
            "EASEL_DATABASE__URL": postgres_server.new_database(),
            "EASEL_REDIS__URL": redis.url,
            "EASEL_JOBS__LEASE": "1",
        }
        with served(tmp_path / "data", "--processes", "2", env=environment) as running:
            yield running


def submitted(simulators: Simulators) -> int:
    return len(simulators.calls("fal", "submit"))


def followed(simulators: Simulators) -> set[str]:
    """Calls whose tickets are written down: they have been asked about."""
    return {call["path"] for call in simulators.calls("fal", "status")}


async def takes_nobody(client: httpx.AsyncClient) -> bool:  # noqa: TID251 - a client of the gateway's
    """Whether a new connection is refused; one that was idle, or accepted just now, may be closed before it is
    answered."""
    try:
        await client.get("/healthz")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False
    return False


async def until_then(condition: Any) -> None:
    await asyncio.to_thread(until, condition)


async def test_sigterm_with_200_requests_in_flight(several: Served, simulators: Simulators, go_on: GoOn) -> None:
    children = servers(several)
    limits, headers = httpx.Limits(max_connections=None), {"authorization": f"Bearer {ADMIN_KEY}"}
    async with httpx.AsyncClient(base_url=several.url, limits=limits, headers=headers, timeout=60) as client:  # noqa: TID251 - a client of the gateway's
        answers = [
            asyncio.create_task(client.post("/v1/images/generations", json=asked(response_format="b64_json")))
            for _each in range(TOGETHER)
        ]
        await until_then(lambda: submitted(simulators) == TOGETHER)
        assert all(open_sockets(child) > TOGETHER // 4 for child in children), "both have their share"
        several.process.send_signal(signal.SIGTERM)
        while not await takes_nobody(client):
            pass
        go_on()
        ended = await asyncio.gather(*answers)
    assert [answer.status_code for answer in ended] == [200] * TOGETHER
    assert len({answer.json()["data"][0]["b64_json"] for answer in ended}) == TOGETHER
    assert (submitted(simulators), simulators.paid("fal")) == (TOGETHER, TOGETHER)
    assert await asyncio.to_thread(several.process.wait, 30) == 0
    assert not any(map(lives, children))


async def test_a_process_is_killed_under_load(several: Served, simulators: Simulators, go_on: GoOn) -> None:
    """OpenAI's client tries again by itself, and meets its job at the process that is left."""
    many = 30
    bodies = [asked(response_format="b64_json") for _each in range(many)]
    async with openai.AsyncOpenAI(base_url=f"{several.url}/v1", api_key=ADMIN_KEY, max_retries=4) as client:
        generate: Any = client.images.generate  # its overloads know OpenAI's arguments only
        answers = [asyncio.create_task(generate(**body)) for body in bodies]
        await until_then(lambda: len(followed(simulators)) == many)
        os.kill(servers(several)[0], signal.SIGKILL)
        go_on()
        ended = await asyncio.gather(*answers)
    assert len({answer.data[0].b64_json for answer in ended}) == many
    assert (submitted(simulators), simulators.paid("fal")) == (many, many)
