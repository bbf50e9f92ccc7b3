"""The deadline bounds finishing too; what was paid is kept for the next try all the same."""

import os
import signal

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, opened, served
from tests.gateway.running import RunningGateway
from tests.gateway.until import until


def finishing_processes(gateway: RunningGateway) -> list[int]:
    assert gateway.app.deps is not None
    pool = gateway.app.deps.finisher._pool  # pyright: ignore[reportPrivateUsage] - the test stops what is in it
    return [] if pool is None else list(pool._processes)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("whose", ["server", "jobs"])
def test_a_picture_that_is_finished_too_late_is_kept(start: Start, simulators: Simulators, whose: str) -> None:
    """Too late for who waits, or for the job itself."""
    gateway = start(**{whose: {"deadline": 1}})
    until(lambda: gateway.generate(asked(output_format="webp")).status_code == 200)  # the processes are there
    paid = simulators.paid("fal")
    body = asked(seed=1, output_format="webp")
    for process in finishing_processes(gateway):
        os.kill(process, signal.SIGSTOP)
    try:
        answer = gateway.generate(body)
    finally:
        for process in finishing_processes(gateway):
            os.kill(process, signal.SIGCONT)
    message = failed(answer, 504, "timeout")
    assert answer.headers["x-request-id"] in message
    assert answer.headers["x-should-retry"] == "false"
    until(lambda: gateway.generate(body, headers={"X-Easel-Cache": "only"}).status_code == 200)
    again = served(gateway.generate(body))
    assert each(again, "cache") == ["hit"]
    assert opened(content_of(again["data"][0])).format == "WEBP"
    assert simulators.paid("fal") == paid + 1
