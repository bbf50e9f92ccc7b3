"""Teams ask what they spent, and administrators what all did."""

import asyncio
import csv
import io
from typing import Any

import httpx
import pytest

from gateway.api import usage as usage_route
from gateway.api.usage import Sums
from gateway.errors import Overloaded
from gateway.store.database import Database
from gateway.store.ledger import Lines
from tests.gateway.drawn import asked, failed, served
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.spending import Spender, new_spender, record
from tests.gateway.spent import lines
from tests.gateway.tenants import bearing, client_with, made_key, make_team
from tests.store.lines import DAY, NOON, line

OWN, ALL = "/v1/usage", "/v1/admin/usage"
SUMS = {
    "requests": 4,
    "images": 3,
    "cached_images": 1,
    "unpriced_images": 0,
    "pixels": 3 * 1_048_576,
    "cost_micros": 63_000,
    "assumed_micros": 40_000,
    "own_key_micros": 0,
}


@pytest.fixture(scope="module")
def spender(always_running: RunningGateway) -> Spender:
    return new_spender(always_running)


@pytest.fixture(scope="module")
def other(always_running: RunningGateway) -> Spender:
    return new_spender(always_running)


def usage(gateway: RunningGateway, path: str, by: str = ADMIN_KEY, **query: Any) -> dict[str, Any]:
    return served(gateway.http.get(path, params=query, headers=bearing(by)))


def table(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_what_was_drawn_is_told_to_the_micro_dollar(easel: RunningGateway) -> None:
    """As the answers said it, under the team's own key and an admin's."""
    key = made_key(easel)
    body = asked(seed=7, n=2)
    with client_with(easel, key.text) as client:
        answers = [served(client.post("/v1/images/generations", json=body)) for _twice in range(2)]
        assert [each["metadata"]["cache"] for each in answers] == ["miss", "hit"]
        assert len(lines(easel, team=key.team)) == 3, "two calls, and what the cache gave"
        [own] = served(client.get(OWN))["data"]
        [by_key] = served(client.get(OWN, params={"group_by": "key,model,provider"}))["data"]
    cost = round(sum(each["metadata"]["cost"] for each in answers) * 1_000_000)
    assert own == {**SUMS, "requests": 2, "images": 4, "cached_images": 2, "pixels": 4 * 64 * 64} | {
        "cost_micros": cost,
        "assumed_micros": 0,
    }
    assert cost > 0
    names = {"key": key.id, "key_name": "a key", "model": "qwen-image", "provider": "fal"}
    assert by_key == names | own
    assert usage(easel, ALL, team=key.team)["data"] == [own]


def test_who_may_ask_what(easel: RunningGateway, spender: Spender) -> None:
    for path, key in (
        (OWN, spender.user.text),
        (OWN, spender.admin.text),
        (ALL, spender.admin.text),
    ):
        told = usage(easel, path, key)
        assert (told["team"], told["data"]) == (spender.team, [SUMS]), path
    refused = easel.http.get(ALL, headers=spender.user.headers)
    failed(refused, 403, "not_allowed")
    failed(easel.http.get(OWN, headers=bearing("ek_wrong")), 401, "invalid_api_key")
    everybody = usage(easel, ALL)
    assert everybody["team"] is None
    assert everybody["data"][0]["cost_micros"] >= 63_000
    assert usage(easel, OWN)["team"] == "default", "the admin's own, not everybody's"


@pytest.mark.parametrize("path", [OWN, ALL])
@pytest.mark.parametrize("name", ["team", "key"])
def test_nobody_else_s_usage_is_told_nor_that_there_is_any(
    easel: RunningGateway, spender: Spender, other: Spender, path: str, name: str
) -> None:
    theirs = {"team": [other.team, other.name], "key": [other.user.id, other.admin.id, "admin"]}[name]
    messages = {
        failed(easel.http.get(path, params={name: each}, headers=spender.admin.headers), 404, "not_found")
        for each in (*theirs, "default" if name == "team" else "key_" + 24 * "0", "nobody")
    }
    assert messages == {f"{name}: there is no such {name}"}


def test_teams_and_keys_by_name(easel: RunningGateway, spender: Spender, other: Spender) -> None:
    """Both teams have an ada."""
    for team in (spender.team, spender.name):
        told = usage(easel, ALL, team=team, key="ada")
        assert (told["team"], told["key"]) == (spender.team, spender.user.id)
        assert told["data"][0]["cost_micros"] == 60_000
    assert usage(easel, OWN, spender.user.text, key="boss", team=spender.name)["data"][0]["cost_micros"] == 3_000
    told = failed(easel.http.get(ALL, params={"key": "ada"}), 400, "invalid_value")
    assert told.startswith("key: several are called so; give the id, one of ")
    assert {spender.user.id, other.user.id} <= set(told.replace(",", "").split())
    failed(easel.http.get(ALL, params={"key": spender.user.id, "team": other.team}), 404, "not_found")
    assert usage(easel, ALL, key="admin", model="nothing")["data"][0]["requests"] == 0


def test_groups_come_in_the_order_asked_for(easel: RunningGateway, spender: Spender) -> None:
    told = usage(easel, OWN, spender.user.text, group_by="provider,day,provider,team")
    assert told["group_by"] == ["provider", "day", "team"]
    shown = [list(row.items())[:4] for row in told["data"]]
    team = [("team", spender.team), ("team_name", spender.name)]
    assert shown == [[("provider", name), ("day", "2026-11-21"), *team] for name in ("fal", "runware")]
    several = easel.http.get(f"{OWN}?group_by=model&group_by=month", headers=spender.user.headers).json()
    assert [(row["model"], row["month"], row["cost_micros"]) for row in several["data"]] == [
        ("flux-dev", "2026-11", 3_000),
        ("qwen-image", "2026-11", 60_000),
    ]


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ({"from": "2026-11-21"}, 63_000),
        ({"from": "2026-11-21", "to": "2026-11-21"}, 63_000),
        ({"to": "2026-11-20"}, 0),
        ({"from": "2026-11-22"}, 0),
        ({"from": int(NOON), "to": int(NOON) + 1}, 63_000),
        ({"from": int(NOON) + 1}, 0),
        ({"to": int(NOON)}, 0),
        ({"from": "2026-11-01", "to": "2026-11-30", "model": "flux-dev"}, 3_000),
        ({"model": "flux-dev", "provider": "fal"}, 0),
        ({"provider": "fal"}, 60_000),
    ],
)
def test_filters(easel: RunningGateway, spender: Spender, query: dict[str, Any], cost: int) -> None:
    told = usage(easel, ALL, spender.admin.text, **query)
    assert told["data"][0]["cost_micros"] == cost
    assert {name: told[name] for name in query if name not in {"from", "to"}} == {
        name: value for name, value in query.items() if name not in {"from", "to"}
    }


