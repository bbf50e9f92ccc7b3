"""What the simulated providers post by themselves: when, to whom, how often, and what can be made of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from simulators.faults import BadFaults
from simulators.running import Simulators
from simulators.webhooks import is_here
from tests.gateway.until import until
from tests.simulators.fal_wire import Fal
from tests.simulators.receiver import Message, Receiver
from tests.simulators.replicate_wire import QWEN, Replicate
from tests.simulators.runware_wire import draw
from tests.simulators.wire import WIRE

PACED = {"seconds_per_image": 0.02}
Begin = Callable[[str], str]


@pytest.fixture
def fal_job(fal: Fal) -> Begin:
    def begin(url: str) -> str:
        answer = fal.submit("fal-ai/qwen-image", {"prompt": "x"}, params={"fal_webhook": url})
        return answer.json()["request_id"]

    return begin


@pytest.fixture
def replicate_job(replicate: Replicate) -> Begin:
    def begin(url: str) -> str:
        body = {"input": {"prompt": "x"}, "webhook": url, "webhook_events_filter": ["completed"]}
        return replicate.post(f"/models/{QWEN}/predictions", body).json()["id"]

    return begin


@pytest.fixture
def runware_job(simulators: Simulators) -> Begin:
    def begin(url: str) -> str:
        return draw(simulators, deliveryMethod="async", webhookURL=url)[0]["taskUUID"]

    return begin


@pytest.fixture(params=["fal", "replicate", "runware"])
def slug(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def begin(slug: str, request: pytest.FixtureRequest, simulators: Simulators) -> Begin:
    """Sends a job that is done by itself, and tells the URL."""
    simulators.set_pace(slug, **PACED)
    return request.getfixturevalue(f"{slug}_job")


def named(message: Message) -> str:
    told = message.json
    return told.get("request_id") or told.get("id") or told["taskUUID"]


def fault(slug: str, effect: str, **more: Any) -> dict[str, Any]:
    return {"provider": slug, "on": "webhook", "effect": effect, **more}


def test_it_comes_when_the_job_is_over_though_nobody_asks(begin: Begin, receiver: Receiver) -> None:
    job = begin(receiver.url)
    message = receiver.take()
    assert (named(message), message.path) == (job, receiver.path)
    assert message.headers["content-type"] == "application/json"


def test_one_that_is_not_taken_comes_again(slug: str, begin: Begin, receiver: Receiver, simulators: Simulators) -> None:
    receiver.statuses = [503]
    job = begin(receiver.url)
    first, second = receiver.take(), receiver.take()
    assert named(first) == job
    assert first.body == second.body


def test_a_redirect_is_the_end_of_it(begin: Begin, receiver: Receiver) -> None:
    receiver.statuses = [307, 503]
    moved = begin(receiver.url)
    assert named(receiver.take()) == moved
    other = begin(receiver.url)
    assert [named(receiver.take()) for _try in range(2)] == [other] * 2, "the first was tried again, or followed"


def test_a_script_makes_one_come_twice(slug: str, begin: Begin, receiver: Receiver, simulators: Simulators) -> None:
    simulators.set_faults([fault(slug, "twice")])
    begin(receiver.url)
    first, second = receiver.take(), receiver.take()
    assert first == second


def test_a_script_alters_one_after_it_was_signed(
    slug: str, begin: Begin, receiver: Receiver, simulators: Simulators
) -> None:
    simulators.set_faults([fault(slug, "altered")])
    job = begin(receiver.url)
    altered = receiver.take()
    assert (named(altered), altered.json["altered"]) == (job, True)
    begin(receiver.url)
    assert "altered" not in receiver.take().json


def test_a_script_loses_one(slug: str, begin: Begin, receiver: Receiver, simulators: Simulators) -> None:
    simulators.set_faults([fault(slug, "lost")])
    begin(receiver.url)
    until(lambda: not simulators.stage.script.told())
    job = begin(receiver.url)
    assert named(receiver.take()) == job


def test_what_was_posted_can_be_seen(slug: str, begin: Begin, receiver: Receiver, simulators: Simulators) -> None:
    receiver.statuses = [500]
    begin(receiver.url)
    receiver.take()
    message = receiver.take()
    until(lambda: len([each for each in simulators.posted(slug) if each.url == receiver.url]) == 2)
    first, second = told_of(simulators, receiver)
    assert ((first["provider"], first["status"]), (second["provider"], second["status"])) == ((slug, 500), (slug, 200))
    assert json.loads(second["body"]) == message.json
    simulators.reset()
    assert not told_of(simulators, receiver)


def told_of(simulators: Simulators, receiver: Receiver) -> list[dict[str, Any]]:
    told = WIRE.get(f"{simulators.origin}/_control/webhooks").json()
    return [each for each in told if each["url"] == receiver.url]


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "fal", "on": "webhook", "effect": "html"},
        {"provider": "fal", "on": "webhook", "effect": "nsfw"},
        {"provider": "fal", "on": "submit", "effect": "lost"},
        {"provider": "oxen", "on": "webhook", "effect": "lost"},
    ],
)
def test_what_cannot_happen_is_refused(wrong: dict[str, Any], simulators: Simulators) -> None:
    with pytest.raises(BadFaults):
        simulators.set_faults([wrong])


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/x", True),
        ("https://localhost/x", True),
        ("http://[::1]:8080/x", True),
        ("https://example.com/x", False),
        ("http://10.0.0.1/x", False),
        ("ftp://127.0.0.1/x", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_nobody_elsewhere_is_posted_to(url: str, here: bool) -> None:
    assert is_here(url) is here
