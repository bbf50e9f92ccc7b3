"""Nothing of a job stays in memory when it is over: a picture has megabytes, and the garbage collector comes seldom."""

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.jobs.record import JobRecord
from tests.gateway.conftest import GoOn
from tests.gateway.drawn import asked, served
from tests.gateway.job_client import begun, ended
from tests.gateway.running import RunningGateway
from tests.gateway.until import until


@pytest.fixture(autouse=True)
def collected_by_nobody() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def record_of_the_only_job(gateway: RunningGateway) -> "weakref.ref[JobRecord]":
    assert gateway.app.jobs is not None
    running = gateway.app.jobs.jobs.running
    until(lambda: running)
    [job] = running.values()
    return weakref.ref(job.record)


def test_a_call_that_was_waited_for(easel: RunningGateway, go_on: GoOn) -> None:
    with ThreadPoolExecutor() as threads:
        call = threads.submit(easel.generate, asked(response_format="b64_json"))
        record = record_of_the_only_job(easel)
        go_on()
        served(call.result())
    until(lambda: record() is None)


def test_a_job_that_nobody_waited_for(easel: RunningGateway, go_on: GoOn) -> None:
    id = begun(easel, asked())
    record = record_of_the_only_job(easel)
    go_on()
    assert ended(easel, id)["status"] == "succeeded"
    until(lambda: record() is None)
