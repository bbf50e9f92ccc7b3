"""Several gateways over one store share what they know and what they draw; one that dies takes nothing along."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from gateway.store.runs import RELEASED, lease_ms
from simulators.running import Simulators
from tests.cli.running import Served
from tests.cli.running import served as easel_serve
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.job_client import ended
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until

LEASE = 1  # seconds


@pytest.fixture
def pair(start: Start, tmp_path: Path) -> tuple[RunningGateway, RunningGateway]:
    """Two gateways on one data_dir: the first runs the store, the second joins it."""
    return start(data_dir=tmp_path / "both"), start(data_dir=tmp_path / "both")


def running(gateway: RunningGateway) -> int:
    assert gateway.app.deps is not None
    return gateway.app.deps.gate.running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    """A client of the store that the gateways share; redis-py leaves too much untyped."""
    client: Any = redis.Redis(unix_socket_path=str(tmp_path / "both" / "valkey" / "valkey.sock"))
    yield client
    client.close()


def waits(store: Any) -> bool:
    """Whether a gateway listens for the end of another's run."""
    return store.pubsub_numsub(RELEASED)[0][1] > 0


def in_background(gateway: RunningGateway, threads: ThreadPoolExecutor, body: dict[str, Any]) -> Future[httpx.Response]:
    """A request that has come as far as the gateway's pipeline."""
    before = running(gateway)
    request = threads.submit(gateway.generate, body)
    until(lambda: running(gateway) > before or request.done())
    return request


def test_they_share_a_run(
    pair: tuple[RunningGateway, RunningGateway], simulators: Simulators, go_on: GoOn, store: Any
) -> None:
    body = asked(seed=1, n=2)
    with ThreadPoolExecutor() as threads:
        first = in_background(pair[0], threads, body)
        until(lambda: simulators.paid("fal") == 2)
        second = in_background(pair[1], threads, body)
        third = in_background(pair[1], threads, body)
        until(lambda: waits(store))
        go_on()
        answers = [request.result() for request in (first, second, third)]
    assert [answer.headers["x-easel-cache"] for answer in answers] == ["miss", "shared", "shared"]
    assert [answer.headers["x-easel-cost"] for answer in answers] == ["0.04", "0", "0"]
    assert each(served(answers[1]), "cache") == ["shared", "shared"]
    assert simulators.paid("fal") == 2
    contents = [[content_of(image) for image in served(answer)["data"]] for answer in answers]
    assert contents[0] == contents[1] == contents[2]


def test_what_was_known_before_the_wait_is_a_hit(
    pair: tuple[RunningGateway, RunningGateway], simulators: Simulators, go_on: GoOn, store: Any
) -> None:
    body = asked(seed=1)
    go_on()
    served(pair[0].generate(body))
    simulators.set_pace("fal", queue_seconds=3600)
    with ThreadPoolExecutor() as threads:
        first = in_background(pair[0], threads, {**body, "n": 2})
        until(lambda: simulators.paid("fal") == 2)
        second = in_background(pair[1], threads, {**body, "n": 2})
        until(lambda: waits(store))
        go_on()
        answers = [first.result(), second.result()]
    assert [each(served(answer), "cache") for answer in answers] == [["hit", "miss"], ["hit", "shared"]]


def test_a_failed_run_is_taken_over_by_the_one_who_waited(
    pair: tuple[RunningGateway, RunningGateway], simulators: Simulators, go_on: GoOn
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    body = asked(seed=1)
    with ThreadPoolExecutor() as threads:
        first = in_background(pair[0], threads, body)
        until(lambda: len(simulators.calls("fal", "submit")) == 1)
        second = in_background(pair[1], threads, body)
        go_on()
        failed(first.result(), 400, "content_policy_violation")
        assert second.result().headers["x-easel-cache"] == "miss"
    assert len(simulators.calls("fal", "submit")) == 2


def test_the_second_carries_on_when_the_first_has_gone(
    pair: tuple[RunningGateway, RunningGateway], simulators: Simulators, go_on: GoOn
) -> None:
    go_on()
    body = asked(seed=1)
    served(pair[0].generate(body))
    pair[0].stop()
    served(pair[1].generate(asked(seed=1)))
    until(lambda: pair[1].http.get("/readyz").json()["checks"]["redis"] == "ok")
    until(lambda: pair[1].generate(body).headers["x-easel-cache"] == "hit")
    assert simulators.paid("fal") == 2


def provider_environment(simulators: Simulators) -> dict[str, str]:
    address = simulators.addresses["fal"]
    return {
        "EASEL_PROVIDERS__FAL__API_KEY": address["key"],
        "EASEL_PROVIDERS__FAL__BASE_URL": address["base_url"],
        "EASEL_PROVIDERS__FAL__QUEUE_URL": address["queue_url"],
    }


def draw_at(child: Served, body: dict[str, Any]) -> None:
    """A request whose gateway dies under it."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{child.url}/v1/images/generations", json=body, headers=headers, timeout=60)


def test_what_a_killed_gateway_was_drawing_is_paid_once(
    start: Start, simulators: Simulators, go_on: GoOn, store: Any, tmp_path: Path
) -> None:
    survivor = start(data_dir=tmp_path / "both", models={"qwen-image": {"route": ["fal"]}}, jobs={"lease": LEASE})
    body = asked(seed=1)
    environment = {**provider_environment(simulators), "EASEL_JOBS__LEASE": str(LEASE)}
    with ThreadPoolExecutor() as threads, easel_serve(tmp_path / "both", env=environment) as child:
        lost = threads.submit(draw_at, child, body)
        until(lambda: simulators.calls("fal", "status"))  # its ticket is written down
        waiting = in_background(survivor, threads, body)
        [begun] = jobs_of(survivor)
        child.process.kill()
        lost.result()
        [lease] = store.keys("easel:run:*")
        assert 0 < store.pttl(lease) <= lease_ms(10)
        go_on()
        answer = waiting.result()
        followed = ended(survivor, begun["id"])
    assert answer.headers["x-easel-cache"] == "shared"
    assert answer.headers["x-easel-cost"] == "0"
    assert (len(simulators.calls("fal", "submit")), simulators.paid("fal")) == (1, 1)
    assert (followed["status"], followed["cost"]) == ("succeeded", 0.02)
    assert [content_of(image) for image in followed["result"]["data"]] == [content_of(served(answer)["data"][0])]


def jobs_of(gateway: RunningGateway) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = gateway.http.get("/v1/jobs").json()["data"]
    return jobs
