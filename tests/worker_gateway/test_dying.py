"""Workers that end in the middle of a picture: one that is told to, and one that is killed."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.gateway.until import until
from tests.worker_gateway.pictures import RED
from tests.worker_gateway.processes import STEPS, TINY, WorkerProcess, gateway, workers

ASKED = {"model": TINY, "prompt": RED, "size": "128x128", "num_inference_steps": 60, "cache": "off"}


@pytest.fixture
def two(model: Path) -> Iterator[list[WorkerProcess]]:
    with workers(2, model, "--together", "1") as pair:
        yield pair


def test_who_draws_is_killed_and_who_is_told_to_end(two: list[WorkerProcess], tmp_path: Path) -> None:
    with gateway(tmp_path / "data", two) as http, ThreadPoolExecutor(1) as callers:
        asking = callers.submit(http.post, "/v1/images/generations", json={**ASKED, "seed": 1})
        killed, other = drawing_first(two)
        killed.signal(signal.SIGKILL)
        drawn_elsewhere(asking.result())
        assert other.metric("easel_worker_pictures_total") == 1
        before = other.metric(STEPS)
        asking = callers.submit(http.post, "/v1/images/generations", json={**ASKED, "seed": 2})
        until(lambda: other.metric(STEPS) > before)
        other.signal(signal.SIGTERM)
        drawn_elsewhere(asking.result())
    assert other.process.wait(60) == 0


def drawing_first(two: list[WorkerProcess]) -> tuple[WorkerProcess, WorkerProcess]:
    """The one of them that draws, once it does, and the other."""
    until(lambda: any(each.metric(STEPS) for each in two))
    busy = max(two, key=lambda each: each.metric(STEPS))
    return busy, next(each for each in two if each is not busy)


def drawn_elsewhere(answer: httpx.Response) -> None:
    """The caller sees nothing of it."""
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["data"]) == 1
