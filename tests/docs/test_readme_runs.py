"""What README tells a person to run is run, against the simulators."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.running import Simulators
from tests.docs.documents import blocks
from tests.gateway.conftest import simulated_settings
from tests.gateway.running import ADMIN_KEY, RunningGateway

ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with (
        Simulators() as simulators,
        RunningGateway(simulated_settings(simulators, tmp_path_factory.mktemp("readme"))) as running,
    ):
        yield running


def run(program: list[str], gateway: RunningGateway, folder: Path) -> list[str]:
    environment = {**os.environ, "EASEL_API_KEY": ADMIN_KEY}  # noqa: TID251 - a child's environment
    program = [word.replace(ADDRESS, gateway.url) for word in program]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_python_example_prints_two_urls(gateway: RunningGateway, tmp_path: Path) -> None:
    [example] = blocks("README.md", "python")
    assert ADDRESS in example
    urls = run([sys.executable, "-c", example], gateway, tmp_path)
    assert len(urls) == 2
    assert all(gateway.http.get(url).headers["content-type"] == "image/png" for url in urls)


def test_the_rows_shown_are_those_that_come(gateway: RunningGateway) -> None:
    """The request is the one in the curl example."""
    [curl] = [block for block in blocks("README.md", "sh") if block.startswith("curl")]
    body: dict[str, Any] = json.loads(curl[curl.index("{") : curl.rindex("}") + 1])
    shown = json.loads(next(block for block in blocks("README.md", "json") if block.startswith("[")))
    answer = gateway.generate(body).json()
    assert [row for row in answer["metadata"]["parameters"] if row["name"] != "prompt"] == shown
