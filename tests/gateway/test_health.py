"""/healthz and /readyz: what they answer when a part is broken."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from gateway.settings import KEY_VARIABLES, read_settings
from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.counted import counted
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway
from tests.gateway.test_jobs_store_away import database_away


def ready(gateway: RunningGateway) -> tuple[int, str, dict[str, str]]:
    """Asked without a key, as an orchestrator does."""
    answer = httpx.get(f"{gateway.url}/readyz")
    body = answer.json()
    assert set(body["checks"]) == {"redis", "database", "storage", "catalog", "providers"}
    return answer.status_code, body["status"], body["checks"]


def test_a_gateway_that_runs_is_well_and_ready(easel: RunningGateway) -> None:
    well = httpx.get(f"{easel.url}/healthz")
    assert (well.status_code, well.json()) == (200, {"status": "ok"})
    status, word, checks = ready(easel)
    assert (status, word) == (200, "ready")
    assert (checks["redis"], checks["database"], checks["storage"]) == ("ok", "ok", "ok")


def test_checks_at_the_same_time_do_not_disturb_each_other(easel: RunningGateway) -> None:
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(ready, [easel] * 40))
    assert {(status, checks["storage"]) for status, _word, checks in answers} == {(200, "ok")}


def test_without_its_storage_it_is_not_ready_but_well(start: Start) -> None:
    gateway = start()
    images = gateway.app.settings.server.data_dir / "images"
    images.rename(images.with_name("gone"))
    images.write_bytes(b"a file where the folder was")
    status, word, checks = ready(gateway)
    assert (status, word) == (503, "not_ready")
    assert "store failed" in checks["storage"]
    assert str(images) not in checks["storage"]
    assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    images.unlink()
    images.with_name("gone").rename(images)
    assert ready(gateway)[:2] == (200, "ready")


def test_without_its_database_it_is_not_ready_but_well(start: Start) -> None:
    gateway = start(jobs={"lease": 600})  # nothing else looks into the database meanwhile
    with database_away(gateway):
        status, word, checks = ready(gateway)
        assert (status, word) == (503, "not_ready")
        assert checks["database"] != "ok"
        assert "easel.db" not in checks["database"]
        assert httpx.get(f"{gateway.url}/healthz").status_code == 200
    assert ready(gateway)[:2] == (200, "ready")


def test_storage_that_is_not_used_is_not_asked_for(start: Start) -> None:
    gateway = start(storage={"keep": False})
    images = gateway.app.settings.server.data_dir / "images"
    images.rename(images.with_name("gone"))
    images.write_bytes(b"a file where the folder was")
    assert ready(gateway)[:2] == (200, "ready")


def test_without_redis_it_is_ready_and_serves(start: Start, simulators: Simulators) -> None:
    gateway = start(redis={"url": "redis://127.0.0.1:9/0"})  # the discard port: nobody listens
    status, word, checks = ready(gateway)
    assert (status, word, checks["redis"]) == (200, "ready", "down")
    assert counted(gateway, "easel_redis_up") == 0
    for _twice in range(2):  # nothing is remembered, nothing fails
        answer = gateway.generate({**FOX, "model": "vllm-omni/qwen-image", "seed": 5})
        assert answer.status_code == 200, answer.text
    assert simulators.paid("vllm-omni") == 2


def test_without_any_provider_it_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in KEY_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    settings = read_settings(None, {"server": {"data_dir": tmp_path}, "auth": {"admin_key": ADMIN_KEY}})
    with RunningGateway(settings) as gateway:
        status, word, checks = ready(gateway)
        assert (status, word, checks["providers"]) == (503, "not_ready", "0 configured")
        assert gateway.http.get("/v1/models").status_code == 200
