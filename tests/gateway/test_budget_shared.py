"""A budget is its key's, whoever else asks for the same at the same moment, at this gateway or at another."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, simulated_providers, simulated_settings
from tests.gateway.drawn import asked, each, served
from tests.gateway.running import RunningGateway
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, made_key, make_team
from tests.gateway.test_budgets import CHEAP, DEAR, PRICES, refused
from tests.gateway.test_two_gateways import running, waits
from tests.gateway.until import until

Pair = tuple[RunningGateway, RunningGateway]
AWAY = [{"provider": "fal", "on": "submit", "effect": "status", "status": 503, "times": -1}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("both")


@pytest.fixture(scope="module")
def two(all_simulators: Simulators, home: Path) -> Iterator[Pair]:
    """On one data_dir."""
    providers = {
        name: {**provider, **({"prices": PRICES[name]} if name in PRICES else {})}
        for name, provider in simulated_providers(all_simulators).items()
    }
    settings = simulated_settings(all_simulators, home, providers=providers)
    with RunningGateway(settings) as one, RunningGateway(settings) as other:
        yield one, other


@pytest.fixture
def pair(two: Pair, simulators: Simulators) -> Pair:
    assert not simulators.calls()
    return two[0].forget_trouble(), two[1].forget_trouble()


@pytest.fixture
def store(home: Path) -> Iterator[Any]:
    client: Any = redis.Redis(unix_socket_path=str(home / "valkey" / "valkey.sock"))
    yield client
    client.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as pool:
        yield pool


def ask(gateway: RunningGateway, key: MadeKey, body: dict[str, Any], **headers: str) -> httpx.Response:
    return gateway.generate(body, headers={**key.headers, **headers})


def begins(
    threads: ThreadPoolExecutor, gateway: RunningGateway, key: MadeKey, body: dict[str, Any]
) -> Future[httpx.Response]:
    before = running(gateway)
    asking = threads.submit(ask, gateway, key, body)
    until(lambda: running(gateway) > before or asking.done())
    return asking


@pytest.mark.parametrize("where", ["here", "there"])
def test_who_waited_for_one_whose_budget_was_spent_tries_with_his_own(
    pair: Pair, simulators: Simulators, threads: ThreadPoolExecutor, store: Any, where: str
) -> None:
    """The leader may ask the cheap provider alone, which is away; the follower's key may ask the dear one."""
    first, second = pair[0], pair[0] if where == "here" else pair[1]
    team = make_team(first)["id"]
    poor, rich = made_key(first, team, budget_usd=0.03), made_key(first, team, budget_usd=1)
    body = asked(prompt=f"poor and rich {where}", seed=9, cache="seeded")
    simulators.set_faults([{**AWAY[0], "effect": "delay", "seconds": 0.4, "times": 1}, *AWAY])
    leading = begins(threads, first, poor, body)
    until(lambda: simulators.calls("fal", "submit"))
    following = begins(threads, second, rich, body)
    until(lambda: where == "here" or waits(store) or following.done())
    refused(leading.result())
    answer = served(following.result())
    assert (answer["metadata"]["provider"], each(answer, "cache")) == ("lumenfall", ["miss"])
    assert simulators.paid("lumenfall") == 1
    assert (purse(first, poor.id), purse(first, rich.id)[1]) == ((0, 0), 0)
    assert held_by_jobs(first) == 0


def test_exactly_as_many_as_it_allows_over_two_gateways(
    pair: Pair, simulators: Simulators, threads: ThreadPoolExecutor
) -> None:
    key = made_key(pair[0], budget_usd=0.2, budget_period="day")
    simulators.set_pace("fal", queue_seconds=0.3)
    asking = [
        threads.submit(ask, pair[number % 2], key, asked(prompt=f"one of many {number}", cache="off"))
        for number in range(40)
    ]
    assert sorted(each.result().status_code for each in asking) == [200] * 10 + [429] * 30
    assert simulators.paid("fal") == 10
    assert purse(pair[0], key.id) == (10 * CHEAP, 0)
    assert sum(line["cost_micros"] for line in lines(pair[1], team=key.team)) == 10 * CHEAP


def test_equal_requests_over_two_gateways_are_paid_by_one_key(
    pair: Pair, simulators: Simulators, threads: ThreadPoolExecutor, go_on: GoOn, store: Any
) -> None:
    team = make_team(pair[0], budget_usd=0.02)["id"]
    one, other = made_key(pair[0], team), made_key(pair[0], team, budget_usd=0)
    body = asked(prompt="drawn for both", seed=12, cache="seeded")
    leading = begins(threads, pair[0], one, body)
    until(lambda: simulators.calls("fal", "submit"))
    following = [begins(threads, gateway, other, body) for gateway in (*pair, pair[1])]
    until(lambda: waits(store))
    go_on()
    told = [served(each.result())["metadata"] for each in (leading, *following)]
    assert [each["cost"] for each in told] == [0.02, 0, 0, 0]
    assert simulators.paid("fal") == 1
    assert (purse(pair[0], team), purse(pair[0], other.id)) == ((CHEAP, 0), (0, 0))
    for gateway in pair:
        lines(gateway)
    kinds = sorted(line["kind"] for line in lines(pair[0], team=team))
    assert kinds == ["cached", "cached", "cached", "drawn"]


def test_one_key_of_idempotency_at_two_gateways_is_one_payment(
    pair: Pair, simulators: Simulators, threads: ThreadPoolExecutor
) -> None:
    key = made_key(pair[0], budget_usd=0.02)
    body = asked(prompt="once", cache="off")
    header = {"idempotency-key": f"once {key.id}"}
    asking = [threads.submit(ask, gateway, key, body, **header) for gateway in (*pair, *pair)]
    assert [served(each.result())["metadata"]["cost"] for each in asking] == [0.02] * 4
    assert simulators.paid("fal") == 1
    assert purse(pair[0], key.id) == (CHEAP, 0)


def test_a_failover_to_the_dearer_one_is_refused_to_those_for_whom_it_is_too_much(
    pair: Pair, simulators: Simulators, threads: ThreadPoolExecutor
) -> None:
    """Ten at once hold 0.02 each of 0.3; the dearer provider would take 0.05: there is room for six top-ups at most."""
    key = made_key(pair[0], budget_usd=0.3)
    simulators.set_faults(AWAY)
    simulators.set_pace("lumenfall", queue_seconds=0.3)
    asking = [
        threads.submit(ask, pair[number % 2], key, asked(prompt=f"dearer {number}", cache="off"))
        for number in range(10)
    ]
    statuses = sorted(each.result().status_code for each in asking)
    passed = statuses.count(200)
    assert statuses == [200] * passed + [429] * (10 - passed)
    assert simulators.paid("lumenfall") == passed
    spent, held = purse(pair[0], key.id)
    assert (spent, held) == (sum(line["cost_micros"] for line in lines(pair[0], team=key.team)), 0)
    assert spent <= 300_000
    assert passed * DEAR >= 300_000 - 10 * CHEAP, "what was held for those that failed is free for others"
