"""Teams over HTTP: made, listed, read and changed; and every bad value is refused and changes nothing."""

import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.drawn import failed
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import Json, change_team, made_key, make_team

TEAMS = "/v1/admin/teams"
PATH = f"{TEAMS}/default"
UNSET: Json = {"image_ttl": None, "job_ttl": None}


def each(field: str, *values: Any) -> list[tuple[str, Any]]:
    return [(field, value) for value in values]


# Each is sent to make a team and a key, and to change both.
BAD = [
    *each("budget_usd", -1, 1e30, 1e9 + 1, 0.0000001, 1e-30, True, "25", [], {}, 2**64),
    *each("budget_period", "week", "", 1, True, "Month", []),
    *each("requests_per_minute", 0, -1, 1.5, 1e9, True, "60", 10**9 + 1, 2**63, 2**64),
    *each("images_per_minute", 0, 1.0, False, 2**31 + 10**9),
    *each("max_concurrent_images", 0, -(2**63), "8"),
    *each("megapixels_per_minute", 0, -0.5, 1e10, 1e308, True, "1"),
    *each("image_ttl", 59, 0, -1, 60.5, "60", True, [], 2**31, 1e9),
    *each("models", [], "qwen-image", ["a b"], [""], ["?"], ["[a]"], ["é"], ["a\n"], [1], [None], {}, ["a", ["b"]]),
    *each("models", ["x" * 201], ["x"] * 101, ["{a}"], ["\0"]),
    *each("providers", [], ["fal\r"], True, ["fal;"]),
    *each("disabled", None, 1, 0, "true"),
    *each("name", "", " ", " a", "a ", "x" * 101, "a\nb", "a\0", "\u202e", None, 1, ["a"], "\uffff"),
    *each("id", "default", None),
    *((field, 1) for field in ("created", "budget_micros", "hash", "ttl", "x" * 1000)),
]


@pytest.fixture
def team(easel: RunningGateway) -> Iterator[httpx.Client]:
    yield easel.http
    easel.http.patch(PATH, json=UNSET)


def test_there_is_one_team_from_the_start(team: httpx.Client) -> None:
    told = team.get(PATH).json()
    assert told.pop("created") > 1_750_000_000
    named = {"id": "default", "object": "team", "name": "default", "disabled": False}
    assert {name: told.pop(name) for name in named} == named
    assert set(told.values()) == {None}
    assert team.get("/openai" + PATH).json()["id"] == "default"


def test_each_bound_is_changed_alone_and_null_takes_it_away(easel: RunningGateway) -> None:
    made = make_team(easel, budget_usd=25.5, models=["qwen-*", "qwen-*"])
    assert (made["budget_usd"], made["budget_period"], made["models"]) == (25.5, "month", ["qwen-*"])
    changed = change_team(easel, made["id"], images_per_minute=5)
    assert changed == {**made, "images_per_minute": 5}
    assert change_team(easel, made["name"], budget_period="day") == {**changed, "budget_period": "day"}
    assert change_team(easel, made["id"], budget_usd=0.000001)["budget_period"] == "day"
    unset = change_team(easel, made["id"], budget_usd=None, models=None)
    assert unset == {**changed, "budget_usd": None, "budget_period": None, "models": None}
    assert change_team(easel, made["id"]) == unset


@pytest.mark.parametrize("dollars", [0, 0.1, 0.3, 12.345678, 999_999_999.999999, 1_000_000_000, 1e-6, 1e2])
def test_a_budget_is_exact_to_the_micro_dollar(easel: RunningGateway, dollars: float) -> None:
    assert make_team(easel, budget_usd=dollars)["budget_usd"] == dollars


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda value: repr(value)[:30])
def test_a_bad_value_is_refused_by_its_name_and_changes_nothing(easel: RunningGateway, field: str, value: Any) -> None:
    key = tenants(easel)
    made = easel.http.get(f"/v1/admin/keys/{key}").json()
    team = easel.http.get(f"{TEAMS}/{made['team']}").json()
    whole = {"name": "never made", "requests_per_minute": 7, field: value}
    answers = [
        easel.http.post(TEAMS, json=whole),
        easel.http.patch(f"{TEAMS}/{team['id']}", json={"requests_per_minute": 7, field: value}),
        easel.http.post("/v1/admin/keys", json={"team": team["id"], **whole}),
        easel.http.patch(f"/v1/admin/keys/{key}", json={"requests_per_minute": 7, field: value}),
    ]
    for answer in answers:
        told = failed(answer, 400, "invalid_value")
        assert answer.json()["error"]["param"] == field[:100]
        assert told.startswith(f"{field[:100]}: ")
        assert len(told) < 1000
    assert easel.http.get(f"/v1/admin/keys/{key}").json() == made
    assert easel.http.get(f"{TEAMS}/{team['id']}").json() == team
    assert "never made" not in easel.http.get(f"{TEAMS}?limit=100").text


