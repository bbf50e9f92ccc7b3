"""200 requests at once, at two gateways, for a budget of exactly ten pictures: ten are drawn."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.conftest import NewUrl
from tests.gateway.conftest import everyone
from tests.gateway.household import Household, household
from tests.gateway.processes import Process, Processes
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, made_key, make_team

BODY = {"model": "fal/qwen-image", "prompt": "a fox", "size": "128x128", "cache": "off"}
ASKED, FIT = 200, 10
PRICE = 20_000  # micro-dollars


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(tmp_path_factory.mktemp("logs")) as forker:
        yield forker


@pytest.fixture(params=["sqlite", "postgres"])
def home(
    request: pytest.FixtureRequest,
    simulators: Simulators,
    processes: Processes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Household]:
    new_url: NewUrl = request.getfixturevalue(f"new_{request.param}")
    fal = {**everyone(simulators)["fal"], "prices": {"qwen-image": {"per_image": PRICE / 1_000_000}}}
    folder, providers = tmp_path_factory.mktemp("home"), {"fal": fal}
    with household(simulators, folder, processes, database=new_url(), providers=providers) as home:
        yield home


@pytest.fixture
def other(home: Household) -> Iterator[Process]:
    """The second gateway, in a process of its own."""
    gateway = home.start()
    yield gateway
    gateway.kill()


async def ask_all(urls: list[str], key: MadeKey) -> list[httpx.Response]:
    async with httpx.AsyncClient(timeout=120, limits=httpx.Limits(max_connections=ASKED), headers=key.headers) as http:  # noqa: TID251 - a client of the gateway's
        asking = [
            http.post(f"{urls[number % len(urls)]}/v1/images/generations", json={**BODY, "prompt": f"fox {number}"})
            for number in range(ASKED)
        ]
        return await asyncio.gather(*asking)


def race(home: Household, other: Process, simulators: Simulators) -> None:
    paid = simulators.paid("fal")
    budget: dict[str, Any] = {"budget_usd": FIT * PRICE / 1_000_000, "budget_period": "total"}
    team = make_team(home.survivor, **budget)["id"]
    key = made_key(home.survivor, team, **budget)
    answers = asyncio.run(ask_all([home.survivor.url, other.url], key))
    assert sorted(answer.status_code for answer in answers) == [200] * FIT + [429] * (ASKED - FIT)
    assert {answer.json()["error"]["code"] for answer in answers if answer.is_error} == {"insufficient_quota"}
    assert simulators.paid("fal") - paid == FIT
    assert sum(line["cost_micros"] for line in lines(home.survivor, team=team)) == FIT * PRICE
    assert purse(home.survivor, key.id) == purse(home.survivor, team) == (FIT * PRICE, 0)
    assert held_by_jobs(home.survivor) == 0


def test_ten_are_admitted(home: Household, other: Process, simulators: Simulators) -> None:
    race(home, other, simulators)


@pytest.mark.soak
def test_ten_are_admitted_every_time(home: Household, other: Process, simulators: Simulators) -> None:
    for _round in range(100):
        race(home, other, simulators)
