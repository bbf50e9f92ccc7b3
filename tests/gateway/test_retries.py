"""What cost nothing is tried again, what may have been paid never is: the providers' own counters are the judges."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, content_of, each, failed, served
from tests.gateway.job_client import ended, shown
from tests.gateway.running import RunningGateway

OTHER = {"fal": "lumenfall", "lumenfall": "vllm-omni", "vllm-omni": "fal"}


def attempts(body: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(row["provider"], row["outcome"], row["images"]) for row in body["metadata"]["attempts"]]


@pytest.mark.parametrize(
    ("provider", "fault", "outcome"),
    [
        ("fal", {"on": "submit", "effect": "status", "status": 429, "headers": {"Retry-After": "0"}}, "rate"),
        ("fal", {"on": "submit", "effect": "status", "status": 503}, "failed"),
        ("fal", {"on": "submit", "effect": "failed"}, "failed"),
        ("lumenfall", {"on": "generate", "effect": "status", "status": 429}, "rate"),
        ("lumenfall", {"on": "generate", "effect": "failed"}, "busy"),
        ("vllm-omni", {"on": "generate", "effect": "status", "status": 503}, "busy"),
        ("vllm-omni", {"on": "generate", "effect": "failed"}, "failed"),
    ],
)
def test_what_cost_nothing_is_tried_again(
    easel: RunningGateway, simulators: Simulators, provider: str, fault: dict[str, Any], outcome: str
) -> None:
    simulators.set_faults([{"provider": provider, "times": 2, **fault}])
    body = served(easel.generate(asked(seed=1, model=f"{provider}/qwen-image")))
    assert attempts(body) == [(provider, outcome, 0), (provider, outcome, 0), (provider, "ok", 1)]
    assert simulators.paid(provider) == 1
    assert all(row["duration_ms"] >= 0 for row in body["metadata"]["attempts"])
    first, *others = [call["body"] for call in simulators.calls(provider) if call["step"] in {"submit", "generate"}]
    assert others == [first, first]


LOST: list[tuple[str, dict[str, Any], int]] = [
    ("fal", {"on": "submit", "effect": "drop_before"}, 0),
    ("fal", {"on": "submit", "effect": "drop_after"}, 1),
    ("fal", {"on": "submit", "effect": "html"}, 0),
    ("fal", {"on": "result", "effect": "html", "times": -1}, 1),
    ("fal", {"on": "result", "effect": "empty", "times": -1}, 1),
    ("fal", {"on": "result", "effect": "not_a_picture"}, 1),
    ("fal", {"on": "result", "effect": "status", "status": 404, "times": 3}, 1),
    ("fal", {"on": "download", "effect": "empty", "times": -1}, 1),
    ("fal", {"on": "download", "effect": "status", "status": 404}, 1),
    ("lumenfall", {"on": "generate", "effect": "drop_before"}, 0),
    ("lumenfall", {"on": "generate", "effect": "drop_after"}, 1),
    ("lumenfall", {"on": "generate", "effect": "html"}, 0),
    ("lumenfall", {"on": "generate", "effect": "empty"}, 1),
    ("vllm-omni", {"on": "generate", "effect": "drop_after"}, 1),
    ("vllm-omni", {"on": "generate", "effect": "not_a_picture"}, 1),
    ("vllm-omni", {"on": "generate", "effect": "status", "status": 504, "body": "upstream timed out"}, 0),
]


@pytest.mark.parametrize(("provider", "fault", "paid"), LOST, ids=[f"{who} {fault}" for who, fault, _paid in LOST])
def test_what_may_be_paid_is_never_sent_again(
    by_route: dict[str, RunningGateway], simulators: Simulators, provider: str, fault: dict[str, Any], paid: int
) -> None:
    simulators.set_faults([{"provider": provider, **fault}])
    answer = by_route[provider].generate(asked(seed=1))
    message = failed(answer, 502, "provider_error")
    assert "may have been paid" in message
    assert answer.headers["x-should-retry"] == "false"
    asked_for = [call for call in simulators.calls(provider) if call["step"] in {"submit", "generate"}]
    assert len(asked_for) == 1
    assert simulators.paid(provider) == paid
    assert simulators.calls(OTHER[provider]) == []


@pytest.fixture
def by_route(start: Start, easel: RunningGateway, request: pytest.FixtureRequest) -> dict[str, RunningGateway]:
    """A gateway that asks this provider first, with another one behind it."""
    provider = request.node.callspec.params["provider"]
    if provider == "fal":
        return {"fal": easel}
    return {provider: start(models={"qwen-image": {"route": [provider, OTHER[provider]]}})}


@pytest.mark.parametrize(
    "faults",
    [
        [{"on": "status", "effect": "drop_before", "times": 2}],
        [{"on": "status", "effect": "status", "status": 503, "times": 2}],
        [{"on": "status", "effect": "html", "times": 2}],
        [{"on": "status", "effect": "status", "status": 404}],
        [{"on": "result", "effect": "drop_after", "times": 2}],
        [{"on": "result", "effect": "status", "status": 502, "body": "Bad Gateway", "times": 2}],
        [{"on": "download", "effect": "drop_before"}, {"on": "download", "effect": "drop_after"}],
        [{"on": "download", "effect": "status", "status": 500}, {"on": "download", "effect": "status", "status": 429}],
    ],
    ids=str,
)
def test_a_picture_that_is_hard_to_get_is_paid_once(
    easel: RunningGateway, simulators: Simulators, faults: list[dict[str, Any]]
) -> None:
    simulators.set_faults([{"provider": "fal", **fault} for fault in faults])
    body = served(easel.generate(asked(seed=1)))
    assert attempts(body) == [("fal", "ok", 1)]
    assert content_of(body["data"][0]).startswith(b"\x89PNG")
    assert simulators.paid("fal") == 1
    assert len(simulators.calls("fal", "submit")) == 1


def test_only_the_call_that_failed_is_tried_again(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "failed"}])
    body = served(easel.generate(asked(n=8)))
    assert sorted(attempts(body)) == [("fal", "failed", 0), ("fal", "ok", 4), ("fal", "ok", 4)]
    assert (len(simulators.calls("fal", "submit")), simulators.paid("fal")) == (3, 8)
    assert len({content_of(image) for image in body["data"]}) == 8


def test_a_wrong_size_is_told_as_it_is(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "download", "effect": "wrong_size"}])
    body = served(easel.generate(asked(size="640x320")))
    assert (each(body, "width"), each(body, "height"), body["size"]) == ([320], [160], "320x160")
    assert simulators.paid("fal") == 1


@pytest.mark.parametrize(("provider", "seconds"), [("fal", 3600), ("vllm-omni", 1.5)])
def test_a_deadline_ends_the_waiting_and_not_the_work(
    start: Start, simulators: Simulators, provider: str, seconds: float
) -> None:
    gateway = start(server={"deadline": 0.3})
    simulators.set_pace(provider, queue_seconds=seconds)
    answer = gateway.generate(asked(seed=1, model=f"{provider}/qwen-image"))
    message = failed(answer, 504, "timeout")
    assert answer.headers["x-request-id"] in message
    assert answer.headers["x-should-retry"] == "false"
    assert shown(gateway, answer.headers["x-request-id"])["status"] == "running"
    simulators.set_pace(provider)
    job = ended(gateway, answer.headers["x-request-id"])
    assert (job["status"], len(job["result"]["data"])) == ("succeeded", 1)
    assert simulators.calls("fal", "cancel") == []
    assert len([call for call in simulators.calls(provider) if call["step"] in {"submit", "generate"}]) == 1
    assert [call for call in simulators.calls() if call["provider"] != provider] == []
    assert simulators.paid(provider) == 1


def test_a_picture_whose_download_never_works_ends_with_the_deadline(start: Start, simulators: Simulators) -> None:
    gateway = start(jobs={"deadline": 1})
    simulators.set_faults([{"provider": "fal", "on": "download", "effect": "status", "status": 503, "times": -1}])
    answer = gateway.generate(asked(seed=1))
    failed(answer, 504, "timeout")
    assert answer.headers["x-should-retry"] == "false"
    assert simulators.paid("fal") == 1
    assert len(simulators.calls("fal", "download")) > 1
