"""Keys and teams at the terminal, with a real gateway behind it."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gateway.settings import read_settings
from tests.cli.running import ADMIN_KEY, FakeGateway, easel
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import made_key, make_team

KEY = re.compile(r"ek_[A-Za-z0-9_-]{20,}")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Nothing is drawn here, so it has no providers."""
    tables = {"server": {"data_dir": tmp_path_factory.mktemp("keys")}, "auth": {"admin_key": ADMIN_KEY}}
    with RunningGateway(read_settings(None, tables)) as running:
        yield running


def run(gateway: RunningGateway, *arguments: str, key: str = ADMIN_KEY) -> CompletedProcess[str]:
    return easel(*arguments, env={"EASEL_URL": gateway.url, "EASEL_API_KEY": key})


def done(gateway: RunningGateway, *arguments: str, key: str = ADMIN_KEY) -> str:
    """What a command that succeeds says on standard output."""
    ended = run(gateway, *arguments, key=key)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def told(gateway: RunningGateway, *arguments: str) -> Any:
    return json.loads(done(gateway, *arguments, "--json"))


def test_a_script_gets_the_key_and_nothing_else(gateway: RunningGateway) -> None:
    made = run(gateway, "keys", "create", "ada", "--team", "acme", "--create-team", "--budget-usd", "50")
    assert made.returncode == 0, made.stderr
    key = made.stdout.removesuffix("\n")
    assert KEY.fullmatch(key)
    assert "team acme is made" in made.stderr
    assert "$50 a month" in made.stderr
    assert key not in made.stderr
    used = gateway.http.get("/v1/usage", headers={"authorization": f"Bearer {key}"})
    assert used.status_code == 200
    again = run(gateway, "keys", "create", "bob", "--team", "acme", "--create-team")
    assert "is made" not in again.stderr
    assert again.stdout != made.stdout


def test_every_field_arrives(gateway: RunningGateway) -> None:
    make_team(gateway, name="all fields")
    bounds = ["--budget-usd", "12.5", "--budget-period", "day", "--models", "qwen-*,fal/*", "--models", "flux-dev"]
    bounds += ["--providers", "fal", "--requests-per-minute", "60", "--images-per-minute", "30"]
    bounds += [
        "--megapixels-per-minute",
        "40.5",
        "--max-concurrent-images",
        "4",
        "--image-ttl",
        "30d",
        "--job-ttl",
        "90m",
    ]
    defaults = ["--role", "team_admin", "--strict", "--response-format", "both", "--no-join-retries", "--own-cache"]
    expected = {
        "budget_usd": 12.5,
        "budget_period": "day",
        "models": ["qwen-*", "fal/*", "flux-dev"],
        "providers": ["fal"],
        "requests_per_minute": 60,
        "images_per_minute": 30,
        "megapixels_per_minute": 40.5,
        "max_concurrent_images": 4,
        "image_ttl": 30 * 86_400,
        "job_ttl": 5_400,
        "disabled": True,
    }
    more = {
        "role": "team_admin",
        "strict": True,
        "response_format": "both",
        "join_retries": False,
        "share_cache": False,
    }
    key = told(gateway, "keys", "create", "full", "-t", "all fields", *bounds, *defaults, "--disabled")
    assert {name: key[name] for name in expected | more} == expected | more
    team = told(gateway, "teams", "create", "full", *bounds, "--disabled")
    assert {name: team[name] for name in expected} == expected
    assert told(gateway, "teams", "show", "full") == team
    free = ["--budget-usd", "none", "--models", "*", "--providers", "*", "--requests-per-minute", "none", "--enabled"]
    free += ["--images-per-minute", "none", "--megapixels-per-minute", "none", "--max-concurrent-images", "none"]
    free += ["--image-ttl", "none", "--job-ttl", "none"]
    nothing = {**dict.fromkeys(expected), "disabled": False}
    assert told(gateway, "teams", "change", "full", *free, "--name", "empty") == {**team, **nothing, "name": "empty"}
    changed = told(gateway, "keys", "change", key["id"], *free, "--set", "strict=null", "--no-strict")
    assert {name: changed[name] for name in nothing} == nothing
    assert changed["strict"] is None, "what is set is what counts"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2099-12-31", datetime(2100, 1, 1, tzinfo=UTC).timestamp()),
        ("4102444800", 4102444800),
        ("none", None),
    ],
)
def test_when_a_key_expires(gateway: RunningGateway, when: str, expected: float | None) -> None:
    made = told(gateway, "keys", "create", "mayfly", "--team", "default", "--expires", when)
    assert made["expires_at"] == (None if expected is None else pytest.approx(expected, abs=120))


def test_a_key_expires_after_so_many_hours(gateway: RunningGateway) -> None:
    made = told(gateway, "keys", "create", "mayfly", "--team", "default", "--expires", "12h")
    assert made["expires_at"] == pytest.approx(time.time() + 12 * 3600, abs=120)


def test_the_only_team_need_not_be_named(gateway: RunningGateway) -> None:
    admin = made_key(gateway, role="team_admin")
    made_key(gateway, "default")
    key = done(gateway, "keys", "create", "ci", key=admin.text).strip()
    assert KEY.fullmatch(key)
    several = run(gateway, "keys", "create", "ci")
    assert several.returncode == 1
    assert several.stderr.startswith("easel: name the team with --team: ")
    assert several.stdout == ""


