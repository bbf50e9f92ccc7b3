"""Identical requests in flight share one run of one gateway, and nothing else of each other's fate."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.until import until

AT_ONCE = 20
Send = Callable[..., Future[httpx.Response]]


@pytest.fixture
def send(easel: RunningGateway) -> Iterator[Send]:
    """Requests in threads of their own."""
    with ThreadPoolExecutor(AT_ONCE) as threads:

        def in_a_thread(body: dict[str, Any], **more: Any) -> Future[httpx.Response]:
            return threads.submit(easel.generate, body, **more)

        yield in_a_thread


def running(gateway: RunningGateway) -> int:
    assert gateway.app.deps is not None
    return gateway.app.deps.gate.running


def test_twenty_at_once_are_one_picture(easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn) -> None:
    body = asked(seed=1)
    waiting = [send(body) for _each in range(AT_ONCE)]
    until(lambda: running(easel) == AT_ONCE)
    go_on()
    answers = [request.result() for request in waiting]
    assert simulators.paid("fal") == 1
    assert len(simulators.calls("fal", "submit")) == 1
    outcomes = [answer.headers["x-easel-cache"] for answer in answers]
    assert (outcomes.count("miss"), outcomes.count("shared")) == (1, AT_ONCE - 1)
    assert [each(served(answer), "cache") for answer in answers] == [[outcome] for outcome in outcomes]
    assert sorted(answer.headers["x-easel-cost"] for answer in answers) == ["0"] * (AT_ONCE - 1) + ["0.02"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == AT_ONCE
    assert len({content_of(served(answer)["data"][0]) for answer in answers}) == 1


def test_each_gets_his_own_form_and_his_own_decisions(
    easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn
) -> None:
    body = asked(seed=1)
    requests = [send(body), send(body, response_format="b64_json", user="ada")]
    until(lambda: running(easel) == 2)
    go_on()
    first, second = (served(request.result()) for request in requests)
    assert simulators.paid("fal") == 1
    assert {"url", "b64_json"} & set(first["data"][0]) == {"url"}
    assert {"url", "b64_json"} & set(second["data"][0]) == {"b64_json"}
    assert content_of(first["data"][0]) == content_of(second["data"][0])
    assert "user" not in [row["name"] for row in first["metadata"]["parameters"]]
    assert "user" in [row["name"] for row in second["metadata"]["parameters"]]


def test_what_was_known_before_the_run_is_nobodys_share_of_it(
    easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn
) -> None:
    body = asked(seed=1)
    go_on()
    served(easel.generate(body))
    simulators.set_pace("fal", queue_seconds=3600)
    requests = [send({**body, "n": 2}) for _each in range(2)]
    until(lambda: running(easel) == 2)
    go_on()
    answers = sorted((request.result() for request in requests), key=lambda each: each.headers["x-easel-cache"])
    assert [answer.headers["x-easel-cache"] for answer in answers] == ["partial", "shared"]
    assert [each(served(answer), "cache") for answer in answers] == [["hit", "miss"], ["hit", "shared"]]
    assert simulators.paid("fal") == 2


def test_hits_are_not_written_down_however_many_come_at_once(easel: RunningGateway, send: Send, go_on: GoOn) -> None:
    go_on()
    body = asked(seed=1)
    served(easel.generate(body))
    before = len(written.rows(easel, "SELECT id FROM jobs"))
    answers = [request.result() for request in [send(body) for _each in range(AT_ONCE)]]
    assert {answer.headers["x-easel-cache"] for answer in answers} == {"hit"}
    assert len(written.rows(easel, "SELECT id FROM jobs")) == before


def test_without_a_seed_nothing_is_shared(
    easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn
) -> None:
    body = asked()
    requests = [send(body), send(body)]
    until(lambda: simulators.paid("fal") == 2)
    go_on()
    answers = [served(request.result()) for request in requests]
    assert len({content_of(answer["data"][0]) for answer in answers}) == 2
    assert [answer["metadata"]["cache"] for answer in answers] == ["off", "off"]


def hang_up(gateway: RunningGateway, simulators: Simulators, body: dict[str, Any]) -> None:
    """Sends a request and closes the connection once the provider works on it."""
    with httpx.Client(base_url=gateway.url, headers={"authorization": f"Bearer {ADMIN_KEY}"}) as client:
        before = simulators.paid("fal")
        with pytest.raises(httpx.ReadTimeout):
            client.post("/v1/images/generations", json=body, timeout=httpx.Timeout(20, read=0.05))
        until(lambda: simulators.paid("fal") > before)


def test_a_first_caller_who_hangs_up_cancels_nobody(
    easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn
) -> None:
    body = asked(seed=1)
    hang_up(easel, simulators, body)
    second = send(body)
    until(lambda: running(easel) == 2)
    go_on()
    assert second.result().headers["x-easel-cache"] == "shared"
    assert simulators.paid("fal") == 1
    assert simulators.calls("fal", "cancel") == []


def test_a_picture_whose_only_caller_hung_up_is_there_when_he_comes_back(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(seed=1)
    hang_up(easel, simulators, body)
    go_on()
    assert easel.app.deps is not None
    shared = easel.app.deps.shared
    until(lambda: shared.running == 0)
    assert easel.generate(body, headers={"x-easel-cache": "only"}).headers["x-easel-cache"] == "hit"
    assert simulators.paid("fal") == 1


def test_what_fails_fails_for_all_of_them_once(
    easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "moderated"}])
    body = asked(seed=1)
    requests = [send(body) for _each in range(5)]
    until(lambda: running(easel) == 5)
    go_on()
    for request in requests:
        failed(request.result(), 400, "content_policy_violation")
    assert len(simulators.calls("fal", "submit")) == 1


def test_a_forced_provider_does_not_share_the_failover_of_others(
    easel: RunningGateway, simulators: Simulators, send: Send, go_on: GoOn
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "failed", "times": -1}])
    body = asked(seed=1)
    free = send(body)
    until(lambda: len(simulators.calls("fal", "submit")) == 1)
    forced = send(body, model="fal/qwen-image")
    until(lambda: running(easel) == 2)
    go_on()
    assert each(served(free.result()), "provider") == ["lumenfall"]
    failed(forced.result(), 502, "provider_error")
    assert simulators.paid("lumenfall") == 1


@pytest.mark.parametrize("whose", ["server", "jobs"])
def test_each_is_told_his_own_request_when_the_deadline_passes(
    start: Start, simulators: Simulators, whose: str
) -> None:
    """That of the waiting, and that of the work."""
    gateway = start(**{whose: {"deadline": 0.5}})
    simulators.set_pace("fal", queue_seconds=3600)
    try:
        with ThreadPoolExecutor(3) as threads:
            answers = list(threads.map(gateway.generate, [asked(seed=1)] * 3))
    finally:
        simulators.set_pace("fal")
    assert [answer.status_code for answer in answers] == [504] * 3
    assert len(simulators.calls("fal", "submit")) == 1
    for answer in answers:
        assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
        assert answer.headers["x-should-retry"] == "false"
