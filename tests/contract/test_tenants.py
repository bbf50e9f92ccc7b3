"""What is told of teams and keys is what openapi.yaml says, and nothing besides."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.document import schema_of, wrong_with
from tests.gateway.running import FOX, RunningGateway
from tests.gateway.tenants import Json, bearing, made_key, make_team

TEAM, KEY = "/v1/admin/teams/{id}", "/v1/admin/keys/{id}"
BOUNDS: Json = {
    "models": ["qwen-*", "fal/*"],
    "providers": ["fal"],
    "requests_per_minute": 100,
    "images_per_minute": 50,
    "megapixels_per_minute": 70.5,
    "max_concurrent_images": 8,
    "budget_usd": 12.345678,
    "budget_period": "day",
    "image_ttl": 3600,
    "job_ttl": 7200,
}
DEFAULTS: Json = {"strict": True, "response_format": "b64_json", "join_retries": False, "share_cache": False}


def told(answer: httpx.Response, route: str, status: int) -> Json:
    """The body, which is as documented."""
    assert answer.status_code == status, answer.text
    method = answer.request.method
    assert not wrong_with(answer.json(), schema_of(route, method, status), strict=True)
    return answer.json()


def accepted(body: Mapping[str, Any], schema: str) -> bool:
    return not wrong_with(body, {"$ref": f"#/components/schemas/{schema}"}, strict=True)


def test_a_team_is_told_with_all_that_bounds_it(usual: RunningGateway) -> None:
    http = usual.http
    body = {"name": "all of it", **BOUNDS, "disabled": True}
    assert accepted(body, "NewTeam")
    made = told(http.post("/v1/admin/teams", json=body), "/v1/admin/teams", 201)
    assert {name: made[name] for name in body} == body
    assert told(http.get(f"/v1/admin/teams/{made['id']}"), TEAM, 200) == made
    change = {"disabled": False, **dict.fromkeys(BOUNDS)}
    assert accepted(change, "TeamChange")
    changed = told(http.patch("/v1/admin/teams/all%20of%20it", json=change), TEAM, 200)
    assert changed == {**made, **change}
    assert changed in told(http.get("/v1/admin/teams"), "/v1/admin/teams", 200)["data"]


def test_a_key_is_told_with_all_that_bounds_it_and_itself_once(usual: RunningGateway) -> None:
    http, team = usual.http, make_team(usual)["id"]
    body = {"name": "all of it", "team": team, "role": "team_admin", "expires_at": 4102444800, **BOUNDS, **DEFAULTS}
    assert accepted(body, "NewKey")
    answer = http.post("/v1/admin/keys", json=body)
    made = told(answer, "/v1/admin/keys", 201)
    text = made.pop("key")
    assert answer.headers["cache-control"] == "no-store"
    assert text.startswith(made["prefix"])
    assert {name: made[name] for name in body} == body
    assert told(http.get(f"/v1/admin/keys/{made['id']}"), KEY, 200) == made
    change = {"expires_at": None, **dict.fromkeys(BOUNDS), "strict": None, "response_format": None, "disabled": True}
    assert accepted(change, "KeyChange")
    changed = told(http.patch(f"/v1/admin/keys/{made['id']}", json=change), KEY, 200)
    assert changed == {**made, **change}
    rotated = told(http.post(f"/v1/admin/keys/{made['id']}/rotate"), f"{KEY}/rotate", 200)
    assert rotated.pop("key") != text
    assert rotated == {**changed, "prefix": rotated["prefix"]}
    assert told(http.get("/v1/admin/keys", params={"team": team}), "/v1/admin/keys", 200)["data"] == [rotated]


def test_a_key_of_the_teams_own_is_told_without_itself(usual: RunningGateway) -> None:
    keys = f"/v1/admin/teams/{make_team(usual)['id']}/provider-keys"
    route = "/v1/admin/teams/{id}/provider-keys"
    body = {"api_key": "own-0123456789abcdef"}
    assert accepted(body, "BringProviderKey")
    made = told(usual.http.put(f"{keys}/fal", json=body), f"{route}/{{provider}}", 201)
    changed = told(usual.http.put(f"{keys}/fal", json=body), f"{route}/{{provider}}", 200)
    assert told(usual.http.get(f"{keys}/fal"), f"{route}/{{provider}}", 200) == changed
    assert {**changed, "created": made["created"]} == made
    assert told(usual.http.get(keys), route, 200)["data"] == [changed]


def test_what_a_key_may_not_do_is_told_as_documented(usual: RunningGateway) -> None:
    key = made_key(usual, role="team_admin", models=["flux-*"])
    body = {"team": key.team, "name": "wider", "models": None}
    told(usual.http.post("/v1/admin/keys", json=body, headers=key.headers), "/v1/admin/keys", 403)
    told(usual.generate(FOX, headers=key.headers), "/v1/images/generations", 403)
    told(usual.http.post("/v1/images/plan", json=FOX, headers=bearing(key.text)), "/v1/images/plan", 403)
