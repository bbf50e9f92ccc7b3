"""Redis stops or hangs, over a network: limits hold by each gateway's share, and are shared again when it is back."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.store import redis
from simulators.running import Simulators
from tests.gateway.conftest import GoOn, Start
from tests.gateway.counted import counted
from tests.gateway.drawn import asked
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import bearing, make_key
from tests.gateway.until import until
from tests.gateway.valkey import Valkey

LIMIT = redis.LIMIT  # as outside of tests


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    with Valkey(tmp_path, network=True) as server:
        yield server


@pytest.fixture
def pair(
    start: Start, valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[RunningGateway, RunningGateway]:
    """Two gateways that share a database and a Redis, and know of each other."""
    monkeypatch.setattr(redis, "LIMIT", LIMIT)
    tables = {"redis": {"url": valkey.url}, "jobs": {"lease": 2}}
    first, second = (start(data_dir=tmp_path / "both", **tables) for _each in range(2))
    for gateway in (first, second):
        assert gateway.app.jobs is not None
        gateway.run(gateway.app.jobs.keeper.round())
    return first, second


def codes(gateway: RunningGateway, key: str, count: int, **more: object) -> list[int]:
    return [gateway.generate(asked(**more), headers=bearing(key)).status_code for _each in range(count)]


def back(gateway: RunningGateway) -> bool:
    return gateway.http.get("/readyz").json()["checks"]["redis"] == "ok"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hung"])
def test_each_keeps_its_share_and_says_so_once(
    pair: tuple[RunningGateway, RunningGateway], valkey: Valkey, how: signal.Signals
) -> None:
    first, second = pair
    key = make_key(first, requests_per_minute=6)
    assert codes(first, key, 1) == [200]
    with capture_logs() as logs:
        if how is signal.SIGSTOP:
            valkey.stop()
        else:
            valkey.kill()
        assert codes(first, key, 5) == [200, 200, 200, 429, 429], "half of six, for one of two"
        assert codes(second, key, 4) == [200, 200, 200, 429]
        refused = first.generate(asked(), headers=bearing(key))
        assert refused.headers["x-ratelimit-remaining-requests"] == "0"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        if how is signal.SIGSTOP:
            valkey.go_on()
        else:
            valkey.start()
        until(lambda: back(first) and back(second))
        other = make_key(first, requests_per_minute=6)
        assert codes(second, other, 3) + codes(first, other, 4) == [200] * 6 + [429], "shared again"
    for gateway, admitted in ((first, 3), (second, 3)):
        assert counted(gateway, "easel_limits_local_total", outcome="admitted") == admitted
        assert counted(gateway, "easel_limits_local_total", outcome="refused") >= 1
    events = [line["event"] for line in logs if line["event"].startswith("limits_")]
    assert sorted(events) == ["limits_local", "limits_local", "limits_shared", "limits_shared"]


def test_places_that_were_taken_meanwhile_are_held_when_it_is_back(
    pair: tuple[RunningGateway, RunningGateway], simulators: Simulators, valkey: Valkey, go_on: GoOn
) -> None:
    first, second = pair
    key = make_key(first, max_concurrent_images=2)
    valkey.kill()
    with ThreadPoolExecutor() as threads:
        drawing = threads.submit(codes, first, key, 1)
        until(lambda: simulators.paid("fal") == 1)
        assert codes(first, key, 1) == [429], "one of two is this one's share"
        valkey.start()
        until(lambda: back(first) and back(second))
        until(lambda: 429 in codes(first, key, 1, n=2, model="vllm-omni/qwen-image"))
        until(lambda: 429 in codes(second, key, 1, n=2, model="vllm-omni/qwen-image"))
        go_on()
        assert drawing.result() == [200]
    until(lambda: codes(second, key, 1, n=2) == [200])
