"""What docs/usage.md tells is so: its commands and its program run, its words are those of the API."""

import csv
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.api.ledger import LONGEST_PAGE
from gateway.api.usage import FORMATS
from gateway.settings import read_settings
from gateway.store.usage import GROUPS, MOST_GROUPS, SUMS
from tests.cli.running import easel
from tests.contract.document import DOCUMENT
from tests.docs.documents import blocks, code, rows, text
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.spending import record
from tests.gateway.tenants import made_key, make_team
from tests.store.lines import line

PAGE = "docs/usage.md"
ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Acme has drawn a picture, and waits to hear of another."""
    tables = {"server": {"data_dir": tmp_path_factory.mktemp("usage")}, "auth": {"admin_key": ADMIN_KEY}}
    with RunningGateway(read_settings(None, tables)) as running:
        team = make_team(running, name="acme")["id"]
        key = made_key(running, team)
        record(running, line(team=team, key=key.id, model="=1"), line(team=team, key=key.id, assumed=True))
        yield running


def commands(starting: str) -> list[list[str]]:
    shell = "".join(blocks(PAGE, "sh")).replace("\\\n", "").replace("$EASEL_API_KEY", ADMIN_KEY)
    return [shlex.split(command) for command in shell.splitlines() if command.startswith(starting)]


def test_the_commands_say_what_they_are_said_to(gateway: RunningGateway) -> None:
    env = {"EASEL_URL": gateway.url, "EASEL_API_KEY": ADMIN_KEY}
    by_model, by_day = commands("easel usage")
    assert "acme" in easel(*by_model[1:], env=env).stdout
    told = easel(*by_day[1 : by_day.index(">")], env=env).stdout
    assert [row["cost_micros"] for row in csv.DictReader(told.splitlines())] == ["40000"]


def test_the_requests_are_answered(gateway: RunningGateway) -> None:
    usage, adjust = commands("curl")
    answer = gateway.http.get(usage[-1].removeprefix(ADDRESS))
    assert (answer.status_code, answer.json()["group_by"]) == (200, ["month", "key"])
    [id] = record(gateway, line(cost_micros=5))
    path = adjust[-1].removeprefix(ADDRESS).replace("1234", str(id))
    adjusted = gateway.http.post(path, json=json.loads(adjust[adjust.index("-d") + 1]))
    assert adjusted.json()["adjusted_micros"] == 20_000


def test_the_program_settles_what_was_assumed(gateway: RunningGateway, tmp_path: Path) -> None:
    [program] = blocks(PAGE, "python")
    question = {"assumed": "true"}
    [assumed] = gateway.http.get("/v1/admin/ledger", params=question).json()["data"]
    environment = {**os.environ, "EASEL_API_KEY": ADMIN_KEY}  # noqa: TID251 - a child's environment
    ran = subprocess.run(
        [sys.executable, "-c", program.replace(ADDRESS, gateway.url)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
        text=True,
    )
    assert ran.stdout == f"{assumed['request_id']} 0\n"
    assert gateway.http.get("/v1/admin/ledger", params=question).json()["data"] == []


def test_words_and_numbers_are_those_of_the_api() -> None:
    assert [code(row["column"])[0] for row in rows(PAGE, "column")] == list(SUMS)
    parameters = {name for row in rows(PAGE, "parameter") for name in code(row["parameter"])}
    documented = DOCUMENT["paths"]["/v1/usage"]["get"]["parameters"]
    names = {DOCUMENT["components"]["parameters"][each["$ref"].rpartition("/")[2]]["name"] for each in documented}
    assert parameters == names
    [groups] = [row["means"] for row in rows(PAGE, "parameter") if row["parameter"] == "`group_by`"]
    assert set(code(groups)[: len(GROUPS)]) == set(GROUPS)
    [formats] = [row["means"] for row in rows(PAGE, "parameter") if row["parameter"] == "`format`"]
    assert code(formats) == list(FORMATS)
    assert f"More than {MOST_GROUPS:,} rows" in text(PAGE)
    assert (LONGEST_PAGE, "a thousand at most" in text(PAGE)) == (1000, True)
