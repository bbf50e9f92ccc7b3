"""A device that hangs is noticed and given up, and a worker that is told to end while it loads does."""

import signal
import sys

import httpx
import pytest

from tests.workers.serving import serve
from tests.workers.stepwise import Stepwise
from tests.workers.test_run import generation, read_until, worker
from workers.at_work import AtWork

# A worker whose engine hangs in the method that the first argument names; the second is how long until it is stuck.
HANGS = """
import logging, sys, threading, time
from tests.workers.stepwise import Stepwise
from workers import engines
from workers.options import WorkerOptions
from workers.run import run

def hang(*_arguments):
    while sys.argv[1] == "load":
        _arguments[-1]("loading", None)
        time.sleep(0.01)
    threading.Event().wait()

logging.disable(logging.INFO)
engine = Stepwise()
engine.allowed.set()
setattr(engine, sys.argv[1], hang)
engines.ENGINES = {"hangs": lambda _options: engine}
sys.exit(run(WorkerOptions("hangs", stuck_seconds=float(sys.argv[2]), drain_seconds=0)))
"""


def test_what_is_done_for_the_longest_time_counts() -> None:
    now = 5.0
    at_work = AtWork(lambda: now)
    assert at_work.seconds() == 0
    with at_work:
        now = 7.5
        assert at_work.seconds() == 2.5
    assert at_work.seconds() == 0


async def test_a_forward_that_does_not_return_turns_livez() -> None:
    stepwise = Stepwise()
    async with serve(stepwise, stuck_seconds=0.2) as served:
        assert (await served.get("/livez"))[0] == 200
        status, answer = await served.post({"prompt": "p"})
        assert (status, answer["error"]["code"]) == (503, "draining"), "another worker may draw it"
        status, answer = await served.get("/livez")
        assert (status, answer["error"]["code"]) == (503, "draining")
        assert (await served.get("/readyz"))[0] == 503
        async with served.http.get("/metrics") as metrics:
            [line] = [line for line in (await metrics.text()).splitlines() if line.startswith("easel_worker_at_it")]
        assert float(line.split()[1]) > 0.2
        assert served.worker.broken.is_set()


@pytest.mark.parametrize("where", ["begin", "step", "finish"])
def test_a_worker_that_hangs_hands_back_and_ends(where: str) -> None:
    with worker(where, "0.5", command=[sys.executable, "-c", HANGS]) as (process, url, _port):
        answer = httpx.post(f"{url}/v1/images/generations", json={"prompt": "p"}, timeout=30)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
        assert process.wait(30) == 1


def test_sigterm_while_it_loads_ends_it() -> None:
    with (
        worker("load", "600", command=[sys.executable, "-c", HANGS]) as (process, url, port),
        generation(port, {"prompt": "p"}) as connection,
    ):
        assert httpx.get(f"{url}/readyz", timeout=30).status_code == 503
        process.send_signal(signal.SIGTERM)
        assert b'"code":"draining"' in read_until(connection, b"}}")
        assert process.wait(30) == 0


def test_a_second_sigterm_does_not_wait_for_a_forward_that_hangs() -> None:
    with (
        worker("step", "600", command=[sys.executable, "-c", HANGS]) as (process, url, port),
        generation(port, {"prompt": "p"}) as connection,
    ):
        while httpx.get(f"{url}/v1/status", timeout=30).json()["running"] == 0:
            continue
        process.send_signal(signal.SIGTERM)
        assert b'"code":"draining"' in read_until(connection, b"no more")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, "it waits 30 s for the forward that it is in"
