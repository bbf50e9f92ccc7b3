"""The ledger line by line, and an administrator who knows better what a line came to."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.conftest import NewUrl
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked, failed, served
from tests.gateway.running import RunningGateway
from tests.gateway.spending import Spender, new_spender, record
from tests.gateway.spent import lines, purse
from tests.gateway.tenants import client_with, made_key, make_team
from tests.store.lines import NOON, line

LEDGER = "/v1/admin/ledger"


@pytest.fixture(scope="module")
def spender(always_running: RunningGateway) -> Spender:
    return new_spender(always_running)


@pytest.fixture(scope="module")
def other(always_running: RunningGateway) -> Spender:
    return new_spender(always_running)


def listed(gateway: RunningGateway, **query: Any) -> list[dict[str, Any]]:
    return served(gateway.http.get(LEDGER, params={"limit": 1000, **query}))["data"]


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def adjust(gateway: RunningGateway, id: object, body: Any, **more: Any) -> httpx.Response:
    return gateway.http.post(f"{LEDGER}/{id}/adjust", json=body, **more)


def new_line(gateway: RunningGateway, team: str) -> int:
    return record(gateway, line(team=team))[0]


def test_a_request_s_lines_say_all_that_is_known(easel: RunningGateway) -> None:
    key = made_key(easel)
    with client_with(easel, key.text) as client:
        answer = client.post("/v1/images/generations", json=asked(n=2, seed=7))
    told = served(answer)["metadata"]
    assert len(lines(easel, team=key.team)) == 2
    rows = listed(easel, request_id=told["request_id"])
    assert [row["images"] for row in rows] == [1, 1]
    assert sum(row["cost_micros"] for row in rows) == round(told["cost"] * 1_000_000)
    [row] = listed(easel, request_id=told["request_id"], limit=1)
    assert row.pop("id") == rows[0]["id"]
    assert row.pop("upstream_id"), "the provider's own id"
    assert abs(row.pop("created") - served(easel.http.get("/v1/admin/teams/" + key.team))["created"]) < 60
    assert row == {
        "object": "ledger.line",
        "kind": "drawn",
        "request_id": told["request_id"],
        "team": key.team,
        "key": key.id,
        "model": "qwen-image",
        "provider": "fal",
        "outcome": "ok",
        "images": 1,
        "pixels": 64 * 64,
        "price": rows[1]["price"],
        "cost_micros": rows[1]["cost_micros"],
        "adjusted_micros": None,
        "assumed": False,
        "own_key": False,
        "adjusts": None,
        "adjusted_by": None,
        "adjusted_at": None,
        "note": None,
    }


def test_pages_go_on_where_the_one_before_ended(easel: RunningGateway, spender: Spender) -> None:
    seen: list[int] = []
    query: dict[str, Any] = {"team": spender.name, "limit": 3}
    while True:
        page = served(easel.http.get(LEDGER, params={**query, "after": seen[-1]} if seen else query))
        seen += ids(page["data"])
        assert (page["object"], page["first_id"], page["last_id"]) == ("list", page["data"][0]["id"], seen[-1])
        if not page["has_more"]:
            break
    assert seen == spender.lines[::-1]
    empty = served(easel.http.get(LEDGER, params={"team": spender.team, "model": "none"}))
    assert empty == {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}


def test_filters(easel: RunningGateway, spender: Spender) -> None:
    drawn, flux, unknown, hit = spender.lines
    for query, expected in (
        ({"assumed": "true"}, [unknown]),
        ({"assumed": "false"}, [hit, flux, drawn]),
        ({"key": "boss"}, [flux]),
        ({"model": "flux-dev", "provider": "runware"}, [flux]),
        ({"from": "2026-11-21", "to": "2026-11-21"}, [hit, unknown, flux, drawn]),
        ({"to": int(NOON)}, []),
    ):
        assert ids(listed(easel, team=spender.team, **query)) == expected, query


def test_a_team_admin_sees_the_own_team_s_alone(easel: RunningGateway, spender: Spender, other: Spender) -> None:
    def get(by: str, **query: Any) -> httpx.Response:
        with client_with(easel, by) as client:
            return client.get(LEDGER, params=query)

    assert ids(served(get(spender.admin.text))["data"]) == spender.lines[::-1]
    [foreign] = listed(easel, team=other.team, limit=1)
    assert served(get(spender.admin.text, request_id=foreign["request_id"]))["data"] == []
    for name, value in (("team", other.team), ("team", "nobody"), ("key", other.user.id), ("key", "key_nobody")):
        assert failed(get(spender.admin.text, **{name: value}), 404, "not_found") == f"{name}: there is no such {name}"
    told = {
        failed(get(spender.admin.text, after=id), 400, "invalid_value").replace(str(id), "…")
        for id in (other.lines[0], 10**17)
    }
    assert len(told) == 1, "another's line is as good as none"
    failed(get(spender.user.text), 403, "not_allowed")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("after=0", "after"),
        ("after=-1", "after"),
        ("after=req_1", "after"),
        ("after=" + "9" * 19, "after"),
        ("after=999999999999999", "after"),
        ("assumed=yes", "assumed"),
        ("request_id=1", "request_id"),
        ("request_id=req_%00", "request_id"),
        ("group_by=day", "group_by"),
        ("from=tomorrow", "from"),
    ],
)
def test_bad_questions(easel: RunningGateway, query: str, param: str) -> None:
    answer = easel.http.get(f"{LEDGER}?{query}")
    failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == param


def test_an_adjustment_counts_in_sums_and_budgets_once(easel: RunningGateway) -> None:
    team = make_team(easel, budget_usd=1, budget_period="total")["id"]
    key = made_key(easel, team, name="ci", budget_usd=2, budget_period="day")
    with client_with(easel, key.text) as client:
        request = served(client.post("/v1/images/generations", json=asked()))["metadata"]["request_id"]
        [before] = lines(easel, team=team)
        cost = before["cost_micros"]
        assert purse(easel, team) == purse(easel, key.id) == (cost, 0)
        row = served(adjust(easel, before["id"], {"cost_usd": 0.25, "note": "by fal's invoice"}))
        assert (row["id"], row["cost_micros"], row["adjusted_micros"]) == (before["id"], cost, 250_000)
        assert purse(easel, team) == purse(easel, key.id) == (250_000, 0)
        assert served(client.get("/v1/usage"))["data"][0]["cost_micros"] == 250_000
        served(adjust(easel, before["id"], {"cost_usd": 0.25}))
        newest, oldest = listed(easel, request_id=request)
        assert oldest == row
        assert (newest["kind"], newest["adjusts"], newest["cost_micros"]) == (
            "adjustment",
            before["id"],
            250_000 - cost,
        )
        assert (newest["adjusted_by"], newest["note"], newest["assumed"]) == ("admin", "by fal's invoice", False)
        assert newest["adjusted_at"] >= newest["created"] == oldest["created"]
        served(adjust(easel, before["id"], {"cost_usd": 1, "note": None}))
        spent = client.post("/v1/images/generations", json=asked())
        failed(spent, 429, "insufficient_quota")
        served(adjust(easel, before["id"], {"cost_usd": 0}))
        assert purse(easel, team) == (0, 0)
        served(client.post("/v1/images/generations", json=asked()))


def test_what_was_assumed_is_settled(easel: RunningGateway) -> None:
    team = new_spender(easel)
    unknown = team.lines[2]
    row = served(adjust(easel, unknown, {"cost_usd": 0.04}))
    assert (row["assumed"], row["cost_micros"], row["adjusted_micros"]) == (True, 40_000, 40_000)
    assert listed(easel, team=team.team, assumed="true") == []
    [sums] = served(easel.http.get("/v1/admin/usage", params={"team": team.team}))["data"]
    assert (sums["cost_micros"], sums["assumed_micros"]) == (63_000, 0)


def test_two_admins_at_once_give_one_difference(easel: RunningGateway) -> None:
    team = make_team(easel)["id"]
    id = new_line(easel, team)
    with ThreadPoolExecutor(8) as threads:
        adjusting = [threads.submit(adjust, easel, id, {"cost_usd": 0.5}) for _each in range(8)]
    assert {served(each.result())["adjusted_micros"] for each in adjusting} == {500_000}
    assert [row["cost_micros"] for row in listed(easel, team=team)] == [480_000, 20_000]


def test_only_admins_adjust(easel: RunningGateway, spender: Spender) -> None:
    for key, line_id in ((spender.admin, spender.lines[0]), (spender.user, spender.lines[0]), (spender.admin, 10**17)):
        failed(adjust(easel, line_id, {"cost_usd": 0}, headers=key.headers), 403, "not_allowed")
    assert len(listed(easel, team=spender.team)) == 4
    admin = made_key(easel, role="admin")
    id = new_line(easel, spender.team)
    served(adjust(easel, id, {"cost_usd": 0}, headers=admin.headers))
    mine, theirs = (
        served(easel.http.get(LEDGER, params={"team": spender.team, "limit": 1}, headers=key.headers))["data"][0]
        for key in (admin, spender.admin)
    )
    assert (mine["adjusted_by"], theirs["adjusted_by"]) == (admin.id, None), "no key of another team is told"
    assert {**mine, "adjusted_by": None} == theirs


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"cost_usd": -1}, "cost_usd"),
        ({"cost_usd": -0.000001}, "cost_usd"),
        ({"cost_usd": 1e30}, "cost_usd"),
        ({"cost_usd": 1_000_000.000001}, "cost_usd"),
        ({"cost_usd": 0.0000001}, "cost_usd"),
        ({"cost_usd": "0.02"}, "cost_usd"),
        ({"cost_usd": True}, "cost_usd"),
        ({"cost_usd": [0]}, "cost_usd"),
        ({"cost_usd": 10**30}, "cost_usd"),
        ({"cost_usd": 0, "cost_micros": 0}, "cost_micros"),
        ({"cost_usd": 0, "note": ""}, "note"),
        ({"cost_usd": 0, "note": "x" * 501}, "note"),
        ({"cost_usd": 0, "note": "a\u0000b"}, "note"),
        ({"cost_usd": 0, "note": "a\nb"}, "note"),
        ({"cost_usd": 0, "note": 1}, "note"),
    ],
)
def test_what_is_no_cost_changes_nothing(easel: RunningGateway, spender: Spender, body: Any, param: str) -> None:
    answer = adjust(easel, spender.lines[0], body)
    failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == param
    [row] = [row for row in listed(easel, team=spender.team) if row["id"] == spender.lines[0]]
    assert row["adjusted_micros"] is None


@pytest.mark.parametrize("body", [{}, {"cost_usd": None}, {"note": "a"}])
def test_a_cost_is_needed(easel: RunningGateway, spender: Spender, body: Any) -> None:
    failed(adjust(easel, spender.lines[0], body), 400, "missing_required_parameter")


@pytest.mark.parametrize("content", [b'{"cost_usd": NaN}', b'{"cost_usd": 1e999}', b"[]", b"null", b"", b"{"])
def test_what_is_no_body_changes_nothing(easel: RunningGateway, spender: Spender, content: bytes) -> None:
    failed(easel.http.post(f"{LEDGER}/{spender.lines[0]}/adjust", content=content), 400, "invalid_json")


def test_what_is_no_call_is_not_adjusted(easel: RunningGateway, spender: Spender) -> None:
    team = make_team(easel)["id"]
    served(adjust(easel, new_line(easel, team), {"cost_usd": 0}))
    [adjustment, _line] = listed(easel, team=team)
    told = failed(adjust(easel, adjustment["id"], {"cost_usd": 1}), 400, "invalid_value")
    assert told.endswith("is about an adjustment itself; adjust the line that it adjusts")
    failed(adjust(easel, spender.lines[3], {"cost_usd": 1}), 400, "invalid_value")


@pytest.mark.parametrize("id", ["0", "-1", "01", "1.0", "1" * 19, "999999999999999", "%31", "req_1", "%00", "%D9%A1"])
def test_lines_that_are_not_there(easel: RunningGateway, id: str) -> None:
    if id == "%31":  # another way to write 1, which may be there
        assert adjust(easel, id, {}).status_code == 400
        return
    failed(adjust(easel, id, {"cost_usd": 0}), 404, "not_found")


def test_postgres_says_the_same(start: Start, new_postgres: NewUrl) -> None:
    gateway = start(database={"url": new_postgres()})
    spender = new_spender(gateway)
    http, query = gateway.http, {"from": int(NOON), "to": int(NOON) + 1, "team": spender.name, "key": "ada"}
    [row] = served(http.get("/v1/admin/usage", params={**query, "group_by": "month,team,key"}))["data"]
    assert (row["month"], row["team_name"], row["key_name"], row["cost_micros"]) == (
        *("2026-11", spender.name, "ada"),
        60_000,
    )
    table = http.get("/v1/usage", params={"format": "csv"}, headers=spender.user.headers).text
    assert table.splitlines()[1] == "4,3,1,0,3145728,63000,40000,0"
    [unknown] = listed(gateway, team=spender.name, assumed="true")
    assert served(adjust(gateway, unknown["id"], {"cost_usd": 0.000001}))["adjusted_micros"] == 1
    first, second = listed(gateway, request_id=unknown["request_id"])
    assert (first["cost_micros"], second["cost_micros"]) == (1 - 40_000, 40_000)
    assert ids(listed(gateway, team=spender.team, after=second["id"])) == spender.lines[:2][::-1]
