"""Placeholders of `easel serve --simulate` never meet a gateway that serves in earnest."""

from pathlib import Path

import httpx

from tests.cli.running import ADMIN_KEY, Served, served

SEEDED = {"model": "sketch", "prompt": "a fox", "size": "256x256", "seed": 5}


def cached(running: Served) -> str:
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    answer = httpx.post(f"{running.url}/v1/images/generations", json=SEEDED, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-easel-cache"]


def test_what_was_drawn_simulated_is_not_in_the_cache_of_a_real_gateway(tmp_path: Path) -> None:
    """Nor are its jobs in the database of those in earnest, also where the configuration names one for them."""
    data, jobs = tmp_path / "data", tmp_path / "jobs.db"
    env = {"EASEL_DATABASE__URL": f"sqlite:///{jobs}"}
    with served(data, "--simulate", env=env) as simulated:
        assert [cached(simulated), cached(simulated)] == ["miss", "hit"]
    assert (data / "simulated" / "easel.db").exists()
    assert not jobs.exists()
    with served(data, env=env) as real:
        assert cached(real) == "miss"
    assert jobs.exists()
    with served(data, "--simulate", env=env) as simulated:
        assert cached(simulated) == "hit"
