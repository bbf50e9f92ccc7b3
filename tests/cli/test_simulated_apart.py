"""Placeholders of `easel serve --simulate` never meet a gateway that serves in earnest."""

from pathlib import Path

import httpx
import pytest

from tests.cli.running import ADMIN_KEY, Served, served

SEEDED = {"model": "sketch", "prompt": "a fox", "size": "256x256", "seed": 5}


def cached(running: Served) -> str:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    answer = httpx.post(f"{running.url}/v1/images/generations", json=SEEDED, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-easel-cache"]


def test_what_was_drawn_simulated_is_not_in_the_cache_of_a_real_gateway(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served(data, "--simulate") as simulated:
        assert [cached(simulated), cached(simulated)] == ["miss", "hit"]
    with served(data) as real:
        assert cached(real) == "miss"
    with served(data, "--simulate") as simulated:
        assert cached(simulated) == "hit"


def test_its_jobs_are_in_a_database_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the configuration names one for the jobs in earnest."""
    real = tmp_path / "real.db"
    monkeypatch.setenv("EASEL_DATABASE__URL", f"sqlite:///{real}")
    with served(tmp_path / "data", "--simulate") as simulated:
        assert cached(simulated) == "miss"
    assert not real.exists()
    assert (tmp_path / "data" / "simulated" / "easel.db").exists()
