"""Policies, the cap on calls, and parameters across a failover, through a gateway and the simulated providers."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.flow.routing import Routing
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start, simulated_providers
from tests.gateway.counted import counted
from tests.gateway.drawn import asked, each, failed, served
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.until import until

ROUTE = ["fal", "lumenfall", "vllm-omni"]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor


def routing_of(gateway: RunningGateway) -> Routing:
    assert gateway.app.deps is not None
    return gateway.app.deps.routing


def routed(start: Start, **route: Any) -> RunningGateway:
    return start(models={"qwen-image": {"route": ROUTE, **route}})


def priced(simulators: Simulators, **prices: float) -> dict[str, Any]:
    given = simulated_providers(simulators)
    for name, price in prices.items():
        given[name]["prices"] = {"qwen-image": {"per_image": price}}
    return given


def test_the_cheapest_draws_and_is_planned_and_estimated_first(start: Start, simulators: Simulators) -> None:
    gateway = start(
        providers=priced(simulators, fal=0.05, lumenfall=0.01),
        models={"qwen-image": {"route": ROUTE, "policy": "cheapest"}},
    )
    rows = gateway.http.post("/v1/images/plan", json=FOX).json()["candidates"]
    assert [row["provider"] for row in rows] == ["lumenfall", "fal", "vllm-omni"]  # vllm-omni's is not known
    dry = gateway.http.post("/v1/images/generations?dryRun=true", json=FOX).json()
    assert (dry["provider"], dry["total_cost_micros"]) == ("lumenfall", 10_000)
    assert simulators.calls() == []
    assert each(served(gateway.generate(asked(n=2))), "provider") == ["lumenfall"] * 2
    assert {call["provider"] for call in simulators.calls()} == {"lumenfall"}


def test_the_fastest_draws_after_each_was_tried(start: Start, simulators: Simulators) -> None:
    gateway = routed(start, policy="fastest")
    simulators.set_pace("fal", queue_seconds=0.3)
    first = [each(served(gateway.generate(asked())), "provider")[0] for _request in range(3)]
    assert first == ROUTE
    later = [each(served(gateway.generate(asked())), "provider")[0] for _request in range(3)]
    assert "fal" not in later


def test_a_changing_order_finds_what_is_known(start: Start, simulators: Simulators) -> None:
    gateway = routed(start, policy="weighted", weights={"vllm-omni": 0})
    routing_of(gateway).chance = random.Random(7)  # noqa: S311 - the same in every run
    bodies = [asked(seed=number, n=2) for number in range(10)]
    drew = [each(served(gateway.generate(body)), "provider") for body in bodies]
    assert {provider for pair in drew for provider in pair} == {"fal", "lumenfall"}
    assert all(len(set(pair)) == 1 for pair in drew)
    paid = simulators.paid("fal") + simulators.paid("lumenfall")
    again = [served(gateway.generate(body)) for body in bodies]
    assert [each(body, "provider") for body in again] == drew
    assert {outcome for body in again for outcome in each(body, "cache")} == {"hit"}
    assert simulators.paid("fal") + simulators.paid("lumenfall") == paid == 20


def test_identical_requests_share_a_run_whatever_their_order(
    start: Start, simulators: Simulators, threads: ThreadPoolExecutor, go_on: GoOn
) -> None:
    gateway = routed(start, policy="weighted")
    routing_of(gateway).chance = random.Random(7)  # noqa: S311 - the same in every run
    body = asked(seed=1)
    waiting = [threads.submit(gateway.generate, body) for _request in range(8)]
    go_on()
    providers = {each(served(request.result()), "provider")[0] for request in waiting}
    assert len(providers) == 1
    assert sum(simulators.paid(name) for name in ROUTE) == 1


def test_eight_calls_over_a_cap_of_two(
    start: Start, simulators: Simulators, threads: ThreadPoolExecutor, go_on: GoOn
) -> None:
    providers = simulated_providers(simulators)
    providers["fal"]["max_concurrency"] = 2
    gateway = start(providers=providers)
    request = threads.submit(gateway.generate, asked(n=8, seed=1))
    until(lambda: len(simulators.calls("fal", "status")) >= 2)  # the first two are accepted and followed
    assert len(simulators.calls("fal", "submit")) == 2
    assert counted(gateway, "easel_upstream_in_flight", provider="fal") == 2
    go_on()
    body = served(request.result())
    assert each(body, "provider") == ["fal"] * 8
    assert (len(simulators.calls("fal", "submit")), simulators.paid("fal")) == (8, 8)


@pytest.fixture
def full(start: Start, simulators: Simulators, threads: ThreadPoolExecutor, go_on: GoOn) -> Iterator[RunningGateway]:
    """A gateway whose only place at fal is taken, and that waits for none."""
    providers = simulated_providers(simulators)
    providers["fal"]["max_concurrency"] = 1
    gateway = start(providers=providers)
    places = routing_of(gateway).places
    places.patience = places.last_patience = 0.0
    request = threads.submit(gateway.generate, asked(model="fal/qwen-image"))
    until(lambda: simulators.calls("fal", "submit"))
    yield gateway
    go_on()
    served(request.result())


def test_who_finds_no_place_is_served_by_the_next(full: RunningGateway, simulators: Simulators) -> None:
    body = served(full.generate(asked(n=2)))
    assert each(body, "provider") == ["lumenfall"] * 2
    skipped = body["metadata"]["attempts"][0]
    assert (skipped["provider"], skipped["outcome"], skipped["images"]) == ("fal", "skipped", 0)
    assert "1 places stayed taken" in skipped["reason"]
    assert counted(full, "easel_upstream_skipped_total", provider="fal", reason="full") == 1
    assert len(simulators.calls("fal", "submit")) == 1


def test_with_no_place_anywhere_it_is_overloaded(full: RunningGateway, simulators: Simulators) -> None:
    answer = full.generate(asked(model="fal/qwen-image"))
    assert "nothing was sent" in failed(answer, 503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    assert "x-should-retry" not in answer.headers
    assert len(simulators.calls("fal", "submit")) == 1


def test_what_only_one_provider_knows_is_dropped_at_the_next_with_a_reason(
    easel: RunningGateway, simulators: Simulators
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 401, "times": -1}])
    body = served(easel.generate(asked(seed=1, use_turbo=True, fal={"acceleration": "high"})))
    assert each(body, "provider") == ["lumenfall"]
    [at_fal] = simulators.calls("fal", "submit")
    assert (at_fal["body"]["use_turbo"], at_fal["body"]["acceleration"]) == (True, "high")
    [elsewhere] = simulators.calls("lumenfall", "generate")
    assert {"use_turbo", "acceleration", "fal"}.isdisjoint(elsewhere["body"])
    rows = {row["given_as"]: row for row in body["metadata"]["parameters"]}
    assert {name: rows[name]["behavior"] for name in ("use_turbo", "fal")} == {"use_turbo": "dropped", "fal": "dropped"}
    assert rows["use_turbo"]["note"] == "only fal knows it"
    assert rows["fal"]["note"] == "used only when fal serves"
