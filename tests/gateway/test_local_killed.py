"""A worker, or the gateway itself, is killed in the middle of a local picture: it is drawn all the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import served
from tests.gateway.household import RESPOND_ASYNC, household
from tests.gateway.processes import Processes
from tests.gateway.until import until
from tests.gateway.workshop import Workshop
from tests.workers.test_run import worker

LONG: dict[str, Any] = {"model": "sketch", "prompt": "the sea", "size": "512x512", "num_inference_steps": 100}


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    with Workshop() as running:
        yield running


def running_at(url: str) -> int:
    return httpx.get(f"{url}/v1/status").json()["running"]


def test_a_worker_killed_in_the_middle_is_followed_by_another(start: Start) -> None:
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        made = [stack.enter_context(worker("--follow-parent")) for _ in range(2)]
        gateway = start(providers={"local": {"workers": [url for _process, url, _port in made]}}, models={})
        drawing = threads.submit(gateway.generate, {**LONG, "n": 4})
        until(lambda: any(running_at(url) for _process, url, _port in made))
        [victim] = [process for process, url, _port in made if running_at(url)]
        victim.kill()
        told = served(drawing.result())
        assert [(each["provider"], each["outcome"]) for each in told["metadata"]["attempts"]] == [("local", "ok")]
        exposed = gateway.http.get("/metrics").text
        assert "easel_worker_losses_total 1.0" in exposed
        until(lambda: 'easel_workers{state="away"} 1.0' in gateway.http.get("/metrics").text)


def test_a_gateway_killed_in_the_middle_sends_the_call_again_under_its_id(
    simulators: Simulators, workshop: Workshop, tmp_path: Path
) -> None:
    painter = workshop.painter()
    body = {"model": "local/qwen-image", "prompt": "fox", "size": "64x64", "num_inference_steps": 2}
    local = {"local": {"workers": [painter.served.url]}}
    with Processes(tmp_path) as processes, household(simulators, tmp_path, processes, providers=local) as home:
        gateway = home.start()
        answer = gateway.http.post("/v1/images/generations", json=body, headers=RESPOND_ASYNC)
        assert answer.status_code == 202, answer.text
        until(lambda: painter.prompts == ["fox"])
        [before] = [job.id for job in painter.served.worker.desk.running]
        gateway.kill()
        until(lambda: not painter.served.worker.desk.running)
        painter.engine.allowed.set()
        job = home.ends(answer.json()["id"])
    assert (job["status"], job["cost"]) == ("succeeded", 0)
    assert [each["outcome"] for each in job["attempts"]] == ["ok"]
    assert (painter.prompts, before) == (["fox", "fox"], f"{job['id']}.0")
