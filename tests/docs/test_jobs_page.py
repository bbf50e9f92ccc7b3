"""What docs/jobs.md tells callers is so: its examples run, its words are those of the API."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from gateway.api.manner import LONGEST_KEY
from gateway.jobs.manner import SAME_REQUEST_SECONDS
from gateway.settings_tables import Cache, Jobs, Server, Storage
from gateway.store.entries import EventType, Status
from gateway.store.retention import IDEMPOTENCY_KEPT
from simulators.running import Simulators
from tests.contract.document import DOCUMENT
from tests.docs.documents import blocks, code, rows, text
from tests.gateway.conftest import simulated_settings
from tests.gateway.running import ADMIN_KEY, RunningGateway

PAGE = "docs/jobs.md"
ADDRESS = "http://127.0.0.1:8080"
DAY = 86_400


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with (
        Simulators() as simulators,
        RunningGateway(simulated_settings(simulators, tmp_path_factory.mktemp("jobs"))) as running,
    ):
        yield running


def shell(starting: str) -> list[str]:
    """The command that starts so."""
    [block] = [block for block in blocks(PAGE, "sh") if block.startswith(starting)]
    return shlex.split(block.replace("$EASEL_API_KEY", ADMIN_KEY))


def test_the_example_draws_and_prints_two_urls_again_and_again(gateway: RunningGateway, tmp_path: Path) -> None:
    [example] = blocks(PAGE, "python")
    environment = {**os.environ, "EASEL_API_KEY": ADMIN_KEY}  # noqa: TID251 - a child's environment
    program = [sys.executable, "-c", example.replace(ADDRESS, gateway.url)]
    printed = [
        subprocess.run(program, cwd=tmp_path, env=environment, stdout=-1, timeout=60, check=True, text=True).stdout
        for _each in range(2)
    ]
    for urls in printed:
        assert [httpx.get(url).headers["content-type"] for url in urls.splitlines()] == ["image/png"] * 2
    names = [[url.partition("?")[0] for url in urls.splitlines()] for urls in printed]
    assert names[0] == names[1], "its key makes it the same job"


def test_the_example_of_a_policy_is_one(gateway: RunningGateway) -> None:
    command = shell("curl -X PATCH")
    body: dict[str, Any] = json.loads(command[command.index("-d") + 1])
    path = command[3].removeprefix(ADDRESS)
    answer = gateway.http.patch(path, json=body)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in body} == body


def test_events_are_those_that_there_are(gateway: RunningGateway) -> None:
    told = [code(row["event"])[0] for row in rows(PAGE, "event")]
    assert [name for name in told if name not in {"progress", "partial_image"}] == list(get_args(EventType))
    documented = DOCUMENT["paths"]["/v1/events"]["get"]["description"]
    assert [name for name in told if f"| `{name}` |" not in documented] == []
    job = gateway.generate(headers={"Prefer": "respond-async"}).json()["id"]
    path = shell("curl -N")[-1].removeprefix(ADDRESS).replace("req_…", job)
    events = gateway.http.get(path).text
    assert [name for name in get_args(EventType) if f"event: {name}\n" not in events] == []


def test_a_job_has_the_fields_that_are_told() -> None:
    known: dict[str, Any] = DOCUMENT["components"]["schemas"]["Job"]["properties"]
    part = text(PAGE).partition("## What a job says")[2].partition("## ")[0].partition("`GET /v1/jobs`")[0]
    values = {"step", "steps", "images_done", "images", "outcome", "unknown", *get_args(Status)}
    assert set(code(part)) - values <= set(known)
    assert set(get_args(Status)) <= set(code(part))


def test_numbers_are_those_of_the_code() -> None:
    page = " ".join(text(PAGE).split())
    assert (Server().deadline, "(ten minutes)" in page) == (600, True)
    assert (Jobs().lease, "`jobs.lease` (ten seconds)" in page) == (10, True)
    assert (Jobs().image_ttl, "`jobs.image_ttl`, 30 days" in page) == (30 * DAY, True)
    assert (Jobs().job_ttl, "`jobs.job_ttl` after its end, 30 days" in page) == (30 * DAY, True)
    assert (Cache().ttl, "`cache.ttl`, a day" in page) == (DAY, True)
    assert (Storage().url_ttl, "`storage.url_ttl`, an hour" in page) == (3600, True)
    assert (IDEMPOTENCY_KEPT, "24 hours" in page) == (DAY, True)
    assert (SAME_REQUEST_SECONDS, "for 15 minutes after" in page) == (900, True)
    assert f"up to {LONGEST_KEY} characters" in page
