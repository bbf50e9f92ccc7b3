"""A provider's limits: without room it is passed over like a full one; with nobody left the caller is told when."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, simulated_providers, simulated_settings
from tests.gateway.counted import counted
from tests.gateway.drawn import asked, each, failed, served
from tests.gateway.running import RunningGateway
from tests.gateway.until import until

BUSY = {"provider": "fal", "on": "submit", "effect": "status", "status": 503, "body": {"detail": "busy"}}
Json = dict[str, Any]


class Gateways:
    """Started with such limits of providers, each with counters of its own; `models` are routes."""

    def __init__(self, simulators: Simulators, folder: Any) -> None:
        self._simulators = simulators
        self._folder = folder
        self._running: list[RunningGateway] = []

    def start(self, route: list[str], **limits: Json) -> RunningGateway:
        providers = {
            name: {**each, **limits.get(name, {})} for name, each in simulated_providers(self._simulators).items()
        }
        folder = self._folder / str(len(self._running))
        models = {"qwen-image": {"route": route}}
        settings = simulated_settings(self._simulators, folder, providers=providers, models=models)
        self._running.append(RunningGateway(settings))
        return self._running[-1]

    def stop(self) -> None:
        for gateway in self._running:
            gateway.stop()


@pytest.fixture
def gateways(simulators: Simulators, tmp_path: Any) -> Iterator[Gateways]:
    started = Gateways(simulators, tmp_path)
    yield started
    started.stop()


def skipped(body: Json) -> list[str]:
    return [row["reason"] for row in body["metadata"]["attempts"] if row["outcome"] == "skipped"]


def test_it_is_passed_over_and_then_the_caller_is_told_when_to_come_back(
    gateways: Gateways, simulators: Simulators
) -> None:
    """Its calls count: two pictures with a seed are two at fal."""
    gateway = gateways.start(["fal", "lumenfall"], fal={"requests_per_minute": 3}, lumenfall={"images_per_minute": 4})
    assert set(each(served(gateway.generate(asked(n=2, seed=1))), "provider")) == {"fal"}
    elsewhere = served(gateway.generate(asked(n=2, seed=1)))
    assert set(each(elsewhere, "provider")) == {"lumenfall"}
    [reason] = skipped(elsewhere)
    assert reason.startswith("provider fal may have 3 requests a minute, and 1 left; this request takes 2")
    assert counted(gateway, "easel_upstream_skipped_total", provider="fal", reason="limited") == 1
    assert each(served(gateway.generate(asked())), "provider") == ["fal"]
    answer = gateway.generate(asked(n=4, seed=1))
    assert "provider lumenfall may have 4 images a minute, and 2 left" in failed(answer, 429, "rate_limit_exceeded"), (
        "the one that has room first"
    )
    assert 25 <= int(answer.headers["retry-after"]) <= 30
    assert "x-should-retry" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("x-ratelimit-")], "they are not the caller's"
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (3, 2)
    jobs = gateway.http.get("/v1/jobs").json()["data"]
    assert len(jobs) == 3, "nothing is written of what was not sent"


def test_what_never_fits_there_is_no_429(gateways: Gateways, simulators: Simulators) -> None:
    gateway = gateways.start(["fal"], fal={"images_per_minute": 2, "megapixels_per_minute": 1})
    many = gateway.generate(asked(n=3))
    assert "provider fal may have 2 images a minute; ask for 2 at most" in failed(many, 400, "invalid_value")
    assert many.json()["error"]["param"] == "n"
    large = gateway.generate(asked(size="2048x1024"))
    assert "such as 1440x720" in failed(large, 400, "invalid_value")
    assert large.json()["error"]["param"] == "size"
    assert simulators.calls() == []


def test_another_try_counts_again_and_pictures_do_not(gateways: Gateways, simulators: Simulators) -> None:
    gateway = gateways.start(["fal", "lumenfall"], fal={"requests_per_minute": 2, "images_per_minute": 2})
    simulators.set_faults([{**BUSY, "times": 1}])
    assert each(served(gateway.generate(asked())), "provider") == ["fal"]
    assert len(simulators.calls("fal", "submit")) == 2
    simulators.set_faults([])
    assert each(served(gateway.generate(asked())), "provider") == ["lumenfall"], "both requests are used up"


def test_without_room_for_another_try_the_next_is_asked(gateways: Gateways, simulators: Simulators) -> None:
    gateway = gateways.start(["fal", "lumenfall"], fal={"requests_per_minute": 1})
    simulators.set_faults([{**BUSY, "times": 3}])
    assert each(served(gateway.generate(asked())), "provider") == ["lumenfall"]
    assert len(simulators.calls("fal", "submit")) == 1


def test_pictures_at_once(gateways: Gateways, simulators: Simulators, go_on: GoOn) -> None:
    gateway = gateways.start(["fal", "lumenfall"], fal={"max_concurrent_images": 2})
    with ThreadPoolExecutor() as threads:
        first = threads.submit(gateway.generate, asked(n=2))
        until(lambda: simulators.paid("fal") == 2)
        assert each(served(gateway.generate(asked())), "provider") == ["lumenfall"]
        go_on()
        assert set(each(served(first.result()), "provider")) == {"fal"}
    for _again in range(2):
        assert set(each(served(gateway.generate(asked(n=2))), "provider")) == {"fal"}


def test_a_place_is_given_back_after_a_failure(gateways: Gateways, simulators: Simulators) -> None:
    gateway = gateways.start(["fal"], fal={"max_concurrent_images": 1})
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 422, "times": 2}])
    for _each in range(2):
        assert gateway.generate(asked()).status_code in {400, 502}
    assert each(served(gateway.generate(asked())), "provider") == ["fal"]


def test_a_promise_that_no_provider_has_room_for_ends_in_that_error_and_its_key_is_free(
    gateways: Gateways, simulators: Simulators
) -> None:
    gateway = gateways.start(["fal"], fal={"requests_per_minute": 1})
    served(gateway.generate(asked()))
    body, headers = asked(), {"prefer": "respond-async, wait=30", "idempotency-key": "later"}
    job = gateway.generate(body, headers=headers)
    failed(job, 429, "rate_limit_exceeded")
    assert 1 <= int(job.headers["retry-after"]) <= 60
    again = gateway.generate(body, headers=headers)
    assert failed(again, 429, "rate_limit_exceeded")
    assert again.headers["x-request-id"] != job.headers["x-request-id"], "nothing was sent, so it may be begun anew"
    assert simulators.paid("fal") == 1
