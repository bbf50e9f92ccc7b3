"""What is missing after a failure is drawn by the next provider, and only that: no picture is paid twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.flow.drawn import Attempt, Drawn, outcome_of
from gateway.flow.picture import Picture
from gateway.store.runs import RELEASED
from providers.errors import Kind, ProviderError
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, each, served
from tests.gateway.running import RunningGateway
from tests.gateway.until import until
from tests.normalizers.offers import planned


def refused(times: int = 1) -> dict[str, Any]:
    """fal takes no more than what was sent before."""
    body = {"detail": [{"msg": "no", "type": "x"}]}
    return {"provider": "fal", "on": "submit", "effect": "status", "status": 422, "body": body, "times": times}


def test_what_the_cache_knows_of_the_next_provider_is_not_drawn_again(
    easel: RunningGateway, simulators: Simulators
) -> None:
    body = asked(seed=1)
    served(easel.generate({**body, "seed": 2}, model="lumenfall/qwen-image", n=2))  # seeds 2 and 3
    simulators.set_faults([refused(times=2)])
    three = served(easel.generate(body, n=3))
    told = list(zip(each(three, "seed"), each(three, "provider"), each(three, "cache"), strict=True))
    elsewhere = [(seed, cache) for seed, provider, cache in told if provider == "lumenfall"]
    assert len(elsewhere) == 2
    assert all(cache == ("miss" if seed == 1 else "hit") for seed, cache in elsewhere)
    assert simulators.paid("lumenfall") == 2 + [cache for _seed, cache in elsewhere].count("miss")
    assert simulators.paid("fal") == 1
    assert three["metadata"]["cache"] == "partial"


def test_all_of_it_is_remembered_under_whoever_drew_it(easel: RunningGateway, simulators: Simulators) -> None:
    body = asked(seed=1, n=2)
    simulators.set_faults([refused()])
    first = served(easel.generate(body))
    simulators.set_faults([])
    mixed = served(easel.generate(body, mix_providers=True))
    assert each(mixed, "cache") == ["hit", "hit"]
    assert each(mixed, "provider") == each(first, "provider")
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (1, 1)


def test_who_waited_for_a_run_that_was_completed_elsewhere_draws_nothing(
    start: Start, tmp_path: Path, simulators: Simulators, go_on: GoOn
) -> None:
    """Two gateways share the store; the run of one ends with pictures of two providers."""
    pair = [start(data_dir=tmp_path / "both") for _gateway in range(2)]
    store: Any = redis.Redis(unix_socket_path=str(tmp_path / "both" / "valkey" / "valkey.sock"))
    simulators.set_faults([refused()])
    body = asked(seed=1, n=2)
    with ThreadPoolExecutor() as threads:
        drawing = threads.submit(pair[0].generate, body)
        until(lambda: simulators.calls("fal", "status"))
        waiting = threads.submit(pair[1].generate, body)
        until(lambda: store.pubsub_numsub(RELEASED)[0][1] > 0)  # it listens for the end of the other's run
        store.close()
        go_on()
        answers = [served(request.result()) for request in (drawing, waiting)]
    assert sorted(each(answers[0], "provider")) == ["fal", "lumenfall"]
    assert each(answers[1], "provider") == each(answers[0], "provider")
    assert (simulators.paid("fal"), simulators.paid("lumenfall")) == (1, 1)


def test_a_timeout_speaks_against_who_had_the_time(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(jobs={"deadline": 0.3})
    assert gateway.generate(asked(n=5, seed=1)).status_code == 504
    assert len(simulators.calls("fal", "submit")) == 5
    go_on()
    body = served(gateway.generate(asked()))
    assert each(body, "provider") == ["lumenfall"]
    assert "does not finish in time" in body["metadata"]["attempts"][0]["reason"]


@pytest.mark.parametrize("kind", Kind)
def test_a_lost_answer_is_an_unknown_outcome(kind: Kind) -> None:
    assert outcome_of(ProviderError(kind, "")) == ("unknown" if kind is Kind.LOST else kind.value)


def test_an_attempt_has_a_reason_only_when_there_is_one() -> None:
    assert Attempt("fal", "ok", 2, 7).row() == {"provider": "fal", "outcome": "ok", "images": 2, "duration_ms": 7}
    assert Attempt("fal", "skipped", 0, 0, "it is full").row()["reason"] == "it is full"


def test_the_row_of_n_says_whose_the_pictures_are() -> None:
    plan = planned({"n": 3}, "fal/qwen-image")
    own = Picture(format="png", width=1, height=1, provider="fal", offer="fal/qwen-image")
    other = replace(own, provider="runware", offer="runware/qwen-image")
    told = [row.note for row in Drawn(plan, {0: own, 1: other, 2: other}).decisions if row.name == "n"]
    assert told == ["2 of 3 pictures from runware"]
    assert Drawn(plan, {0: own, 1: own, 2: own}).decisions == plan.decisions