def test_a_day_is_utc_s_and_wholly_in(easel: RunningGateway, spender: Spender) -> None:
    told = usage(easel, OWN, spender.user.text, **{"from": "2026-11-21", "to": "2026-11-21"})
    assert (told["from"], told["to"]) == (int(NOON) - DAY // 2, int(NOON) + DAY // 2)


def test_csv_has_the_same_columns(easel: RunningGateway, spender: Spender) -> None:
    for group_by in ("", "day,team,key,model,provider,month"):
        query = {"group_by": group_by}
        rows = usage(easel, OWN, spender.user.text, **query)["data"]
        answer = easel.http.get(OWN, params={**query, "format": "csv"}, headers=spender.user.headers)
        assert table(answer) == [{name: str(value) for name, value in row.items()} for row in rows]
    assert usage(easel, OWN, spender.user.text, format="json")["data"] == [SUMS]


def test_nothing_in_a_csv_is_a_formula(easel: RunningGateway) -> None:
    team = make_team(easel, name='=HYPERLINK("a.example","a")')
    key = made_key(easel, team["id"], name="@SUM(1)")
    names = ["+1", "-1", "\t=1", "\r=1", 'a "quoted", =one', "plain"]
    record(easel, *(line(team=team["id"], key=key.id, model=name) for name in names))
    answer = easel.http.get(ALL, params={"team": team["id"], "group_by": "model,team,key", "format": "csv"})
    rows = table(answer)
    assert {row["model"] for row in rows} == {"'+1", "'-1", "'\t=1", "'\r=1", 'a "quoted", =one', "plain"}
    assert {(row["team_name"], row["key_name"]) for row in rows} == {("'" + team["name"], "'@SUM(1)")}
    assert {row["cost_micros"] for row in rows} == {"20000"}


@pytest.mark.parametrize("path", [OWN, ALL])
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=2026-1-1", "from"),
        ("from=-1", "from"),
        ("from=1.5", "from"),
        ("from=" + "9" * 13, "from"),
        ("from=%EF%BC%91", "from"),
        ("to=2026-13-01", "to"),
        ("to=", "to"),
        ("to=NaN", "to"),
        ("from=2026-11-22&to=2026-11-21", "from"),
        ("from=2&to=1", "from"),
        ("from=2&to=2", "from"),
        ("group_by=week", "group_by"),
        ("group_by=day,cost_micros", "group_by"),
        ("format=xml", "format"),
        ("format=CSV", "format"),
        ("from=1&from=2", "from"),
        ("model=a&model=b", "model"),
        ("model=%00", "model"),
        ("teams=a", "teams"),
        ("limit=10", "limit"),
    ],
)
def test_bad_input(easel: RunningGateway, path: str, query: str, param: str) -> None:
    answer = easel.http.get(f"{path}?{query}")
    told = failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == param
    assert told.startswith(f"{param}: ")


@pytest.mark.parametrize("name", ["team", "key"])
@pytest.mark.parametrize("value", ["", "x" * 101, "a\nb", "%00", "' OR 1=1 --", "*"])
def test_what_can_be_no_name_is_not_found(easel: RunningGateway, name: str, value: str) -> None:
    failed(easel.http.get(ALL, params={name: value}), 404, "not_found")


@pytest.mark.parametrize("path", ["//v1/admin/usage", "/v1//admin/usage", "/V1/admin/usage", "/v1/Admin/usage"])
def test_there_is_one_way_to_it(easel: RunningGateway, spender: Spender, path: str) -> None:
    """And another under the second prefix, with the same question at the door."""
    failed(easel.http.get(easel.url + path, headers=spender.user.headers), 404, "not_found")
    failed(easel.http.get("/openai" + ALL, headers=spender.user.headers), 403, "not_allowed")
    failed(easel.http.get("/v1/x/%2e%2e/admin/usage", headers=spender.user.headers), 404, "not_found")
    failed(easel.http.get(ALL, headers={**spender.user.headers, "host": "127.0.0.1"}), 403, "not_allowed")


async def test_questions_wait_for_each_other_but_not_too_many(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_route, "MOST_WAITING", 2)
    sums = Sums(database)
    asking = [asyncio.create_task(sums.of(Lines(), ())) for _each in range(3)]
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert [isinstance(each, Overloaded) for each in answers] == [False, False, True]
    assert len(await sums.of(Lines(), ())) == 1, "there is room again"
