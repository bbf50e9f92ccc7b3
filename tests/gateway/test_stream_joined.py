"""A streamed request that was there before: replayed under its key, sent again by an SDK, or running elsewhere."""

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, failed
from tests.gateway.running import RunningGateway
from tests.gateway.stream_client import Told, events, streamed
from tests.gateway.until import until

STILL_HERE = ": still here"


def key() -> dict[str, str]:
    return {"idempotency-key": str(uuid.uuid4())}


def told_in(answer: httpx.Response) -> dict[int, Told]:
    return {event.data.get("image_index", 0): event for event in events(answer)}


def unsigned(told: dict[int, Told]) -> dict[int, dict[str, Any]]:
    """What a replay has in common with the first answer: all but signatures, and who brings usage and metadata."""
    passing = {"url", "metadata", "usage", "created_at"}
    return {index: {name: event.data[name] for name in event.data.keys() - passing} for index, event in told.items()}


def test_a_replay_streams_the_same_pictures(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(n=2, response_format="both"), key()
    with streamed(easel, body, headers=under) as first:
        drawn = told_in(first)
    before = simulators.calls()
    with streamed(easel, body, headers=under) as again:
        replayed = told_in(again)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert again.headers["x-easel-provider"] == "fal"
    assert unsigned(replayed) == unsigned(drawn)
    [metadata] = [event.data["metadata"] for event in drawn.values() if "metadata" in event.data]
    assert [event.data.get("metadata") for event in replayed.values()] == [None, metadata]
    assert httpx.get(replayed[0].data["url"]).status_code == 200
    assert simulators.calls() == before


def test_one_key_is_not_for_a_stream_and_for_an_answer(easel: RunningGateway, simulators: Simulators) -> None:
    body, under = asked(), key()
    with streamed(easel, body, headers=under) as first:
        told_in(first)
    failed(easel.generate(body, headers=under), 422, "idempotency_mismatch")
    assert simulators.paid("fal") == 1


def test_a_replay_of_a_failure_has_its_status(easel: RunningGateway, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "openai", "on": "generate", "effect": "moderated"}])
    body, under = asked(model="gpt-image-2", size="1024x1024", stream=True), key()
    message = failed(easel.generate(body, headers=under), 400, "content_policy_violation")
    again = easel.generate(body, headers=under)
    assert failed(again, 400, "content_policy_violation") == message
    assert again.headers["content-type"] == "application/json"
    assert len(simulators.calls("openai", "generate")) == 1


def test_pictures_that_are_gone_are_not_streamed(start: Start, simulators: Simulators) -> None:
    gateway = start()
    body, under = asked(), key()
    with streamed(gateway, body, headers=under) as first:
        told_in(first)
    for picture in (gateway.app.settings.server.data_dir / "images").rglob("*.png"):
        picture.unlink()
    again = gateway.generate({**body, "stream": True}, headers=under)
    assert "under another Idempotency-Key" in failed(again, 404, "not_found")


def test_a_request_that_an_sdk_sends_again_joins_the_stream(
    easel: RunningGateway, simulators: Simulators, go_on: GoOn
) -> None:
    body = asked(n=2)
    with streamed(easel, body, headers={"x-stainless-retry-count": "0"}) as first:
        until(lambda: simulators.calls("fal", "submit"))
        with streamed(easel, body, headers={"x-stainless-retry-count": "1"}) as again:
            go_on()
            one, other = told_in(first), told_in(again)
    assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert "idempotent-replayed" not in again.headers
    assert unsigned(one) == unsigned(other)
    assert len(simulators.calls("fal", "submit")) == 1


@pytest.fixture
def pair(start: Start, tmp_path: Path) -> tuple[RunningGateway, RunningGateway]:
    """Two gateways on one database; the second one has no key for fal."""
    return start(data_dir=tmp_path / "both"), start(data_dir=tmp_path / "both", providers={"fal": {}})


def test_a_job_of_another_process_is_waited_for(
    pair: tuple[RunningGateway, RunningGateway], simulators: Simulators, go_on: GoOn
) -> None:
    body, under = asked(model="fal/qwen-image", n=2), key()
    failed(pair[1].generate(body), 503, "no_provider")
    with streamed(pair[0], body, headers=under) as here, streamed(pair[1], body, headers=under) as there:
        lines = there.iter_lines()
        assert [next(lines), next(lines)] == [STILL_HERE, ""]
        go_on()
        drawn = told_in(here)
        rest = "\n".join(lines)
    assert there.headers["idempotent-replayed"] == "true"
    assert [rest.count(f'"image_index":{index}') for index in (0, 1)] == [1, 1]
    assert all(event.data["b64_json"] in rest for event in drawn.values())
    assert simulators.paid("fal") == 2
