"""A job that is cancelled: what each provider is told, what is kept, and what those get who wait for it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway import written
from tests.gateway.conftest import GoOn, Start, everyone
from tests.gateway.drawn import asked, content_of, failed
from tests.gateway.job_client import begun, ended, shown, watched
from tests.gateway.leaving_caller import LeavingCaller
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.stalling_server import StallingServer
from tests.gateway.until import until
from tests.workers.test_run import worker

Json = dict[str, Any]


def cancel(gateway: RunningGateway, id: str) -> httpx.Response:
    return gateway.http.post(f"/v1/jobs/{id}/cancel")


def cancelled(gateway: RunningGateway, id: str) -> Json:
    """The job, once it is."""
    answer = cancel(gateway, id)
    assert answer.status_code == 200, answer.text
    job = ended(gateway, id)
    assert (job["status"], job["error"]["code"]) == ("cancelled", "job_cancelled")
    return job


@pytest.fixture
def slow(simulators: Simulators) -> Iterator[None]:
    """The queues of three providers stand still."""
    names = ("replicate", "alibaba", "runware")
    for name in names:
        simulators.set_pace(name, queue_seconds=3600)
    yield
    for name in names:
        simulators.set_pace(name)


@pytest.fixture(scope="module")
def gateway(all_simulators: Simulators, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """In front of everyone; it does not wait long for Replicate's pictures before it has a ticket."""
    providers = everyone(all_simulators)
    providers["replicate"]["timeout"] = 2
    tables: Json = {
        "server": {"data_dir": tmp_path_factory.mktemp("cancel")},
        "auth": {"admin_key": ADMIN_KEY},
        "providers": providers,
    }
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


def accepted(gateway: RunningGateway, id: str) -> bool:
    return [call["state"] for call in written.calls(gateway, id)] == ["accepted"]


@pytest.mark.parametrize(("provider", "method"), [("fal", "PUT"), ("replicate", "POST"), ("alibaba", "POST")])
@pytest.mark.usefixtures("go_on", "slow")
def test_the_provider_is_asked_to_stop(
    gateway: RunningGateway, simulators: Simulators, provider: str, method: str
) -> None:
    id = begun(gateway, {**asked(), "model": f"{provider}/qwen-image", "size": "1024x1024"})
    until(lambda: accepted(gateway, id))
    job = cancelled(gateway, id)
    [wish] = simulators.calls(provider, "cancel")
    assert (wish["method"], wish["path"].rpartition("/")[2]) == (method, "cancel")
    assert [call["state"] for call in written.calls(gateway, id)] == ["cancelled"]
    assert (job["result"], [each["outcome"] for each in job["attempts"]]) == (None, ["cancelled"])
    assert len(simulators.calls(provider, "submit")) == 1
    types = [event.type for event in watched(gateway, f"/v1/jobs/{id}/events")]
    assert types == ["accepted", "started", "finished"]


@pytest.mark.usefixtures("slow")
def test_what_comes_all_the_same_stays_with_the_job(gateway: RunningGateway, simulators: Simulators) -> None:
    id = begun(gateway, {**asked(), "model": "runware/qwen-image", "size": "1024x1024"})
    until(lambda: accepted(gateway, id))
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(cancel, gateway, id)
        until(lambda: written.job(gateway, id)["cancelling"])
        simulators.set_pace("runware")  # it cannot cancel, and goes on
        assert asking.result().status_code == 200
    job = ended(gateway, id)
    assert (job["status"], job["error"]["code"]) == ("cancelled", "job_cancelled")
    assert "stay with it" in job["error"]["message"]
    assert content_of(job["result"]["data"][0])
    assert job["cost"] > 0
    assert [call["state"] for call in written.calls(gateway, id)] == ["done"]
    assert len(simulators.calls("runware", "submit")) == 1


def test_a_server_that_answers_at_once_sees_the_connection_closed(start: Start) -> None:
    with StallingServer() as server:
        own = {"kind": "openai_compatible", "base_url": server.url, "api_key": "k", "models": {"own": "own"}}
        gateway = start(providers={"mine": own}, models={})
        id = begun(gateway, {"model": "own", "prompt": "a fox"})
        until(lambda: server.asked == 1)
        job = cancelled(gateway, id)
        until(lambda: server.left == 1)
        assert "may have been paid" in job["error"]["message"]
        assert [call["state"] for call in written.calls(gateway, id)] == ["cancelled"]
        assert job["attempts"][0]["outcome"] == "cancelled"


def test_a_worker_of_ones_own_stops(start: Start) -> None:
    with worker("--follow-parent") as (_process, url, _port):
        gateway = start(providers={"local": {"workers": [url]}}, models={})
        body = {"model": "sketch", "prompt": "the sea", "size": "2048x2048", "num_inference_steps": 100, "n": 10}
        id = begun(gateway, body)

        def busy() -> int:
            status = httpx.get(f"{url}/v1/status").json()
            return status["running"] + status["waiting"]

        until(lambda: busy() > 0)
        cancelled(gateway, id)
        until(lambda: busy() == 0)


