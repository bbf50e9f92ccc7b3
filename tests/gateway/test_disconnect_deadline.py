"""Two deadlines: how long a caller waits for a job, and how long the job may take."""

from collections.abc import Iterator

import pytest

from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, simulated_settings
from tests.gateway.drawn import asked, content_of, failed
from tests.gateway.job_client import ended, shown
from tests.gateway.leaving_caller import LeavingCaller, sdk
from tests.gateway.running import RunningGateway


@pytest.fixture(scope="module")
def one_for_all(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    patience = {"server": {"deadline": 0.4}, "jobs": {"deadline": 3}}
    with RunningGateway(simulated_settings(all_simulators, tmp_path_factory.mktemp("late"), **patience)) as running:
        yield running


@pytest.fixture
def impatient(one_for_all: RunningGateway, simulators: Simulators) -> RunningGateway:
    """Callers wait less than half a second, jobs take three at most."""
    assert not simulators.calls()
    return one_for_all.forget_trouble()


def test_the_job_that_goes_on_is_named(impatient: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    answer = impatient.generate(asked())
    id = answer.headers["x-request-id"]
    message = failed(answer, 504, "timeout")
    assert f"GET /v1/jobs/{id}" in message
    assert "goes on" in message
    assert answer.json()["error"]["param"] is None
    assert answer.headers["x-should-retry"] == "false"
    assert shown(impatient, id)["status"] == "running"
    go_on()
    job = ended(impatient, id)
    assert job["status"] == "succeeded"
    assert content_of(job["result"]["data"][0])
    assert simulators.paid("fal") == 1


def test_who_finds_it_again_may_try_again(impatient: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked()
    first = sdk(impatient, body).answer()
    assert (first.status, first.headers["x-should-retry"]) == (504, "true")
    assert "the same request, sent again, waits for it" in first.body["error"]["message"]
    go_on()
    again = sdk(impatient, body, 1).answer()
    assert (again.status, again.id) == (200, first.id)
    assert simulators.paid("fal") == 1


def test_a_job_has_its_own_end(impatient: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    """Whoever asks for it again, by a key or as an SDK does, is told the same."""
    requests = [(asked(), {"idempotency_key": "late 1"}), (asked(), {"x_stainless_retry_count": "1"})]
    callers = [LeavingCaller(impatient, body, **headers) for body, headers in requests]
    ids = [caller.answer().id for caller in callers]
    jobs = [ended(impatient, id) for id in ids]
    for job in jobs:
        assert (job["status"], job["error"]["code"], job["result"]) == ("failed", "timeout", None)
        assert "may be paid" in job["error"]["message"]
        assert [call["state"] for call in written.calls(impatient, job["id"])] == ["unknown"]
    go_on()
    for job, (body, headers) in zip(jobs, requests, strict=True):
        again = LeavingCaller(impatient, body, **headers).answer()
        assert (again.status, again.id, again.headers["x-should-retry"]) == (504, job["id"], "false")
        assert again.body["error"] == job["error"]
        assert again.headers.get("idempotent-replayed") == ("true" if "idempotency_key" in headers else None)
    assert len(simulators.calls("fal", "submit")) == 2
