"""kill -9 in the middle of several calls, of an edit, of a cancellation, and before the webhook."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.store.jobs import ask_to_cancel
from simulators.running import Simulators
from tests.gateway.conftest import everyone
from tests.gateway.drawn import content_of, each, served
from tests.gateway.household import RESPOND_ASYNC, Household, household
from tests.gateway.job_client import shown, watched
from tests.gateway.photos import data_uri, photo
from tests.gateway.processes import Process, Processes
from tests.gateway.spent import settled
from tests.gateway.until import until
from tests.receiver import Receiver

FOUR = {"model": "replicate/qwen-image", "n": 4}  # a call each, of which two are out at once


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(tmp_path_factory.mktemp("logs")) as forker:
        yield forker


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def shared_home(
    all_simulators: Simulators, processes: Processes, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Household]:
    providers = everyone(all_simulators)
    providers["replicate"]["max_concurrency"] = 2
    own = {"own_origins": [receiver.url]}
    folder = tmp_path_factory.mktemp("home")
    with household(all_simulators, folder, processes, providers=providers, delivery=own) as home:
        yield home


@pytest.fixture
def home(shared_home: Household, simulators: Simulators, receiver: Receiver) -> Iterator[Household]:
    assert not simulators.calls()
    receiver.received.clear()
    shared_home.survivor.forget_trouble()
    with settled(shared_home.survivor, simulators):
        yield shared_home


def outcomes(job: dict[str, Any]) -> list[str]:
    return [attempt["outcome"] for attempt in job["attempts"]]


def sent(simulators: Simulators, provider: str = "replicate") -> int:
    return len(simulators.calls(provider, "submit"))


ONE_TAKES_LONG = {"provider": "replicate", "on": "status", "effect": "delay", "seconds": 60}


def test_calls_that_are_done_open_and_not_begun(home: Household, simulators: Simulators) -> None:
    """The third has the place of one that is over; the fourth waits for one."""
    simulators.set_faults([ONE_TAKES_LONG])
    id = home.dies_over({**FOUR, "prompt": "some of each"}, "ticket stored", nth=3)
    assert sent(simulators) == 3
    job = home.ends(id)
    assert (job["status"], outcomes(job), job["progress"]["images_done"]) == ("succeeded", ["ok"] * 4, 4)
    assert len({content_of(image) for image in job["result"]["data"]}) == 4
    assert sent(simulators) == simulators.paid("replicate") == 4
    types = [told.type for told in watched(home.survivor, f"/v1/jobs/{id}/events")]
    assert types == ["accepted", "started", *["image"] * 4, "finished"]


def test_one_lost_call_stops_what_was_not_begun_and_leaves_what_was_made(
    home: Household, simulators: Simulators
) -> None:
    """The request sent again draws only what is missing."""
    simulators.set_faults([ONE_TAKES_LONG])
    body = {**FOUR, "prompt": "one is lost"}
    job = home.ends(home.dies_over(body, "ticket lost", nth=3))
    assert (job["status"], sorted(outcomes(job))) == ("failed", ["ok", "ok", "unknown"])
    assert "2 of 4 pictures are missing; the 2 that were made stay with job" in job["error"]["message"]
    made = [content_of(image) for image in job["result"]["data"]]
    assert (len(made), sent(simulators), simulators.paid("replicate")) == (2, 3, 3)
    again = served(home.survivor.generate(body))
    assert sorted(each(again, "cache")) == ["miss", "miss", "shared", "shared"]
    assert set(made) < {content_of(image) for image in again["data"]}
    assert sent(simulators) == simulators.paid("replicate") == 5


@pytest.mark.parametrize("step", ["nothing sent", "ticket stored"])
def test_an_edit(home: Household, simulators: Simulators, step: str) -> None:
    """The picture that came with it is there for whoever goes on."""
    body = {"model": "fal/qwen-image-edit-plus", "prompt": step, "image": data_uri(photo())}
    id = home.dies_over(body, step, headers=RESPOND_ASYNC, route="edits")
    job = home.ends(id)
    [image] = job["result"]["data"]
    assert (job["status"], image["width"], image["height"]) == ("succeeded", 640, 448)
    assert content_of(image)
    [call] = simulators.calls("fal", "submit")
    assert call["body"]["image_urls"] == [body["image"]]
    assert simulators.paid("fal") == 1


def test_the_webhook_is_sent_by_the_next_one(home: Household, simulators: Simulators, receiver: Receiver) -> None:
    body = {"model": "fal/qwen-image", "prompt": "told later", "webhook_url": f"{receiver.url}/told"}
    id = home.dies_over(body, "finished", headers=RESPOND_ASYNC)
    assert (shown(home.survivor, id)["status"], receiver.received) == ("succeeded", [])
    home.deliver()
    [told] = receiver.wait(1)
    assert (told.json["data"]["id"], told.json["data"]["status"]) == (id, "succeeded")
    assert shown(home.survivor, id)["webhook"]["id"] == told.id
    assert simulators.paid("fal") == 1


def test_a_cancellation_is_carried_through(home: Household, simulators: Simulators) -> None:
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start("cancelling")
    id = begun_at(gateway, {"model": "fal/qwen-image", "prompt": "not any more"})
    until(lambda: sent(simulators, "fal") == 1)
    with contextlib.suppress(httpx.TransportError):
        gateway.http.post(f"/v1/jobs/{id}/cancel")
    gateway.wait()
    assert simulators.calls("fal", "cancel") == []
    job = home.ends(id)
    assert (job["status"], outcomes(job)) == ("cancelled", ["cancelled"])
    assert (sent(simulators, "fal"), len(simulators.calls("fal", "cancel"))) == (1, 1)


def test_what_was_cancelled_is_not_sent_again(home: Household, simulators: Simulators) -> None:
    """Nobody knows whether it was sent the first time; to look would be to send it."""
    id = home.dies_over({"model": "civitai/qwen-image", "prompt": "neither"}, "sending written")
    home.survivor.run(home.side.database.write(ask_to_cancel, "default", id))
    job = home.ends(id)
    assert (job["status"], outcomes(job), job["cost"]) == ("cancelled", ["unknown"], None)
    assert "may have been paid" in job["error"]["message"]
    assert simulators.calls() == []


def test_a_job_for_which_there_was_no_room_goes_on_too(home: Household, simulators: Simulators) -> None:
    """It was nobody's when its gateway died, or the survivor's already."""
    simulators.set_pace("fal", queue_seconds=3600)
    gateway = home.start(jobs={"max_running": 1})
    first, second = (begun_at(gateway, {"model": "fal/qwen-image", "prompt": name}) for name in ("one", "two"))
    until(lambda: simulators.calls("fal", "status"))
    gateway.kill()
    simulators.set_pace("fal")
    assert [home.ends(id)["status"] for id in (first, second)] == ["succeeded"] * 2
    assert sent(simulators, "fal") == simulators.paid("fal") == 2


def begun_at(gateway: Process, body: dict[str, Any]) -> str:
    """A job that is not waited for."""
    answer = gateway.http.post("/v1/images/generations", json=body, headers=RESPOND_ASYNC)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]
