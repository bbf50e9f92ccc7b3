"""Two gateways as on two machines: each has a folder of its own, and they share Postgres, Redis and the pictures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, simulated_settings
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.job_client import begun, ended, events, shown, streaming
from tests.gateway.running import RunningGateway
from tests.gateway.until import until
from tests.gateway.valkey import Valkey
from tests.postgres import PostgresServer

Pair = tuple[RunningGateway, RunningGateway]
SHARED = {
    "storage": {"signing_keys": ["the same on all machines"]},
    "secrets": {"key": "the same on all machines"},
    "server": {"public_url": "https://pictures.example.com"},
}


@pytest.fixture(scope="module")
def both(
    all_simulators: Simulators, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    home = tmp_path_factory.mktemp("machines")
    folders = [home / name for name in ("one", "other", "pictures", "redis")]
    for folder in folders:
        folder.mkdir()
    one, other, pictures, valkey = folders
    for machine in (one, other):  # as a mounted folder would be
        (machine / "images").symlink_to(pictures)
    with Valkey(valkey) as redis:
        shared = {
            **SHARED,
            "redis": {"url": redis.url},
            "database": {"url": postgres_server.new_database()},
            "jobs": {"lease": 1},
        }
        settings = [
            simulated_settings(
                all_simulators, machine, **shared | {"server": {**SHARED["server"], "data_dir": machine}}
            )
            for machine in (one, other)
        ]
        with RunningGateway(settings[0]) as first, RunningGateway(settings[1]) as second:
            yield first, second


@pytest.fixture
def pair(both: Pair, simulators: Simulators) -> Pair:
    assert not simulators.calls()
    return both[0].forget_trouble(), both[1].forget_trouble()


def in_flight(gateway: RunningGateway) -> int:
    """Requests that have come as far as its pipeline."""
    assert gateway.app.deps is not None
    return gateway.app.deps.gate.running


def test_equal_requests_at_both_are_one_paid_run(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    body = asked(seed=1, response_format="b64_json")
    with ThreadPoolExecutor() as threads:
        requests = [threads.submit(gateway.generate, body) for gateway in pair]
        until(lambda: simulators.paid("fal") == 1 and all(map(in_flight, pair)))
        go_on()
        answers = [request.result() for request in requests]
    assert sorted(answer.headers["x-easel-cache"] for answer in answers) == ["miss", "shared"]
    assert sorted(answer.headers["x-easel-cost"] for answer in answers) == ["0", "0.02"]
    assert len({content_of(served(answer)["data"][0]) for answer in answers}) == 1
    assert len(simulators.calls("fal", "submit")) == 1


def test_what_one_has_drawn_the_other_has_kept(pair: Pair, simulators: Simulators) -> None:
    body = asked(seed=1, n=2, response_format="url")
    first = served(pair[0].generate(body))
    again = pair[1].generate(body)
    assert (again.headers["x-easel-cache"], again.headers["x-easel-cost"]) == ("hit", "0")
    assert simulators.paid("fal") == 2
    for url, hit in zip(each(first, "url"), each(served(again), "url"), strict=True):
        pictures = [gateway.http.get(httpx.URL(link).raw_path.decode()) for gateway in pair for link in (url, hit)]
        assert [picture.status_code for picture in pictures] == [200] * 4, "a link is good at every gateway"
        assert len({picture.content for picture in pictures}) == 1


def test_an_idempotency_key_is_known_at_both(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    body, under = asked(response_format="b64_json"), {"idempotency-key": "a picture, once"}
    with ThreadPoolExecutor() as threads:
        requests = [threads.submit(gateway.generate, body, headers=under) for gateway in (*pair, *pair)]
        until(lambda: simulators.paid("fal") == 1)
        failed(pair[1].generate(body, headers=under, n=2), 422, "idempotency_mismatch")
        go_on()
        answers = [request.result() for request in requests]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 1
    assert sorted("idempotent-replayed" in answer.headers for answer in answers) == [False, True, True, True]
    assert len({content_of(served(answer)["data"][0]) for answer in answers}) == 1
    assert (len(simulators.calls("fal", "submit")), simulators.paid("fal")) == (1, 1)


def test_a_job_is_followed_to_its_end_where_it_does_not_run(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    job = begun(pair[0], asked(n=2))
    until(lambda: simulators.paid("fal") == 2)
    with streaming(pair[1], f"/v1/jobs/{job}/events") as stream:
        told = events(stream)
        before = [next(told).type for _each in range(2)]
        go_on()
        after = [event.type for event in told]
    assert (before, after) == (["accepted", "started"], ["image", "image", "finished"])
    assert ended(pair[1], job)["status"] == "succeeded"
    assert shown(pair[0], job) == shown(pair[1], job)


def test_a_job_is_cancelled_where_it_does_not_run(pair: Pair, simulators: Simulators, go_on: GoOn) -> None:
    del go_on
    job = begun(pair[0], asked())
    until(lambda: simulators.calls("fal", "status"))
    answer = pair[1].http.post(f"/v1/jobs/{job}/cancel")
    assert answer.status_code in {200, 202}, answer.text
    assert [ended(gateway, job)["status"] for gateway in pair] == ["cancelled", "cancelled"]
    assert len(simulators.calls("fal", "cancel")) == 1
