"""A Postgres that goes away and comes back: nothing is sent that is not written, and nothing drawn is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.conftest import make_tables
from tests.gateway.conftest import everyone
from tests.gateway.drawn import content_of, each, failed, served
from tests.gateway.household import Household, household
from tests.gateway.job_client import ended, watched
from tests.gateway.processes import Processes
from tests.gateway.spent import settled
from tests.gateway.until import until
from tests.postgres import PostgresServer

FAL = "fal/qwen-image"
DIRECT = "lumenfall/qwen-image"
CIVITAI = "civitai/qwen-image"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """One that may be stopped: others use theirs."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def shared_home(
    all_simulators: Simulators, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    url = postgres.new_database()
    make_tables(url)
    providers = everyone(all_simulators)
    providers["fal"]["max_concurrency"] = 1
    folder = tmp_path_factory.mktemp("home")
    with (
        Processes(folder) as processes,
        household(all_simulators, folder, processes, url, providers=providers) as home,
    ):
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


LIVES = [
    (FAL, "ticket lost", "failed", 1),
    (FAL, "ticket stored", "succeeded", 1),
    (CIVITAI, "ticket lost", "succeeded", 2),
    (DIRECT, "answer lost", "failed", 1),
    (DIRECT, "pictures written", "succeeded", 1),
]


@pytest.mark.parametrize("life", LIVES)
def test_a_killed_process_on_postgres(home: Household, simulators: Simulators, life: tuple[str, str, str, int]) -> None:
    model, step, status, sent = life
    provider = model.partition("/")[0]
    job = home.ends(home.dies_over({"model": model, "prompt": step}, step))
    assert job["status"] == status
    if status == "succeeded":
        assert content_of(job["result"]["data"][0])
        types = [told.type for told in watched(home.survivor, f"/v1/jobs/{job['id']}/events")]
        assert types == ["accepted", "started", "image", "finished"]
    else:
        assert [attempt["outcome"] for attempt in job["attempts"]] == ["unknown"]
    asked = [*simulators.calls(provider, "submit"), *simulators.calls(provider, "generate")]
    assert (len(asked), simulators.paid(provider)) == (sent, 1)


def generate(home: Household, **body: Any) -> httpx.Response:
    return home.survivor.generate(body)


def newest_after(home: Household, count: int) -> str:
    """The job that was begun since there were so many."""
    until(lambda: len(jobs(home)) > count)
    return jobs(home)[0]["id"]


def jobs(home: Household) -> list[dict[str, Any]]:
    return home.survivor.http.get("/v1/jobs", params={"limit": 100}).json()["data"]


def test_nothing_is_sent_that_cannot_be_written(
    home: Household, simulators: Simulators, postgres: PostgresServer
) -> None:
    before = len(jobs(home))
    postgres.stop()
    answers = [generate(home, model=model, prompt="a fox") for model in (FAL, DIRECT, CIVITAI)]
    postgres.start()
    for answer in answers:
        failed(answer, 503, "overloaded")
    assert simulators.calls() == []
    assert len(jobs(home)) == before


STEPS = [(FAL, "submit"), (FAL, "status"), (FAL, "result"), (FAL, "download"), (DIRECT, "generate")]


@pytest.mark.parametrize("at", STEPS, ids="-".join)
def test_what_is_drawn_reaches_its_caller_and_is_written_later(
    home: Household, simulators: Simulators, postgres: PostgresServer, threads: ThreadPoolExecutor, at: tuple[str, str]
) -> None:
    """The database goes away while the provider is being asked, and comes back after the answer."""
    model, step = at
    provider = model.partition("/")[0]
    simulators.set_faults([{"provider": provider, "on": step, "effect": "delay", "seconds": 0.7}])
    count = len(jobs(home))
    waiting = threads.submit(generate, home, model=model, prompt=step)
    until(lambda: simulators.calls(provider, step))
    postgres.stop()
    answer = served(waiting.result())
    postgres.start()
    job = ended(home.survivor, newest_after(home, count))
    assert (job["status"], [attempt["outcome"] for attempt in job["attempts"]]) == ("succeeded", ["ok"])
    pictures = [content_of(image) for image in answer["data"]]
    assert pictures == [content_of(image) for image in job["result"]["data"]]
    types = [told.type for told in watched(home.survivor, f"/v1/jobs/{job['id']}/events")]
    assert types == ["accepted", "started", "image", "finished"]
    assert simulators.paid(provider) == 1


def test_a_second_call_is_not_sent_unwritten_and_the_first_ones_pictures_stay(
    home: Household, simulators: Simulators, postgres: PostgresServer, threads: ThreadPoolExecutor
) -> None:
    """Five pictures are two calls, one after the other."""
    simulators.set_pace("fal", queue_seconds=3600)
    count = len(jobs(home))
    body = {"model": FAL, "prompt": "five of them", "n": 5}
    waiting = threads.submit(home.survivor.generate, body)
    until(lambda: simulators.calls("fal", "status"))
    postgres.stop()
    simulators.set_pace("fal")
    message = failed(waiting.result(), 502, "provider_error")
    postgres.start()
    assert "1 of 5 pictures are missing; the 4 that were made stay with job" in message
    job = ended(home.survivor, newest_after(home, count))
    assert (job["status"], len(job["result"]["data"])) == ("failed", 4)
    told = [(attempt["outcome"], attempt.get("reason")) for attempt in job["attempts"]]
    unsent = "the database, which keeps what is paid for, does not answer; nothing was sent"
    assert told == [("ok", None), ("busy", unsent)]
    assert simulators.paid("fal") == 4
    again = served(home.survivor.generate(body))
    assert sorted(each(again, "cache")) == ["miss", *["shared"] * 4]
    assert simulators.paid("fal") == 5