def test_keys_are_listed_shown_changed_rotated_and_revoked(gateway: RunningGateway) -> None:
    team = make_team(gateway, name="lifetime")
    first = done(gateway, "keys", "create", "ci", "-t", "lifetime").strip()
    [row] = told(gateway, "keys", "list", "-t", "lifetime")
    table = done(gateway, "keys", "list", "--team", team["id"])
    assert re.search(rf"ci +lifetime +{row['id']} +ek_[\w-]+… +user +active +never", table), table
    shown = done(gateway, "keys", "show", "ci", "-t", "lifetime")
    assert re.search(rf" id +{row['id']} ", shown)
    assert re.search(r" created +20\d\d-\d\d-\d\d \d\d:\d\d UTC", shown)
    assert "budget" not in shown, "what is not set is not shown"
    words = done(gateway, "keys", "change", "ci", "-t", "lifetime", "--requests-per-minute", "9", "--models", "qwen-*")
    assert words.endswith("active: 9 requests a minute, models qwen-*\n")
    second = done(gateway, "keys", "rotate", row["id"], "--grace", "1h").strip()
    assert KEY.fullmatch(second) and second != first
    for text in (first, second):
        assert gateway.http.get("/v1/usage", headers={"authorization": f"Bearer {text}"}).status_code == 200
    assert done(gateway, "keys", "revoke", "ci", "-t", "lifetime") == f"{row['id']} is revoked\n"
    for text in (first, second):
        assert gateway.http.get("/v1/usage", headers={"authorization": f"Bearer {text}"}).status_code == 401
    assert told(gateway, "keys", "list", "-t", "lifetime") == []
    [over] = told(gateway, "keys", "list", "-t", "lifetime", "--all")
    assert over["id"] == row["id"]


def test_more_keys_than_a_page_are_all_listed(gateway: RunningGateway) -> None:
    team = make_team(gateway)["id"]
    ids = [made_key(gateway, team, name=f"key {number}").id for number in range(101)]
    assert [row["id"] for row in told(gateway, "keys", "list", "-t", team)] == ids[::-1]
    assert told(gateway, "keys", "show", "key 0", "-t", team)["id"] == ids[0]


def test_a_name_that_two_keys_have_is_none(gateway: RunningGateway) -> None:
    keys = [made_key(gateway, name="twin") for _each in range(2)]
    both = run(gateway, "keys", "revoke", "twin")
    assert both.returncode == 1
    assert both.stderr == f"easel: 2 keys are called twin; give the id: {keys[1].id}, {keys[0].id}\n"
    assert done(gateway, "keys", "revoke", "twin", "-t", keys[0].team) == f"{keys[0].id} is revoked\n"
    assert done(gateway, "keys", "revoke", "twin") == f"{keys[1].id} is revoked\n", "the other one is revoked"
    assert run(gateway, "keys", "show", "twin").stderr == "easel: there is no key called twin\n"


def test_teams_are_listed(gateway: RunningGateway) -> None:
    made = run(gateway, "teams", "create", "listed", "--budget-usd", "0.5", "--max-concurrent-images", "2")
    id = made.stdout.strip()
    assert made.stderr == f"team listed ({id}), active: $0.5 a month, 2 images at once\n"
    assert re.search(rf"listed +{id} +\$0.5 a month, 2 images at once +active", done(gateway, "teams", "list"))
    assert done(gateway, "teams", "change", "listed", "--disabled").startswith(f"team listed ({id}), disabled: ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["teams", "create", "acme/x"], "easel: name: must not hold a slash"),
        (["teams", "create", "bad", "--budget-usd", "-1"], "easel: budget_usd: must be dollars from 0"),
        (["teams", "create", "bad", "--budget-usd", "1e30"], "easel: budget_usd: must be dollars from 0"),
        (["teams", "show", "nobody"], "easel: there is no such team (not_found, request req_"),
        (["teams", "show", "../keys"], "easel: "),
        (["keys", "create", "a", "--team", "nobody"], "easel: there is no such team"),
        (["keys", "create", "a", "-t", "default", "--role", "root"], "easel: role: must be user, team_admin or admin"),
        (["keys", "show", "key_nobody"], "easel: there is no such key"),
        (["keys", "revoke", "nobody"], "easel: there is no key called nobody"),
    ],
)
def test_what_the_gateway_refuses_is_told_in_its_words(
    gateway: RunningGateway, arguments: list[str], complaint: str
) -> None:
    refused = run(gateway, *arguments)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(complaint)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["keys", "create", "a", "--budget-usd", "fifty"], "'fifty' is not a number, nor none"),
        (["keys", "create", "a", "--budget-usd", "nan"], "'nan' is not a number, nor none"),
        (["keys", "create", "a", "--expires", "2026-02-30"], "'2026-02-30' is not a day"),
        (["keys", "rotate", "key_1", "--grace", "1y"], "'1y' is not seconds, or a time such as 12h or 30d, nor none"),
        (["keys", "create", "a", "--create-team"], "needs --team with the name of the team"),
        (["teams"], "Usage: easel teams"),
    ],
)
def test_what_cannot_be_meant_is_never_sent(arguments: list[str], complaint: str) -> None:
    with FakeGateway() as fake:
        refused = easel(*arguments, env=fake.env())
    assert refused.returncode == 2
    assert complaint in " ".join((refused.stderr + refused.stdout).replace("│", "").split())
    assert fake.sent == []


def test_a_gateway_that_is_not_there(tmp_path: Path) -> None:
    for command in (["keys", "list"], ["teams", "list"], ["usage"]):
        failed = easel(*command, env={"EASEL_URL": "http://127.0.0.1:9"}, cwd=tmp_path)
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr.startswith("easel: no gateway answers at http://127.0.0.1:9")
