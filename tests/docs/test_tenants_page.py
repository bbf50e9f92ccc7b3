"""What docs/tenants.md tells is so: its requests and commands run as they stand, its fields and roles are the API's."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from gateway.api.admin_fields import KeyFields, NewTeam
from gateway.settings import read_settings
from gateway.tenancy.widening import ROLES
from tests.cli.running import easel
from tests.docs.documents import blocks, code, rows
from tests.gateway.running import ADMIN_KEY, RunningGateway

PAGE = "docs/tenants.md"
ADDRESS = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    tables = {"server": {"data_dir": tmp_path_factory.mktemp("tenants")}, "auth": {"admin_key": ADMIN_KEY}}
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


def lines(starting: str) -> list[str]:
    shell = "".join(blocks(PAGE, "sh")).replace("\\\n", "")
    return [line for line in shell.splitlines() if line.startswith(starting)]


def run(gateway: RunningGateway, line: str) -> httpx.Response:
    """As curl would, which sends what has a body by POST."""
    given = shlex.split(line)
    [address] = [part for part in given if part.startswith(ADDRESS)]
    body = given[given.index("-d") + 1] if "-d" in given else None
    method = given[given.index("-X") + 1] if "-X" in given else "POST" if body else "GET"
    name, _, value = given[given.index("-H") + 1].partition(": ")
    path = address.removeprefix(ADDRESS)
    return gateway.http.request(method, path, json=body and json.loads(body), headers={name: value})


def test_the_five_minutes_go_as_they_are_told(gateway: RunningGateway) -> None:
    told: list[Any] = []
    id = ""
    for line in lines("curl"):
        answer = run(gateway, line.replace("$EASEL_ADMIN_KEY", ADMIN_KEY).replace("$KEY_ID", id))
        assert answer.is_success, (line, answer.text)
        told.append(answer.json() if answer.content else None)
        id = id or (told[-1]["id"] if "/keys" in line else "")
    team, ci, ada, changed, listed, rotated, revoked = told
    assert (team["name"], team["budget_usd"], ada["role"]) == ("design", 25, "team_admin")
    assert {key["id"] for key in listed["data"]} == {ci["id"], ada["id"]}
    assert (ci["images_per_minute"], changed["images_per_minute"]) == (30, 60)
    assert (rotated["id"], revoked) == (ci["id"], None)
    assert rotated["key"] != ci["key"]


def test_the_commands_do_the_same(gateway: RunningGateway) -> None:
    [team], [key] = lines("easel"), lines("KEY=")
    env = {"EASEL_URL": gateway.url, "EASEL_API_KEY": ADMIN_KEY}
    for command in (team, key.removeprefix("KEY=$(").removesuffix(")")):
        arguments = ["crafts" if word == "design" else word for word in shlex.split(command)[1:]]
        ran = easel(*arguments, env=env)
        assert ran.returncode == 0, ran.stderr
    made = gateway.http.get("/v1/admin/keys?team=crafts").json()["data"][0]
    assert (made["name"], made["providers"], made["images_per_minute"]) == ("ci", ["fal", "local"], 30)
    assert gateway.http.get("/v1/admin/teams/crafts").json()["models"] == ["qwen-*", "flux-*"]


def test_every_field_is_told_and_of_what_it_is() -> None:
    told = {name: row["of"] for row in rows(PAGE, "field") for name in code(row["field"])}
    of_teams = set(NewTeam.model_fields) - {"name"}
    assert {name for name, of in told.items() if of == "both"} == of_teams
    assert {name for name, of in told.items() if of == "key"} == set(KeyFields.model_fields) - of_teams


def test_every_role_is_told() -> None:
    assert [code(row["role"])[0] for row in rows(PAGE, "role")] == list(ROLES)
