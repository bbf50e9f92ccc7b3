"""A Postgres that goes away between the hold and the end: what is held is settled when it is back, once."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from simulators.running import Simulators
from tests.conftest import make_tables
from tests.gateway.conftest import simulated_settings
from tests.gateway.drawn import asked, failed, served
from tests.gateway.running import RunningGateway
from tests.gateway.spent import held_by_jobs, lines, purse
from tests.gateway.tenants import MadeKey, made_key
from tests.gateway.test_budget_edges import REPLICATES, priced_providers
from tests.gateway.test_budgets import CHEAP
from tests.gateway.until import until
from tests.postgres import PostgresServer


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """One that may be stopped: others use theirs."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def priced(
    all_simulators: Simulators, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    url = postgres.new_database()
    make_tables(url)
    settings = simulated_settings(
        all_simulators,
        tmp_path_factory.mktemp("priced"),
        database={"url": url},
        providers=priced_providers(all_simulators),
        models={"qwen-image": {"route": ["fal", "replicate"]}},
    )
    with RunningGateway(settings) as gateway:
        yield gateway


@pytest.fixture
def gateway(priced: RunningGateway, simulators: Simulators) -> RunningGateway:
    assert not simulators.calls()
    return priced.forget_trouble()


@pytest.fixture
def key(gateway: RunningGateway) -> MadeKey:
    made = made_key(gateway, budget_usd=0.07)
    assert gateway.http.get("/v1/models", headers=made.headers).status_code == 200  # it is known for half a second
    return made


def settled(gateway: RunningGateway, key: MadeKey, spent: int) -> None:
    until(lambda: held_by_jobs(gateway) == 0)
    assert purse(gateway, key.id) == (spent, 0)
    assert sum(line["cost_micros"] for line in lines(gateway, team=key.team)) == spent


def ask(gateway: RunningGateway, key: MadeKey, **body: Any) -> Any:
    return gateway.generate(asked(cache="off", **body), headers=key.headers)


def begins(gateway: RunningGateway, key: MadeKey, n: int) -> Future[Any]:
    """A request that is answered as soon as somebody looks."""
    answer: Future[Any] = Future()

    def run() -> None:
        answer.set_result(ask(gateway, key, model="replicate/qwen-image", n=n))

    threading.Thread(target=run, daemon=True).start()
    return answer


@pytest.mark.parametrize("n", [1, 2])
def test_what_was_held_before_is_settled_after(
    gateway: RunningGateway, simulators: Simulators, postgres: PostgresServer, key: MadeKey, n: int
) -> None:
    """Of two calls, one after the other, both are held with the first; the second cannot be written: it is not sent."""
    simulators.set_pace("replicate", queue_seconds=3600)
    waiting = begins(gateway, key, n)
    until(lambda: simulators.calls("replicate", "status"))
    assert purse(gateway, key.id) == (0, n * REPLICATES)
    postgres.stop()
    simulators.set_pace("replicate")
    assert waiting.result().status_code == {1: 200, 2: 502}[n]
    postgres.start()
    settled(gateway, key, REPLICATES)
    assert simulators.paid("replicate") == 1


def test_nothing_is_held_for_what_could_not_be_written(
    gateway: RunningGateway, simulators: Simulators, postgres: PostgresServer, key: MadeKey
) -> None:
    served(ask(gateway, key, model="fal/qwen-image"))
    postgres.stop()
    failed(ask(gateway, key, model="fal/qwen-image"), 503, "overloaded")
    postgres.start()
    until(lambda: ask(gateway, key, model="fal/qwen-image").status_code == 200)
    settled(gateway, key, 2 * CHEAP)
    assert simulators.paid("fal") == 2