def test_twice_is_once(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    id = begun(easel, asked())
    until(lambda: simulators.calls("fal", "submit"))
    with ThreadPoolExecutor() as threads:
        answers = [request.result() for request in [threads.submit(cancel, easel, id) for _time in range(3)]]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert [answer.status_code for answer in answers].count(200) >= 1
    failed(cancel(easel, id), 409, "job_finished")
    assert len(simulators.calls("fal", "cancel")) == 1


def test_what_is_over_keeps_its_result(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.generate(asked())
    id = answer.headers["x-request-id"]
    before = written.job(easel, id)
    refused = cancel(easel, id)
    failed(refused, 409, "job_finished")
    assert refused.headers["x-should-retry"] == "false"
    assert written.job(easel, id) == before
    assert content_of(shown(easel, id)["result"]["data"][0])
    assert simulators.calls("fal", "cancel") == []


def test_who_waits_for_it_is_told(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    with LeavingCaller(easel, asked()) as caller:
        until(lambda: simulators.calls("fal", "submit"))
        [running] = written.rows(easel, "SELECT id FROM jobs WHERE finished IS NULL")
        job = cancelled(easel, running["id"])
        answer = caller.answer()
    assert (answer.status, answer.id) == (409, job["id"])
    assert answer.body["error"] == job["error"]
    assert answer.headers["x-should-retry"] == "false"


def test_it_is_cancelled_wherever_it_runs(start: Start, simulators: Simulators, go_on: GoOn, tmp_path: Path) -> None:
    one, other = (start(data_dir=tmp_path / "both", jobs={"lease": 0.5}) for _time in range(2))
    with LeavingCaller(one, asked()) as caller:
        until(lambda: simulators.calls("fal", "submit"))
        [running] = written.rows(one, "SELECT id FROM jobs")
        job = cancelled(other, running["id"])
        assert caller.answer().body["error"] == job["error"]
    assert len(simulators.calls("fal", "cancel")) == 1


def test_who_shares_its_run_gets_the_picture(easel: RunningGateway, simulators: Simulators, go_on: GoOn) -> None:
    body = asked(seed=60_001)
    first = begun(easel, body)
    until(lambda: simulators.calls("fal", "submit"))
    with LeavingCaller(easel, body) as second:
        until(lambda: holders(easel, first) == 1)
        with ThreadPoolExecutor() as threads:
            asking = threads.submit(cancel, easel, first)
            until(lambda: written.job(easel, first)["cancelling"])
            go_on()
            asking.result().raise_for_status()
        shared = second.answer()
    assert (shared.status, shared.headers["x-easel-cache"]) == (200, "shared")
    job = ended(easel, first)
    assert (job["status"], job["error"]["code"]) == ("cancelled", "job_cancelled")
    assert content_of(job["result"]["data"][0]) == content_of(shared.body["data"][0])
    assert simulators.calls("fal", "cancel") == []
    assert simulators.paid("fal") == 1


def holders(gateway: RunningGateway, id: str) -> int:
    """How many other requests wait for the pictures of that job's run."""
    assert gateway.app.jobs is not None
    return gateway.app.jobs.jobs.running[id].record.stop._holders  # pyright: ignore[reportPrivateUsage] - nothing else tells


def test_who_waited_for_its_run_alone_leaves_the_run_to_the_other(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(seed=60_002)
    with LeavingCaller(easel, body) as first:
        until(lambda: simulators.calls("fal", "submit"))
        [leader] = written.rows(easel, "SELECT id FROM jobs WHERE finished IS NULL")
        second = begun(easel, body)
        until(lambda: holders(easel, leader["id"]) == 1)
        job = cancelled(easel, second)
        go_on()
        assert first.answer().status == 200
    assert job["result"] is None
    assert simulators.calls("fal", "cancel") == []
    assert simulators.paid("fal") == 1


def test_who_waited_for_its_run_elsewhere_draws_it_himself(
    start: Start, simulators: Simulators, go_on: GoOn, tmp_path: Path
) -> None:
    one, other = (start(data_dir=tmp_path / "both", jobs={"lease": 0.5}) for _time in range(2))
    body = asked(seed=60_003)
    first = begun(one, body)
    until(lambda: simulators.calls("fal", "submit"))
    with LeavingCaller(other, body) as second:
        assert other.app.jobs is not None
        jobs = other.app.jobs.jobs
        until(lambda: jobs.running)
        cancelled(one, first)
        until(lambda: len(simulators.calls("fal", "submit")) == 2)
        go_on()
        answer = second.answer()
    assert (answer.status, answer.headers["x-easel-cache"]) == (200, "miss")


def test_pictures_that_were_there_before_stay(easel: RunningGateway, simulators: Simulators) -> None:
    """Of three calls two are done when the job is cancelled."""
    simulators.set_faults([{"provider": "fal", "on": "status", "effect": "delay", "seconds": 3600}])
    id = begun(easel, asked(n=10))
    until(lambda: sorted(call["state"] for call in written.calls(easel, id)) == ["accepted", "done", "done"])
    job = cancelled(easel, id)
    [call] = [each for each in written.calls(easel, id) if each["state"] == "cancelled"]
    missing = {int(index) for index in call["indexes"].split(",")}
    assert len(job["result"]["data"]) == 10 - len(missing) == job["progress"]["images_done"]
    assert all(content_of(image) for image in job["result"]["data"])
    assert len(simulators.calls("fal", "cancel")) == 1
    assert written.job(easel, id)["leftover"] == 0  # they are nobody's but the caller's who cancelled
