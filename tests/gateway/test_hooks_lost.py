"""A call whose receipt nobody has is found again by its provider's signed message, and paid once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.jobs import hooks
from gateway.settings import read_settings
from simulators.running import Simulators
from tests.gateway.counted import counted
from tests.gateway.drawn import failed, served
from tests.gateway.hooked import SIGNED, drawing, tables
from tests.gateway.job_client import ended, shown
from tests.gateway.post_office import PostOffice, deliver
from tests.gateway.processes import Process, Processes
from tests.gateway.running import RunningGateway
from tests.gateway.until import until


@pytest.fixture
def shared(office: PostOffice, simulators: Simulators, tmp_path: Path) -> dict[str, Any]:
    """Gateways that take up at once what one of them leaves behind."""
    return tables(office, simulators, tmp_path / "shared", jobs={"lease": 0.5})


@pytest.fixture
def gateway(shared: dict[str, Any]) -> Iterator[RunningGateway]:
    with RunningGateway(read_settings(None, shared)) as running:
        yield running


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(tmp_path_factory.mktemp("processes")) as running:
        yield running


def sent_once(simulators: Simulators, slug: str) -> None:
    assert len(simulators.calls(slug, "submit")) == simulators.paid(slug) == 1


@pytest.mark.parametrize("slug", SIGNED)
def test_the_answer_to_the_submission_was_lost(
    gateway: RunningGateway, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    office.to = gateway
    simulators.set_pace(slug, seconds_per_image=0.05)
    simulators.set_faults([{"provider": slug, "on": "submit", "effect": "drop_after"}])
    body = served(gateway.generate(drawing(slug)))
    assert [each["outcome"] for each in body["metadata"]["attempts"]] == ["ok"]
    sent_once(simulators, slug)


def test_nobody_tells_of_it(gateway: RunningGateway, simulators: Simulators, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "SEEK_SECONDS", 0.2)
    simulators.set_pace("fal", seconds_per_image=0.05)
    simulators.set_faults(
        [
            {"provider": "fal", "on": "submit", "effect": "drop_after"},
            {"provider": "fal", "on": "webhook", "effect": "lost"},
        ]
    )
    answer = gateway.generate(drawing("fal"))
    failed(answer, 502, "provider_error")
    assert answer.headers["x-should-retry"] == "false"
    sent_once(simulators, "fal")


@pytest.fixture
def doomed(processes: Processes, shared: dict[str, Any], gateway: RunningGateway) -> Process:
    """A second gateway, which is killed between a submission and its receipt."""
    return processes.start(shared, dies="ticket lost")


def left_behind(doomed: Process, gateway: RunningGateway, slug: str) -> str:
    """A job that the doomed gateway has begun."""
    with contextlib.suppress(httpx.TransportError):  # it may die before it has said so
        doomed.http.post("/v1/images/generations", json=drawing(slug), headers={"prefer": "respond-async"})
    doomed.wait()
    [job] = gateway.http.get("/v1/jobs").json()["data"]
    return job["id"]


@pytest.mark.parametrize("slug", SIGNED)
def test_its_gateway_was_killed_and_another_one_is_told(
    gateway: RunningGateway, doomed: Process, office: PostOffice, simulators: Simulators, slug: str
) -> None:
    office.to = gateway
    simulators.set_pace(slug, seconds_per_image=0.05)
    job = ended(gateway, left_behind(doomed, gateway, slug))
    assert job["status"] == "succeeded"
    assert [each["outcome"] for each in job["attempts"]] == ["ok"]
    sent_once(simulators, slug)


def test_the_message_comes_while_it_is_sought(
    gateway: RunningGateway, doomed: Process, shared: dict[str, Any], office: PostOffice, simulators: Simulators
) -> None:
    """And to a third gateway."""
    simulators.set_pace("fal", seconds_per_image=0.05)
    job = left_behind(doomed, gateway, "fal")
    message = office.message(job)
    until(lambda: counted(gateway, "easel_jobs_resumed_total"))
    assert shown(gateway, job)["status"] == "running"
    with RunningGateway(read_settings(None, shared)) as third:
        assert deliver(message, third).json() == {"status": "accepted"}
        over = ended(gateway, job)
    assert over["status"] == "succeeded"
    sent_once(simulators, "fal")


def test_a_call_under_our_own_id_is_sent_again_as_it_was(
    gateway: RunningGateway, doomed: Process, office: PostOffice, simulators: Simulators
) -> None:
    """With the same address: a provider is asked for the same thing, or for nothing new."""
    office.to = gateway
    simulators.set_pace("runware", seconds_per_image=0.05)
    job = ended(gateway, left_behind(doomed, gateway, "runware"))
    assert job["status"] == "succeeded"
    [first, again] = simulators.calls("runware", "submit")
    assert first["body"] == again["body"]
    assert f"/v1/hooks/runware/{job['id']}.0." in first["body"][0]["webhookURL"]
    assert simulators.paid("runware") == 1
