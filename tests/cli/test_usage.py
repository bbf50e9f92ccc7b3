"""`easel usage`: as a table for people, as JSON and CSV for programs, with whichever key one has."""

import csv
import io
import json
import re
from collections.abc import Iterator
from subprocess import CompletedProcess

import pytest

from gateway.settings import read_settings
from tests.cli.running import ADMIN_KEY, FakeGateway, easel
from tests.gateway.running import RunningGateway
from tests.gateway.spending import Spender, new_spender, record
from tests.gateway.tenants import made_key
from tests.store.lines import NOON, line


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    tables = {"server": {"data_dir": tmp_path_factory.mktemp("usage")}, "auth": {"admin_key": ADMIN_KEY}}
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


@pytest.fixture(scope="module")
def spenders(gateway: RunningGateway) -> list[Spender]:
    return [new_spender(gateway) for _each in range(2)]


def usage(gateway: RunningGateway, *arguments: str, key: str = ADMIN_KEY) -> CompletedProcess[str]:
    return easel("usage", *arguments, env={"EASEL_URL": gateway.url, "EASEL_API_KEY": key})


def shown(ended: CompletedProcess[str]) -> list[list[str]]:
    """The cells of the table's lines, and what stands before it in one."""
    assert ended.returncode == 0, ended.stderr
    lines = [re.split(r" {2,}", text.strip()) for text in ended.stdout.splitlines() if text.strip("─ ")]
    return [[cell for cell in cells if cell] for cells in lines]


def test_a_table_ends_with_what_it_comes_to(gateway: RunningGateway, spenders: list[Spender]) -> None:
    told = shown(usage(gateway, "--group-by", "team,model", "-g", "provider"))
    assert told[0] == ["team", "model", "provider", "requests", "images", "cached", "megapixels", "cost", "assumed"]
    first, second = (spender.name for spender in spenders)
    assert told[1:] == [
        [first, "flux-dev", "runware", "1", "1", "0", "1.00", "$0.003", "$0"],
        [first, "qwen-image", "fal", "3", "2", "1", "2.00", "$0.06", "$0.04"],
        [second, "flux-dev", "runware", "1", "1", "0", "1.00", "$0.003", "$0"],
        [second, "qwen-image", "fal", "3", "2", "1", "2.00", "$0.06", "$0.04"],
        ["together", "6", "2", "6.00", "$0.126", "$0.08"],
    ]


def test_a_user_is_told_of_the_own_team(gateway: RunningGateway, spenders: list[Spender]) -> None:
    spender = spenders[1]
    told = shown(usage(gateway, "--from", "2026-11-01", "--to", "2026-11-30", "-k", "ada", key=spender.user.text))
    assert told == [
        [f"from 2026-11-01 00:00 UTC, to 2026-12-01 00:00 UTC, team {spender.team}, key {spender.user.id}"],
        ["requests", "images", "cached", "megapixels", "cost", "assumed"],
        ["3", "2", "1", "2.00", "$0.06", "$0.04"],
    ]
    foreign = usage(gateway, "--team", spenders[0].name, key=spender.user.text)
    assert (foreign.returncode, foreign.stdout) == (1, "")
    assert foreign.stderr.startswith("easel: team: there is no such team (not_found")


def test_json_and_csv_are_the_gateway_s_own(gateway: RunningGateway, spenders: list[Spender]) -> None:
    query = ["--team", spenders[0].name, "--group-by", "day,key", "-m", "qwen-image", "-p", "fal"]
    rows = json.loads(usage(gateway, *query, "--format", "json").stdout)["data"]
    assert [(row["day"], row["key_name"], row["cost_micros"]) for row in rows] == [("2026-11-21", "ada", 60_000)]
    for key in (ADMIN_KEY, spenders[0].user.text):
        text = usage(gateway, *query, "--format", "csv", key=key).stdout
        assert list(csv.DictReader(io.StringIO(text))) == [{name: str(value) for name, value in rows[0].items()}]


def test_what_is_rare_is_shown_where_it_is(gateway: RunningGateway) -> None:
    key = made_key(gateway)
    more = {"team": key.team, "key": key.id, "at": NOON}
    record(gateway, line(**more, own_key=True, cost_micros=1_500_000), line(**more, cost_micros=None))
    assert shown(usage(gateway, key=key.text))[1:] == [
        ["requests", "images", "megapixels", "cost", "own keys", "price unknown"],
        ["2", "2", "2.00", "$1.5", "$1.5", "1"],
    ]


def test_nobody_s_name_steers_the_terminal() -> None:
    sums = {"requests": 1, "images": 1, "cached_images": 0, "unpriced_images": 0, "pixels": 0}
    row = {"model": "\x1b[31mred [bold]x[/bold]", **sums, "cost_micros": 1, "assumed_micros": 0, "own_key_micros": 0}
    about = dict.fromkeys(("from", "to", "team", "key", "provider")) | {"model": "\x1b[2J", "group_by": ["model"]}
    with FakeGateway({"/v1/admin/usage?group_by=model": (200, {**about, "data": [row]})}) as fake:
        told = easel("usage", "-g", "model", env=fake.env())
    assert "\x1b" not in told.stdout
    assert "[bold]x[/bold]" in told.stdout
    assert fake.sent[0].headers["authorization"] == "Bearer ek_mine"


def test_what_is_wrong_is_told_in_the_gateway_s_words(gateway: RunningGateway) -> None:
    for arguments, complaint in (
        (["--from", "yesterday"], "easel: from: must be a day such as 2026-11-21, or Unix seconds"),
        (["--group-by", "week"], "easel: group_by: week is none of day, month, team, key, model, provider"),
    ):
        refused = usage(gateway, *arguments)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(complaint)
    assert usage(gateway, key="ek_wrong").stderr.startswith("easel: the API key is wrong")
