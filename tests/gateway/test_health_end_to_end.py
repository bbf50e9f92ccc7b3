"""Providers in trouble are passed over, told about, tried again by one call, and asked when nobody else is left."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.flow.retries import ALWAYS
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.counted import counted
from tests.gateway.drawn import asked, each, failed, served
from tests.gateway.running import FOX, RunningGateway

AT_ONCE = 24


class Shifted:
    """The real clock, put forward by a test."""

    def __init__(self, gateway: RunningGateway) -> None:
        assert gateway.app.deps is not None
        self.ahead = 0.0
        self.deps = gateway.app.deps
        self.deps.routing.clock = self

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def shifted(easel: RunningGateway) -> Iterator[Shifted]:
    clock = Shifted(easel)
    yield clock
    clock.deps.routing.clock = time.monotonic


def always(effect: int, provider: str = "fal", **more: Any) -> dict[str, Any]:
    step = "submit" if provider == "fal" else "generate"
    return {"provider": provider, "on": step, "effect": "status", "status": effect, "times": -1, **more}


def submits(simulators: Simulators) -> int:
    return len(simulators.calls("fal", "submit"))


def story(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(row["provider"], row["outcome"]) for row in body["metadata"]["attempts"]]


@pytest.mark.parametrize(("status", "words"), [(401, "does not accept our key"), (403, "has no credit")])
def test_a_refused_key_is_met_once(easel: RunningGateway, simulators: Simulators, status: int, words: str) -> None:
    simulators.set_faults([always(status)])
    before = counted(easel, "easel_upstream_skipped_total", provider="fal", reason="open")
    assert story(served(easel.generate(asked()))) == [
        ("fal", "key" if status == 401 else "credit"),
        ("lumenfall", "ok"),
    ]
    body = served(easel.generate(asked()))
    assert story(body) == [("fal", "skipped"), ("lumenfall", "ok")]
    assert words in body["metadata"]["attempts"][0]["reason"]
    assert submits(simulators) == 1
    rows = easel.http.post("/v1/images/plan", json=FOX).json()["candidates"]
    assert [row["provider"] for row in rows] == ["lumenfall", "vllm-omni", "fal"]
    assert (rows[2]["excluded"]["code"], rows[0]["excluded"]) == ("unhealthy", None)
    assert words in rows[2]["excluded"]["reason"]
    assert rows[2]["calls"]
    assert counted(easel, "easel_upstream_skipped_total", provider="fal", reason="open") == before + 1
    assert counted(easel, "easel_breaker_state", provider="fal", model="") == 2
    assert counted(easel, "easel_breaker_state", provider="lumenfall", model="") == 0


def test_when_nobody_else_is_left_it_is_asked_all_the_same_and_heals(
    easel: RunningGateway, simulators: Simulators
) -> None:
    simulators.set_faults([always(401)])
    served(easel.generate(asked()))
    simulators.set_faults([])
    assert story(served(easel.generate(asked(model="fal/qwen-image")))) == [("fal", "skipped"), ("fal", "ok")]
    assert story(served(easel.generate(asked()))) == [("fal", "ok")]
    assert counted(easel, "easel_breaker_state", provider="fal", model="") == 0


def test_after_its_pause_one_call_finds_out(easel: RunningGateway, simulators: Simulators, shifted: Shifted) -> None:
    simulators.set_faults([always(401)])
    served(easel.generate(asked()))
    shifted.ahead += 61
    assert counted(easel, "easel_breaker_state", provider="fal", model="") == 1
    four = asked(n=4, seed=1)  # four calls, of which one is sent to see
    assert each(served(easel.generate(four)), "provider") == ["lumenfall"] * 4
    assert submits(simulators) == 2
    simulators.set_faults([])
    shifted.ahead += 119
    assert story(served(easel.generate(asked())))[0] == ("fal", "skipped")  # the pause is twice as long now
    shifted.ahead += 2
    assert each(served(easel.generate(asked(n=4, seed=1))), "provider") == ["fal"] * 4
    assert simulators.paid("fal") == 4


def test_a_provider_that_asks_for_a_pause_gets_it_from_all_requests(
    easel: RunningGateway, simulators: Simulators, shifted: Shifted
) -> None:
    simulators.set_faults([always(429, headers={"Retry-After": "9"})])
    assert story(served(easel.generate(asked()))) == [("fal", "rate"), ("lumenfall", "ok")]
    assert story(served(easel.generate(asked()))) == [("fal", "skipped"), ("lumenfall", "ok")]
    assert submits(simulators) == 1
    simulators.set_faults([])
    shifted.ahead += 10
    assert story(served(easel.generate(asked()))) == [("fal", "ok")]


def test_what_is_moderated_or_refused_speaks_against_nobody(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults(
        [
            {"provider": "fal", "on": "submit", "effect": "moderated", "times": 8},
            always(422, body={"detail": [{"msg": "no", "type": "x"}]}),
        ]
    )
    for _request in range(8):
        failed(easel.generate(asked()), 400, "content_policy_violation")
    for _request in range(8):
        served(easel.generate(asked()))
    assert submits(simulators) == 16
    assert counted(easel, "easel_breaker_state", provider="fal") == 0


def test_an_outage_does_not_multiply_the_load(start: Start, simulators: Simulators) -> None:
    gateway = start()
    simulators.set_faults([always(503)])
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(gateway.generate, [asked() for _request in range(AT_ONCE)]))
    assert {each(served(answer), "provider")[0] for answer in answers} == {"lumenfall"}
    assert submits(simulators) <= AT_ONCE + ALWAYS
    assert simulators.paid("lumenfall") == AT_ONCE


def test_a_lasting_outage_of_all_is_met_with_a_few_more_calls_than_requests(
    start: Start, simulators: Simulators
) -> None:
    gateway = start(models={"qwen-image": {"route": ["fal"]}})
    simulators.set_faults([always(503)])
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(gateway.generate, [asked() for _request in range(AT_ONCE)]))
    for answer in answers:
        failed(answer, 502, "provider_error")
        assert "x-should-retry" not in answer.headers
    assert AT_ONCE < submits(simulators) <= AT_ONCE + ALWAYS
    assert simulators.paid("fal") == 0


def test_a_provider_whose_pictures_are_none_is_left_alone(start: Start, simulators: Simulators) -> None:
    """Each of them was paid: this is what a breaker saves most."""
    gateway = start()
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "not_a_picture", "times": -1}])
    failed(gateway.generate(asked(n=5, seed=1)), 502, "provider_error")
    assert story(served(gateway.generate(asked()))) == [("fal", "skipped"), ("lumenfall", "ok")]
    assert simulators.paid("fal") == 5
