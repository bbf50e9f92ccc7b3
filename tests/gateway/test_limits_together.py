"""Limits hold for all gateways together, on Postgres and a Redis over the network, and whoever of them is killed."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from gateway.store.limits import name_of
from gateway.tenancy.leases import RENEW_SECONDS
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, simulated_providers, simulated_settings
from tests.gateway.drawn import asked
from tests.gateway.household import LEASE, RESPOND_ASYNC, Household
from tests.gateway.processes import Process, Processes
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.tenants import MadeKey, bearing, made_key, make_key, make_team
from tests.gateway.until import until
from tests.gateway.valkey import Valkey
from tests.postgres import PostgresServer

QUICK = "vllm-omni/qwen-image"  # nothing of it stands in fal's queue


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(tmp_path_factory.mktemp("valkey"), network=True) as server:
        yield server


@pytest.fixture(scope="module")
def store(valkey: Valkey) -> Iterator[Any]:
    """A client of the Redis that they share; redis-py leaves too much untyped."""
    client: Any = redis.from_url(valkey.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def home(
    all_simulators: Simulators,
    postgres_server: PostgresServer,
    valkey: Valkey,
    store: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Household]:
    """A gateway beside the test, and others in processes of their own."""
    folder = tmp_path_factory.mktemp("limits")
    settings = simulated_settings(
        all_simulators,
        folder / "data",
        redis={"url": valkey.url},
        database={"url": postgres_server.new_database()},
        jobs={"lease": LEASE},
    )
    tables: dict[str, Any] = settings.model_dump(mode="json", exclude_unset=True)
    tables |= {"auth": {"admin_key": ADMIN_KEY}, "providers": simulated_providers(all_simulators)}
    with Processes(folder) as processes, RunningGateway(settings) as survivor:
        yield Household(tables, processes, survivor, store)


@pytest.fixture
def other(home: Household, simulators: Simulators) -> Process:
    assert not simulators.calls()
    return home.start()


def draw(gateway: RunningGateway | Process, key: str, *, at_once: bool = False, **body: Any) -> httpx.Response:
    headers = bearing(key) | (RESPOND_ASYNC if at_once else {})
    return gateway.http.post("/v1/images/generations", json=asked(**body), headers=headers)


def holders(store: Any, key: MadeKey) -> dict[bytes, float]:
    """Who has places of a key, until when."""
    return dict(store.zrange(name_of("concurrent", f"key:{key.id}"), 0, -1, withscores=True))


def seconds_pass(store: Any, key: MadeKey, seconds: float) -> None:
    """For those who have places of that key."""
    name = name_of("concurrent", f"key:{key.id}")
    for member, until_then in holders(store, key).items():
        store.zadd(name, {member: until_then - seconds * 1e6})


def test_two_hundred_at_once_against_ten_a_minute(
    home: Household, other: Process, simulators: Simulators, store: Any
) -> None:
    team = make_team(home.survivor, images_per_minute=20)["id"]
    key = make_key(home.survivor, team, requests_per_minute=10)
    gateways = [home.survivor, other]
    started = time.time()
    with ThreadPoolExecutor(50) as threads:
        drawing = [threads.submit(draw, gateways[number % 2], key, model=QUICK) for number in range(200)]
        answers = [each.result() for each in drawing]
    assert time.time() - started < 60 / 10, "one more fits after that"
    codes = [answer.status_code for answer in answers]
    assert (codes.count(200), codes.count(429)) == (10, 190)
    assert simulators.paid("vllm-omni") == 10
    left = draw(other, make_key(home.survivor, team), model=QUICK)
    assert left.headers["x-ratelimit-remaining-images"] in {"9", "10"}, "who was refused took nothing from the team"


def test_places_are_counted_over_both(home: Household, other: Process, simulators: Simulators, go_on: GoOn) -> None:
    key = made_key(home.survivor, max_concurrent_images=3)
    with ThreadPoolExecutor() as threads:
        drawing = [threads.submit(draw, gateway, key.text) for gateway in (home.survivor, other)]
        until(lambda: simulators.paid("fal") == 2)
        for gateway in (home.survivor, other):
            assert draw(gateway, key.text, n=2, model=QUICK).status_code == 429
            assert draw(gateway, key.text, n=1, model=QUICK).status_code == 200
        go_on()
        assert [each.result().status_code for each in drawing] == [200, 200]
    until(lambda: draw(other, key.text, n=3, model=QUICK).status_code == 200)


def test_places_of_a_killed_gateway_run_out(
    home: Household, other: Process, simulators: Simulators, store: Any, go_on: GoOn
) -> None:
    del go_on
    key = made_key(home.survivor, max_concurrent_images=1)
    assert draw(other, key.text, at_once=True).status_code == 202
    until(lambda: simulators.paid("fal") == 1)
    other.kill()
    assert draw(home.survivor, key.text, model=QUICK).status_code == 429
    seconds_pass(store, key, 55)
    assert draw(home.survivor, key.text, model=QUICK).status_code == 429
    seconds_pass(store, key, 10)
    assert draw(home.survivor, key.text, model=QUICK).status_code == 200


def test_who_goes_on_with_a_job_has_its_places(
    home: Household, other: Process, simulators: Simulators, store: Any, go_on: GoOn
) -> None:
    key = made_key(home.survivor, max_concurrent_images=2)
    job = draw(other, key.text, n=2, at_once=True)
    until(lambda: simulators.calls("fal", "status"))
    [*before] = holders(store, key)
    assert len(before) == 2
    other.kill()
    seconds_pass(store, key, 50)
    sooner = max(holders(store, key).values())
    home.take_up()
    until(lambda: min(holders(store, key).values()) > sooner + (50 - RENEW_SECONDS) * 1e6)
    assert sorted(holders(store, key)) == sorted(before), "the same, not others besides"
    assert draw(home.survivor, key.text, model=QUICK).status_code == 429
    go_on()
    told = home.survivor.http.get(job.headers["location"], params={"wait": 60}, headers=key.headers).json()
    assert told["status"] == "succeeded", told
    until(lambda: not holders(store, key))
    assert draw(home.survivor, key.text, n=2, model=QUICK).status_code == 200


def test_a_gateway_that_is_ended_leaves_its_places_with_its_jobs(
    home: Household, other: Process, simulators: Simulators, store: Any, go_on: GoOn
) -> None:
    key = made_key(home.survivor, max_concurrent_images=1)
    job = draw(other, key.text, at_once=True)
    until(lambda: simulators.calls("fal", "status"))
    other.send(signal.SIGTERM)
    other.wait()
    assert len(holders(store, key)) == 1
    assert draw(home.survivor, key.text, model=QUICK).status_code == 429
    home.take_up()
    go_on()
    told = home.survivor.http.get(job.headers["location"], params={"wait": 60}, headers=key.headers).json()
    assert told["status"] == "succeeded", told
    until(lambda: not holders(store, key))


def test_a_promise_that_waits_keeps_its_places_until_its_deadline(
    home: Household, simulators: Simulators, store: Any, go_on: GoOn
) -> None:
    assert not simulators.calls()
    full = home.start(jobs={"max_running": 1, "deadline": 3000})
    key = made_key(home.survivor, max_concurrent_images=2)
    assert [draw(full, key.text, at_once=True).status_code for _each in range(2)] == [202, 202]
    until(lambda: simulators.paid("fal") >= 1)
    left = sorted(until_then / 1e6 - time.time() for until_then in holders(store, key).values())
    assert 40 < left[0] <= 60
    assert 2900 < left[1] <= 3001 or left[1] <= 60, "unless the survivor has taken it up by now"
    go_on()
    until(lambda: not holders(store, key))
