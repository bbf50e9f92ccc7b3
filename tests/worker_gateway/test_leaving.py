"""A caller who leaves, or cancels: the device is free after the step that it was in."""

import httpx
import pytest

from tests.gateway.until import until
from tests.worker_gateway.pictures import RED
from tests.worker_gateway.processes import STEPS, TINY, WorkerProcess

LONG = {"prompt": RED, "size": "256x256", "num_inference_steps": 100}


def taken_in_vain(worker: WorkerProcess, before: float) -> float:
    """The steps of a picture that nobody wants, once the worker has nothing left to do."""
    until(worker.idle, 60)
    stopped = worker.metric(STEPS)
    assert worker.post({"prompt": RED, "size": "64x64", "num_inference_steps": 2}).status_code == 200
    assert worker.metric(STEPS) == stopped + 2, "nothing went on behind it"
    return stopped - before


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_is_gone(worker: WorkerProcess, *, stream: bool) -> None:
    before = worker.metric(STEPS)
    if stream:
        body = {**LONG, "model": TINY, "stream": True}
        with httpx.stream("POST", f"{worker.url}/v1/images/generations", json=body, trust_env=False) as answer:
            next(answer.iter_lines())
    else:
        leave_without_waiting(worker)
    assert taken_in_vain(worker, before) < 50


def leave_without_waiting(worker: WorkerProcess) -> None:
    """A request whose caller has gone before the picture can be there."""
    url, patience = f"{worker.url}/v1/images/generations", httpx.Timeout(60, read=0.5)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json={**LONG, "model": TINY}, timeout=patience, trust_env=False)


def test_a_job_that_is_cancelled_at_the_gateway(http: httpx.Client, worker: WorkerProcess) -> None:
    before = worker.metric(STEPS)
    asked = {**LONG, "model": TINY, "cache": "off", "seed": 1}
    begun = http.post("/v1/images/generations", json=asked, headers={"prefer": "respond-async"})
    assert begun.status_code == 202, begun.text
    job = begun.json()["id"]
    until(lambda: worker.metric(STEPS) > before)
    assert http.post(f"/v1/jobs/{job}/cancel").status_code == 200
    assert taken_in_vain(worker, before) < 50
    over = http.get(f"/v1/jobs/{job}", params={"wait": 20}).json()
    assert (over["status"], over["error"]["code"]) == ("cancelled", "job_cancelled")


def test_a_caller_of_the_gateway_who_hangs_up(http: httpx.Client, worker: WorkerProcess) -> None:
    before = worker.metric(STEPS)
    asked = {**LONG, "model": TINY, "cache": "off", "seed": 2, "stream": True, "cancel_on_disconnect": True}
    with http.stream("POST", "/v1/images/generations", json=asked) as answer:
        next(answer.iter_lines())
    assert taken_in_vain(worker, before) < 50
