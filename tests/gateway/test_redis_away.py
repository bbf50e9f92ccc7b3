"""Redis may die, hang or come back at any moment: requests go on, only what is known is unknown for a while."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.store import redis
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.drawn import asked, content_of, served
from tests.gateway.running import RunningGateway
from tests.gateway.until import until
from tests.gateway.valkey import Valkey

LIMIT = 0.05  # seconds, as outside of tests


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "LIMIT", LIMIT)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server of the user's own."""
    with Valkey(tmp_path) as server:
        yield server


@pytest.fixture
def gateway(start: Start, valkey: Valkey, impatient: None) -> RunningGateway:
    return start(redis={"url": valkey.url})


def state(gateway: RunningGateway) -> str:
    """What /readyz says of Redis, which being away makes nothing less ready."""
    ready = gateway.http.get("/readyz")
    assert ready.status_code == 200
    word: str = ready.json()["checks"]["redis"]
    return word


def test_requests_go_on_without_it_and_remember_again_with_it(
    gateway: RunningGateway, simulators: Simulators, valkey: Valkey
) -> None:
    body = asked(seed=1)
    drawn = served(gateway.generate(body))
    valkey.kill()
    again = gateway.generate(body)
    assert (again.status_code, again.headers["x-easel-cache"]) == (200, "miss")
    assert content_of(served(again)["data"][0]) == content_of(drawn["data"][0])
    assert (simulators.paid("fal"), state(gateway)) == (2, "down")
    valkey.start()
    until(lambda: state(gateway) == "ok")
    assert gateway.generate(body).headers["x-easel-cache"] == "miss"
    assert gateway.generate(body).headers["x-easel-cache"] == "hit"
    assert simulators.paid("fal") == 3


def test_only_says_not_cached_while_it_is_away(gateway: RunningGateway, simulators: Simulators, valkey: Valkey) -> None:
    valkey.kill()
    answer = gateway.generate(asked(seed=1), headers={"x-easel-cache": "only"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_cached")
    assert simulators.calls() == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_a_request_in_the_middle_is_finished(
    gateway: RunningGateway, simulators: Simulators, valkey: Valkey, go_on: GoOn, how: signal.Signals
) -> None:
    body = asked(seed=1)
    with ThreadPoolExecutor() as threads:
        drawing = threads.submit(gateway.generate, body)
        until(lambda: simulators.paid("fal") == 1)
        os.kill(valkey.pid, how)
        beside = threads.submit(gateway.generate, asked(seed=1, model="vllm-omni/qwen-image"))
        assert beside.result().headers["x-easel-cache"] == "miss"
        follower = threads.submit(gateway.generate, body)
        go_on()
        assert served(drawing.result())["data"]
        assert served(follower.result())["data"]
    assert simulators.paid("fal") <= 2


def test_one_that_is_not_there_at_the_start_stops_nothing(start: Start, tmp_path: Path) -> None:
    gateway = start(redis={"url": f"unix://{tmp_path}/nobody"})
    assert gateway.generate(asked(seed=1)).headers["x-easel-cache"] == "miss"
    assert state(gateway) == "down"
