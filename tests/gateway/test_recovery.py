"""kill -9 at every step of a job's life: what was paid is brought in by the next process, and nothing is paid twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.drawn import content_of, opened
from tests.gateway.household import RESPOND_ASYNC, Household, household
from tests.gateway.job_client import watched
from tests.gateway.processes import Processes
from tests.gateway.spent import held_by_jobs, purse, settled

MODELS = {
    "fal": "fal/qwen-image",
    "runware": "runware/qwen-image",
    "civitai": "civitai/qwen-image",
    "lumenfall": "lumenfall/qwen-image",
}
ASKS = {"lumenfall": "generate"}
UNKNOWN = "its answer was lost: it may have been paid, and it was not sent again"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(tmp_path_factory.mktemp("logs")) as forker:
        yield forker


@pytest.fixture(scope="module")
def shared_home(
    all_simulators: Simulators, processes: Processes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    with household(all_simulators, tmp_path_factory.mktemp("home"), processes) as home:
        yield home


@pytest.fixture
def home(shared_home: Household, simulators: Simulators) -> Iterator[Household]:
    assert not simulators.calls()
    shared_home.survivor.forget_trouble()
    with settled(shared_home.survivor, simulators):
        yield shared_home


def ids_sent(simulators: Simulators, provider: str) -> list[Any]:
    """The id under which each picture was asked for, where that is ours."""
    calls = simulators.calls(provider, ASKS.get(provider, "submit"))
    bodies: list[dict[str, Any]] = [call["body"][0] if provider == "runware" else call["body"] for call in calls]
    return [body.get("taskUUID") or body.get("externalId") for body in bodies]


def assert_drawn(home: Household, job: dict[str, Any], images: int = 1) -> None:
    """It succeeded, with its pictures, and whoever watches it is told each thing once."""
    assert (job["status"], job["error"]) == ("succeeded", None), job
    assert [opened(content_of(image)).format for image in job["result"]["data"]] == ["PNG"] * images
    assert job["result"]["metadata"]["cost"] == job["cost"] > 0
    types = [told.type for told in watched(home.survivor, f"/v1/jobs/{job['id']}/events")]
    assert types == ["accepted", "started", *["image"] * images, "finished"]


@pytest.mark.parametrize("provider", MODELS)
def test_nothing_was_sent(home: Household, simulators: Simulators, provider: str) -> None:
    id = home.dies_over({"model": MODELS[provider], "prompt": "a fox"}, "nothing sent", headers=RESPOND_ASYNC)
    assert simulators.calls() == []
    assert_drawn(home, home.ends(id))
    assert (len(ids_sent(simulators, provider)), simulators.paid(provider)) == (1, 1)


@pytest.mark.parametrize("step", ["not written", "first call not written"])
def test_what_was_not_written_was_not_sent(home: Household, simulators: Simulators, step: str) -> None:
    """And its caller was promised nothing."""
    before = home.newest()
    headers = RESPOND_ASYNC if step == "not written" else None
    assert home.dies_over({"model": MODELS["fal"], "prompt": step}, step, headers=headers) == before
    home.take_up()
    assert simulators.calls() == []


TICKETS = ["ticket stored", "drawn, not fetched", "picture stored", "pictures not written", "pictures written"]


@pytest.mark.parametrize("provider", ["fal", "runware", "civitai"])
@pytest.mark.parametrize("step", TICKETS)
def test_a_ticket_is_followed_to_its_end(home: Household, simulators: Simulators, provider: str, step: str) -> None:
    id = home.dies_over({"model": MODELS[provider], "prompt": step}, step)
    assert (len(ids_sent(simulators, provider)), simulators.paid(provider)) == (1, 1)
    held = purse(home.survivor, "default")[1]
    assert held == held_by_jobs(home.survivor) > 0
    looks = len(simulators.calls())
    job = home.ends(id)
    assert_drawn(home, job)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["ok"]
    assert (len(ids_sent(simulators, provider)), simulators.paid(provider)) == (1, 1)
    if step == "pictures written":
        assert len(simulators.calls()) == looks, "there is nothing left to ask"


@pytest.mark.parametrize("provider", ["runware", "civitai"])
@pytest.mark.parametrize(("step", "sent_before"), [("sending written", 0), ("ticket lost", 1)])
def test_a_call_under_an_id_of_ours_is_sent_again(
    home: Household, simulators: Simulators, provider: str, step: str, sent_before: int
) -> None:
    id = home.dies_over({"model": MODELS[provider], "prompt": step}, step)
    assert len(ids_sent(simulators, provider)) == simulators.paid(provider) == sent_before
    job = home.ends(id)
    assert_drawn(home, job)
    assert [attempt["outcome"] for attempt in job["attempts"]] == ["ok"]
    sent = ids_sent(simulators, provider)
    assert (len(sent), len(set(sent)), simulators.paid(provider)) == (1 + sent_before, 1, 1)


LOST = [
    ("fal", "sending written", 0),
    ("fal", "ticket lost", 1),
    ("lumenfall", "sending written", 0),
    ("lumenfall", "answer lost", 1),
    ("lumenfall", "drawn, not fetched", 1),
    ("lumenfall", "picture stored", 1),
    ("lumenfall", "pictures not written", 1),
]


@pytest.mark.parametrize(("provider", "step", "sent"), LOST)
def test_what_nobody_can_find_again_is_told_and_not_sent_again(
    home: Household, simulators: Simulators, provider: str, step: str, sent: int
) -> None:
    id = home.dies_over({"model": MODELS[provider], "prompt": step}, step)
    job = home.ends(id)
    assert (job["status"], job["result"], job["cost"]) == ("failed", None, None)
    [attempt] = job["attempts"]
    assert (attempt["provider"], attempt["outcome"], attempt["reason"]) == (provider, "unknown", UNKNOWN)
    assert "may have been paid" in job["error"]["message"]
    assert len(ids_sent(simulators, provider)) == simulators.paid(provider) == sent


def test_pictures_of_a_call_without_a_ticket_are_safe_once_they_are_written(
    home: Household, simulators: Simulators
) -> None:
    id = home.dies_over({"model": MODELS["lumenfall"], "prompt": "a fox", "n": 2}, "pictures written")
    assert_drawn(home, home.ends(id), images=2)
    assert (len(simulators.calls("lumenfall", "generate")), simulators.paid("lumenfall")) == (1, 2)