KEPT: dict[str, str] = {}


def tenants(gateway: RunningGateway) -> str:
    """A key, of a team of its own, that these tests share: they change nothing."""
    if gateway.url not in KEPT:
        KEPT[gateway.url] = made_key(gateway).id
    return KEPT[gateway.url]


@pytest.mark.parametrize(
    "body", [b'{"name":"n","budget_usd":NaN}', b'{"name":"n","budget_usd":Infinity}', b'{"a":1e999}']
)
def test_what_json_does_not_have_is_refused(easel: RunningGateway, body: bytes) -> None:
    assert easel.http.post(TEAMS, content=body).status_code == 400


@pytest.mark.parametrize("body", [b"[]", b"null", b"60", b"{", b"", b'{"image_ttl":60}' + b" " * 70_000])
def test_what_is_no_change_is_refused(team: httpx.Client, body: bytes) -> None:
    answer = team.patch(PATH, content=body)
    assert answer.status_code == (413 if len(body) > 60_000 else 400)
    assert answer.json()["error"]["code"] in {"invalid_json", "request_too_large"}


def test_a_budget_needs_an_amount_and_an_amount_alone_is_for_a_month(easel: RunningGateway) -> None:
    for body in ({"name": "n", "budget_period": "day"}, {"name": "n", "budget_usd": None, "budget_period": "day"}):
        answer = easel.http.post(TEAMS, json=body)
        failed(answer, 400, "invalid_value")
        assert answer.json()["error"]["param"] == "budget_period"
    assert make_team(easel, budget_usd=0, budget_period=None)["budget_period"] == "month"


def test_a_name_is_one_teams_alone_and_looks_like_no_id(easel: RunningGateway) -> None:
    first, second = make_team(easel), make_team(easel)
    for taken in (first["name"], "default", first["id"], "a/b", "team_x"):
        for answer in (
            easel.http.post(TEAMS, json={"name": taken}),
            easel.http.patch(f"{TEAMS}/{second['id']}", json={"name": taken}),
        ):
            failed(answer, 400, "invalid_value")
            assert answer.json()["error"]["param"] == "name"
    renamed = f"Büro {secrets.token_hex(4)} & co."
    assert change_team(easel, second["id"], name=renamed)["name"] == renamed
    assert change_team(easel, second["id"], name=renamed)["name"] == renamed
    assert easel.http.get(f"{TEAMS}/{renamed}").json()["id"] == second["id"]
    failed(easel.http.get(f"{TEAMS}/{second['name']}"), 404, "not_found")


def test_a_name_is_required(easel: RunningGateway) -> None:
    answer = easel.http.post(TEAMS, json={"budget_usd": 1})
    failed(answer, 400, "missing_required_parameter")
    assert answer.json()["error"]["param"] == "name"


def test_teams_are_listed_page_by_page(easel: RunningGateway) -> None:
    made = [make_team(easel)["id"] for _each in range(3)][::-1]
    first = easel.http.get(TEAMS, params={"limit": 2}).json()
    assert ([team["id"] for team in first["data"]], first["has_more"]) == (made[:2], True)
    second = easel.http.get(TEAMS, params={"limit": 1, "after": first["last_id"]}).json()
    assert [team["id"] for team in second["data"]] == made[2:]
    everything = easel.http.get(TEAMS, params={"limit": 100}).json()
    if not everything["has_more"]:
        assert everything["data"][-1]["id"] == "default"
    for query in ("limit=0", "limit=101", "limit=x", "after=", "after=a%00b", "sort=up", "after=a'--"):
        failed(easel.http.get(f"{TEAMS}?{query}"), 400, "invalid_value")


def test_the_configured_keys_team_stays_open(easel: RunningGateway) -> None:
    answer = easel.http.patch(PATH, json={"disabled": True, "image_ttl": 60})
    failed(answer, 400, "invalid_value")
    assert easel.http.get(PATH).json()["image_ttl"] is None


@pytest.mark.parametrize(
    "id", ["other", "Default", "%00", "default%20", "x" * 101, "..%2fdefault", "%C3%A9", "%27", "%F0%9F"]
)
def test_other_teams_are_not_there(team: httpx.Client, id: str) -> None:
    for answer in (team.get(f"/v1/admin/teams/{id}"), team.patch(f"/v1/admin/teams/{id}", json={"image_ttl": 60})):
        failed(answer, 404, "not_found")


def test_a_key_is_needed(team: httpx.Client) -> None:
    for method in ("GET", "PATCH"):
        failed(team.request(method, PATH, headers={"authorization": "Bearer ek_wrong"}), 401, "invalid_api_key")


def test_browsers_may_change_it(team: httpx.Client) -> None:
    asked = {"origin": "https://a.example", "access-control-request-method": "PATCH"}
    assert "PATCH" in team.options(PATH, headers=asked).headers["access-control-allow-methods"]
