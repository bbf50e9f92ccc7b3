"""Requests under one Idempotency-Key that meet: one of them draws, and all get its answer."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, Start, simulated_providers
from tests.gateway.drawn import asked, failed, served
from tests.gateway.job_client import ended
from tests.gateway.running import RunningGateway
from tests.gateway.test_idempotency import assert_replayed, key, unsigned
from tests.gateway.until import until


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def waiting(gateway: RunningGateway) -> int:
    """How many callers wait for a job of this gateway."""
    assert gateway.app.jobs is not None
    return sum(each.present for each in list(gateway.app.jobs.jobs.running.values()))


def drawn_and_replayed(requests: list[Future[httpx.Response]]) -> list[httpx.Response]:
    """The answer of who drew first."""
    answers = sorted((each.result() for each in requests), key=lambda each: "idempotent-replayed" in each.headers)
    for again in answers[1:]:
        assert_replayed(answers[0], again)
    return answers


def test_they_wait_for_the_one_that_draws(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor
) -> None:
    body, under = asked(response_format="both"), key()
    requests = [threads.submit(easel.generate, body, headers=under) for _time in range(5)]
    until(lambda: waiting(easel) == 5)
    go_on()
    served(drawn_and_replayed(requests)[0])
    assert simulators.paid("fal") == 1


def test_they_get_its_error(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor
) -> None:
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "moderated"}])
    body, under = asked(), key()
    requests = [threads.submit(easel.generate, body, headers=under) for _time in range(3)]
    until(lambda: waiting(easel) == 3)
    go_on()
    failed(drawn_and_replayed(requests)[0], 400, "content_policy_violation")
    assert len(simulators.calls("fal", "submit")) == 1


def test_another_body_is_refused_while_the_first_runs(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor
) -> None:
    body, under = asked(), key()
    first = threads.submit(easel.generate, body, headers=under)
    until(lambda: waiting(easel) == 1)
    failed(easel.generate(body, n=2, headers=under), 422, "idempotency_mismatch")
    go_on()
    served(first.result())
    assert simulators.paid("fal") == 1


def test_they_meet_at_two_gateways(
    start: Start, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    server = {"public_url": "https://pictures.example.com"}
    pair = [start(data_dir=tmp_path / "both", server=server) for _time in range(2)]
    body, under = asked(n=2, response_format="both"), key()
    requests = [threads.submit(each.generate, body, headers=under) for each in pair * 3]
    until(lambda: waiting(pair[0]) + waiting(pair[1]) == 3)  # those at the other gateway wait for the database's word
    go_on()
    answers = drawn_and_replayed(requests)
    served(answers[0])
    urls = {str(each.url).removesuffix("/v1/images/generations") for each in answers}
    assert urls == {gateway.url for gateway in pair}
    assert simulators.paid("fal") == 2
    assert len(written.rows(pair[0], "SELECT id FROM jobs")) == 1


def test_what_failed_elsewhere_is_told_here(
    start: Start, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    one, other = (start(data_dir=tmp_path / "both") for _time in range(2))
    simulators.set_faults([{"provider": "fal", "on": "result", "effect": "moderated"}])
    body, under = asked(), key()
    first = threads.submit(one.generate, body, headers=under)
    until(lambda: waiting(one) == 1)
    second = threads.submit(other.generate, body, headers=under)
    go_on()
    assert_replayed(first.result(), second.result())
    assert_replayed(first.result(), other.generate(body, headers=under))


def test_a_key_that_waited_in_vain_finds_its_job_later(start: Start, simulators: Simulators, go_on: GoOn) -> None:
    gateway = start(server={"deadline": 0.5})
    body, under = asked(), key()
    first, second = (gateway.generate(body, headers=under) for _time in range(2))
    id = first.headers["x-request-id"]
    for answer in (first, second):
        message = failed(answer, 504, "timeout")
        assert id in message
        assert "sent again" in message
        assert answer.headers["x-request-id"] == id
        assert answer.headers["x-should-retry"] == "true"
        assert "idempotent-replayed" not in answer.headers  # this is no answer of the job's
    go_on()
    result = ended(gateway, id)["result"]
    again = gateway.generate(body, headers=under)
    assert again.headers["idempotent-replayed"] == "true"
    assert served(again)["metadata"] == result["metadata"]
    assert simulators.paid("fal") == 1


def test_who_asked_to_be_told_later_is_told_at_once_when_it_is_over(
    easel: RunningGateway, simulators: Simulators
) -> None:
    body, under = asked(), key()
    first = easel.generate(body, headers={**under, "prefer": "respond-async"})
    assert first.status_code == 202
    ended(easel, first.json()["id"])
    again = easel.generate(body, headers={**under, "prefer": "respond-async"})
    assert again.status_code == 200
    assert (again.headers["idempotent-replayed"], again.headers["preference-applied"]) == ("true", "respond-async")
    assert again.headers["x-request-id"] == first.json()["id"]
    plain = easel.generate(body, headers=under)
    assert unsigned(plain) == unsigned(again)
    assert simulators.paid("fal") == 1


def test_a_key_is_its_callers_word_against_that_of_an_sdk(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor
) -> None:
    body = asked()
    drawn = threads.submit(easel.generate, body, headers={**key(), "x-stainless-retry-count": "0"})
    until(lambda: waiting(easel) == 1)
    others = [
        threads.submit(easel.generate, body, headers={**key(), "x-stainless-retry-count": "1"}),
        threads.submit(easel.generate, body, headers={"x-stainless-retry-count": "1"}),
    ]
    until(lambda: waiting(easel) == 3)
    go_on()
    ids = {request.result().headers["x-request-id"] for request in (drawn, *others)}
    assert len(ids) == 3
    served(easel.generate(body, headers={**key(), "x-stainless-retry-count": "2"}))
    assert simulators.paid("fal") == 4


@pytest.mark.parametrize(
    ("response_format", "status"), [("url", 200), ("b64_json", 404), ("both", 404)], ids=["url", "base64", "both"]
)
def test_without_a_store_urls_alone_come_again(
    start: Start, simulators: Simulators, response_format: str, status: int
) -> None:
    gateway = start(storage={"keep": False})
    body, under = asked(response_format=response_format), key()
    first = gateway.generate(body, headers=under)
    served(first)
    again = gateway.generate(body, headers=under)
    if status == 200:
        assert_replayed(first, again)
        assert first.content == again.content  # the provider's own URL has no signature of ours
    else:
        message = failed(again, 404, "not_found")
        assert first.headers["x-request-id"] in message
        assert "not kept here" in message
        assert "another Idempotency-Key" in message
    assert simulators.paid("fal") == 1


def test_what_found_no_room_leaves_its_key_free(
    start: Start, simulators: Simulators, go_on: GoOn, threads: ThreadPoolExecutor
) -> None:
    providers = simulated_providers(simulators)
    providers["fal"]["max_concurrency"] = 1
    gateway = start(providers=providers, models={"qwen-image": {"route": ["fal"]}})
    assert gateway.app.deps is not None
    gateway.app.deps.routing.places.last_patience = 0.05
    drawing = threads.submit(gateway.generate, asked())
    until(lambda: simulators.calls("fal", "submit"))
    body, under = asked(), key()
    refused = gateway.generate(body, headers=under)
    assert "nothing was sent" in failed(refused, 503, "overloaded")
    go_on()
    served(drawing.result())
    first = gateway.generate(body, headers=under)
    served(first)
    assert_replayed(first, gateway.generate(body, headers=under))
    failed(gateway.generate(asked(), headers=under), 422, "idempotency_mismatch")
    assert simulators.paid("fal") == 2
