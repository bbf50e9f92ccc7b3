"""Processes that are asked to end, that stand still for longer than their lease, and those who wait for a dead one."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, func, select

from gateway.jobs.keeper import Keeper
from gateway.store.tables import jobs
from gateway.store.tables import processes as alive
from simulators.running import Simulators
from tests.gateway.conftest import everyone
from tests.gateway.drawn import content_of, each, failed, served
from tests.gateway.household import LEASE, RESPOND_ASYNC, Household, household
from tests.gateway.job_client import ended, shown
from tests.gateway.processes import Process, Processes
from tests.gateway.spent import settled
from tests.gateway.until import until

FAL = "fal/qwen-image"
DIRECT = "lumenfall/qwen-image"
ONE_BY_ONE = "replicate/qwen-image"  # a call for each picture, one at a time


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(tmp_path_factory.mktemp("logs")) as forker:
        yield forker


@pytest.fixture(scope="module")
def shared_home(
    all_simulators: Simulators, processes: Processes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    providers = everyone(all_simulators)
    providers["replicate"]["max_concurrency"] = 1
    with household(all_simulators, tmp_path_factory.mktemp("home"), processes, providers=providers) as home:
        yield home


@pytest.fixture
def home(shared_home: Household, simulators: Simulators) -> Iterator[Household]:
    assert not simulators.calls()
    shared_home.survivor.forget_trouble()
    with settled(shared_home.survivor, simulators):
        yield shared_home


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def generate(gateway: Process, **body: Any) -> httpx.Response:
    return gateway.http.post("/v1/images/generations", json=body)


def begun_at(gateway: Process, **body: Any) -> str:
    """A job that is not waited for."""
    answer = gateway.http.post("/v1/images/generations", json=body, headers=RESPOND_ASYNC)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def test_a_process_that_ends_hands_over_what_has_a_ticket(home: Household, simulators: Simulators) -> None:
    """At once; nobody waits for its lease to run out."""
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start()
    job = begun_at(gateway, model=FAL, prompt="handed over")
    until(lambda: shown(home.survivor, job)["attempts"] and len(simulators.calls("fal", "status")) > 0)
    gateway.send(signal.SIGTERM)
    gateway.wait()
    simulators.set_pace("fal")
    home.survivor.run(home.side.keeper.round())
    told = ended(home.survivor, job)
    assert (told["status"], [each["outcome"] for each in told["attempts"]]) == ("succeeded", ["ok"])
    assert len(simulators.calls("fal", "submit")) == simulators.paid("fal") == 1


def test_a_process_that_ends_waits_for_a_call_without_a_ticket(home: Household, simulators: Simulators) -> None:
    """And stays alive for the others meanwhile, which would take the call for lost."""
    simulators.set_faults([{"provider": "lumenfall", "on": "generate", "effect": "delay", "seconds": 1.5}])
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start(jobs={"lease": 1})
    direct = begun_at(gateway, model=DIRECT, prompt="finished first")
    ticketed = begun_at(gateway, model=FAL, prompt="not waited for")
    until(lambda: simulators.calls("lumenfall", "generate") and simulators.calls("fal", "status"))
    gateway.send(signal.SIGTERM)
    until(lambda: refuses(gateway))
    before = beat(home)
    until(lambda: beat(home) > before)
    simulators.set_pace("fal")
    home.survivor.run(home.side.keeper.round())
    assert ended(home.survivor, ticketed)["status"] == "succeeded"
    assert gateway.lives, "it still draws the other one"
    gateway.wait()
    assert shown(home.survivor, direct)["status"] == "succeeded"
    assert len(simulators.calls("lumenfall", "generate")) == simulators.paid("lumenfall") == 1
    assert len(simulators.calls("fal", "submit")) == simulators.paid("fal") == 1


def refuses(gateway: Process) -> bool:
    try:
        httpx.get(f"{gateway.url}/healthz")
    except httpx.TransportError:
        return True
    return False


def beat(home: Household) -> float:
    """The last one of the youngest process."""

    def read(connection: Connection) -> float:
        return connection.scalars(select(alive.c.beat).order_by(alive.c.started.desc()).limit(1)).one()

    return home.survivor.run(home.side.database.read(read))


def test_a_caller_who_waits_is_answered_before_the_end(
    home: Household, simulators: Simulators, threads: ThreadPoolExecutor
) -> None:
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start()
    waiting = threads.submit(generate, gateway, model=FAL, prompt="just in time")
    until(lambda: simulators.calls("fal", "status"))
    gateway.send(signal.SIGTERM)
    until(lambda: refuses(gateway))
    simulators.set_pace("fal")
    assert len(served(waiting.result())["data"]) == 1
    gateway.wait()


def test_a_process_that_stood_still_sends_nothing_for_what_it_lost(
    home: Household, simulators: Simulators, threads: ThreadPoolExecutor
) -> None:
    """Its caller gets what another one has made of his request."""
    simulators.set_pace("replicate", queue_seconds=3600)
    gateway = home.start()
    waiting = threads.submit(generate, gateway, model=ONE_BY_ONE, prompt="frozen", n=2)
    until(lambda: simulators.calls("replicate", "status"))
    job = home.newest()
    gateway.send(signal.SIGSTOP)
    simulators.set_pace("replicate")
    told = home.ends(job)
    assert (told["status"], len(told["result"]["data"])) == ("succeeded", 2)
    gateway.send(signal.SIGCONT)
    answer = served(waiting.result())
    assert [content_of(image) for image in answer["data"]] == [content_of(image) for image in told["result"]["data"]]
    assert len(simulators.calls("replicate", "submit")) == simulators.paid("replicate") == 2
    assert shown(home.survivor, job)["finished"] == told["finished"]


def test_a_call_that_outlived_its_lease_still_reaches_its_caller(
    home: Household, simulators: Simulators, threads: ThreadPoolExecutor
) -> None:
    """To everybody else its answer was lost."""
    simulators.set_faults([{"provider": "lumenfall", "on": "generate", "effect": "delay", "seconds": 0.5}])
    gateway = home.start()
    waiting = threads.submit(generate, gateway, model=DIRECT, prompt="late")
    until(lambda: simulators.calls("lumenfall", "generate"))
    gateway.send(signal.SIGSTOP)
    told = home.ends(home.newest())
    assert (told["status"], [each["outcome"] for each in told["attempts"]]) == ("failed", ["unknown"])
    until(lambda: simulators.paid("lumenfall") == 1)
    gateway.send(signal.SIGCONT)
    assert len(served(waiting.result())["data"]) == 1
    assert len(simulators.calls("lumenfall", "generate")) == 1


def test_who_was_cut_off_himself_takes_nobody_for_dead_at_once(home: Household, simulators: Simulators) -> None:
    """An outage of the database, or a clock that was set, is the same for all; what nobody has can be taken."""
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start(jobs={"max_running": 1})
    first, second = (begun_at(gateway, model=FAL, prompt=name) for name in ("begun", "waits"))
    until(lambda: simulators.calls("fal", "status"))
    gateway.kill()
    lease = LEASE / 2
    late, steady = (Keeper(home.side.jobs, home.side.events, home.side.database, lease) for _time in range(2))
    now = time.time()
    home.forget_the_dead(beat=now - lease)  # which the survivor's own keeper bears for longer
    late.beaten(now - lease)
    late.beaten(now)
    steady.beaten(now)
    simulators.set_pace("fal")
    home.survivor.run(late.round())
    assert ended(home.survivor, second)["status"] == "succeeded"
    assert shown(home.survivor, first)["status"] == "running"
    home.survivor.run(steady.round())
    assert ended(home.survivor, first)["status"] == "succeeded"
    assert len(simulators.calls("fal", "submit")) == simulators.paid("fal") == 2


@pytest.mark.parametrize("expired", [False, True])
@pytest.mark.parametrize("step", ["ticket stored", "ticket lost"])
def test_who_waits_for_a_dead_process_pays_nothing(
    home: Household, simulators: Simulators, threads: ThreadPoolExecutor, step: str, *, expired: bool
) -> None:
    """Whether or not the lease on the run has ended before somebody goes on with it."""
    body = {"model": FAL, "prompt": f"{step} {expired}", "seed": 7}
    simulators.set_pace("fal", queue_seconds=3600)
    job = home.dies_over(body, step)
    waiting = threads.submit(home.survivor.generate, body)
    assert home.survivor.app.deps is not None
    runs = home.survivor.app.deps.runs
    until(lambda: runs.waiting)
    if expired:
        home.end_runs()
        until(lambda: home.leader() not in (None, job))
    newcomer = threads.submit(home.survivor.generate, {**body, "user": "another"})
    simulators.set_pace("fal")
    home.take_up()
    answers = [waiting.result(), newcomer.result()]
    if step == "ticket lost":
        for answer in answers:
            failed(answer, 502, "provider_error")
            assert answer.headers["x-should-retry"] == "false"
    else:
        assert [each(served(answer), "cache") for answer in answers] == [["shared"]] * 2
        assert [answer.headers["x-easel-cost"] for answer in answers] == ["0", "0"]
    assert len(simulators.calls("fal", "submit")) == simulators.paid("fal") == 1


@pytest.mark.parametrize("late", [False, True])
def test_equal_requests_of_a_dead_process_are_told_apart(
    home: Household, simulators: Simulators, threads: ThreadPoolExecutor, *, late: bool
) -> None:
    """Nobody could write down that their callers had left; their SDKs send all of them again, to another process."""
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start()
    body = {"model": FAL, "prompt": "the same", "response_format": "b64_json"}
    lost = [threads.submit(generate, gateway, **body) for _copy in range(3)]
    until(lambda: len(simulators.calls("fal", "status")) >= 3 and len(simulators.calls("fal", "submit")) == 3)
    gateway.kill()
    assert all(isinstance(request.exception(), httpx.TransportError) for request in lost)
    again = {"x-stainless-retry-count": "1"}
    if late:
        home.take_up()
    resent = [threads.submit(home.survivor.generate, body, headers=again) for _copy in range(3)]
    until(lambda: waited_for(home) == 3)
    home.take_up()
    simulators.set_pace("fal")
    assert len({image["b64_json"] for request in resent for image in served(request.result())["data"]}) == 3
    assert len(simulators.calls("fal", "submit")) == simulators.paid("fal") == 3


def waited_for(home: Household) -> int:
    """How many jobs a request sent again has been led to."""

    def read(connection: Connection) -> int:
        return connection.scalar(select(func.count()).where(jobs.c.found > 0, jobs.c.finished.is_(None))) or 0

    return home.survivor.run(home.side.database.read(read))
