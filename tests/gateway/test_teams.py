"""An administrator says how long a team's jobs and pictures are kept."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.drawn import failed
from tests.gateway.running import RunningGateway

PATH = "/v1/admin/teams/default"
UNSET = {"image_ttl": None, "job_ttl": None}


@pytest.fixture
def team(easel: RunningGateway) -> Iterator[httpx.Client]:
    yield easel.http
    easel.http.patch(PATH, json=UNSET)


def changed(client: httpx.Client, body: Any) -> dict[str, Any]:
    answer = client.patch(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_there_is_one_team_from_the_start(team: httpx.Client) -> None:
    got = team.get(PATH)
    assert (got.status_code, got.headers["content-type"]) == (200, "application/json")
    told = got.json()
    assert told.pop("created") > 1_750_000_000
    assert told == {"id": "default", "object": "team", **UNSET}
    assert team.get("/openai" + PATH).json()["id"] == "default"


def test_each_is_changed_alone_and_null_is_what_the_configuration_says(team: httpx.Client) -> None:
    assert changed(team, {"image_ttl": 60}) == {**team.get(PATH).json(), "image_ttl": 60, "job_ttl": None}
    assert changed(team, {"job_ttl": 2_147_483_647})["image_ttl"] == 60
    assert changed(team, {})["job_ttl"] == 2_147_483_647
    assert {name: changed(team, {"image_ttl": None})[name] for name in UNSET} == {
        "image_ttl": None,
        "job_ttl": 2_147_483_647,
    }


@pytest.mark.parametrize("value", [59, 0, -1, 60.5, "60", True, [], {}, 2**31, 2**63, 1e9])
@pytest.mark.parametrize("field", ["image_ttl", "job_ttl"])
def test_what_is_no_time_to_keep_something_is_refused(team: httpx.Client, field: str, value: Any) -> None:
    told = failed(team.patch(PATH, json={"image_ttl": 3600, field: value}), 400, "invalid_value")
    assert told.startswith(f"{field}: must be a whole number of seconds from 60")
    assert team.get(PATH).json()["image_ttl"] is None, "nothing of it is done"


@pytest.mark.parametrize("field", ["name", "id", "created", "ttl", "x" * 1000])
def test_nothing_else_can_be_changed(team: httpx.Client, field: str) -> None:
    answer = team.patch(PATH, json={field: 1, "image_ttl": 3600})
    failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == field[:100]
    assert team.get(PATH).json()["image_ttl"] is None


@pytest.mark.parametrize("body", [b"[]", b"null", b"60", b"{", b"", b'{"image_ttl":60}' + b" " * 70_000])
def test_what_is_no_change_is_refused(team: httpx.Client, body: bytes) -> None:
    answer = team.patch(PATH, content=body)
    assert answer.status_code == (413 if len(body) > 60_000 else 400)
    assert answer.json()["error"]["code"] in {"invalid_json", "request_too_large"}


@pytest.mark.parametrize("id", ["other", "Default", "%00", "default%20", "x" * 65, "..%2fdefault", "%C3%A9"])
def test_other_teams_are_not_there(team: httpx.Client, id: str) -> None:
    for answer in (team.get(f"/v1/admin/teams/{id}"), team.patch(f"/v1/admin/teams/{id}", json={"image_ttl": 60})):
        failed(answer, 404, "not_found")


def test_a_key_is_needed(team: httpx.Client) -> None:
    for method in ("GET", "PATCH"):
        failed(team.request(method, PATH, headers={"authorization": "Bearer ek_wrong"}), 401, "invalid_api_key")


def test_browsers_may_change_it(team: httpx.Client) -> None:
    asked = {"origin": "https://a.example", "access-control-request-method": "PATCH"}
    assert "PATCH" in team.options(PATH, headers=asked).headers["access-control-allow-methods"]
