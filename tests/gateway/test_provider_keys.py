"""`/v1/admin/teams/{id}/provider-keys`: who may, what is taken, and that no key is ever seen again."""

from typing import Any

import pytest

from simulators.running import Simulators
from tests.gateway.own_keys import Team
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import bearing, made_key, make_key

KEY = "own-0123456789abcdef"
BODY = {"api_key": KEY}


@pytest.fixture
def team(easel: RunningGateway, simulators: Simulators) -> Team:
    return Team.new(easel, simulators)


def test_brought_listed_changed_and_taken_back(team: Team) -> None:
    http = team.gateway.http
    assert http.get(team.path()).json() == {"object": "list", "data": []}
    made = http.put(team.path("fal"), json=BODY)
    row = made.json()
    assert (made.status_code, row["object"], row["provider"]) == (201, "provider_key", "fal")
    assert isinstance(row["created"], int)
    assert http.put(team.path("fal"), json={"api_key": "another"}).status_code == 200
    assert http.put(team.path("alibaba"), json=BODY).status_code == 201
    assert [each["provider"] for each in http.get(team.path()).json()["data"]] == ["alibaba", "fal"]
    assert http.get(team.path("fal")).json()["provider"] == "fal"
    assert http.delete(team.path("fal")).status_code == 204
    for method in ("GET", "DELETE"):
        gone = http.request(method, team.path("fal"))
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


def test_no_answer_shows_it(team: Team) -> None:
    http = team.gateway.http
    answers = [
        http.put(team.path("fal"), json=BODY),
        http.get(team.path("fal")),
        http.get(team.path()),
        http.get(f"/v1/admin/teams/{team.id}"),
        http.put(team.path("fal"), json={"api_key": KEY, KEY: KEY}),
        http.put(team.path("fal"), json={"api_key": [KEY]}),
        http.put(team.path("fal"), json=[KEY]),
        http.put(team.path("fal"), content=f'{{"api_key": "{KEY}'.encode()),
        http.put(team.path("fal"), json={"api_key": f"{KEY}\n"}),
        http.put(team.path("local"), json=BODY),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, *[400] * 6]
    assert not [answer.text for answer in answers if KEY in answer.text]


BAD: list[Any] = [
    None,
    "",
    " ",
    "a key",
    "key ",
    "key\n",
    "key\r\nx-more: 1",
    "key\x00",
    "key\x7f",
    "kéy",
    "k" * 4097,
    17,
    True,
    ["key"],
    {"key": "key"},
]


@pytest.mark.parametrize("key", BAD)
def test_what_no_header_takes_is_no_key(team: Team, key: Any) -> None:
    answer = team.gateway.http.put(team.path("fal"), json={"api_key": key})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "api_key")
    assert team.gateway.http.get(team.path()).json()["data"] == []


@pytest.mark.parametrize(("content", "status"), [(b"", 400), (b"[]", 400), (b"{}", 400), (b'{"key": "x"}', 400)])
def test_a_body_of_something_else(team: Team, content: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    assert team.gateway.http.put(team.path("fal"), content=content, headers=headers).status_code == status
    assert team.gateway.http.get(team.path()).json()["data"] == []


def test_the_longest_key(team: Team) -> None:
    assert team.gateway.http.put(team.path("fal"), json={"api_key": "k" * 4096}).status_code == 201


@pytest.mark.parametrize(
    ("provider", "status", "param"),
    [("local", 400, "provider"), ("nobody", 404, None), ("FAL", 404, None), ("f%61l", 201, None)],
)
def test_providers_that_take_keys(team: Team, provider: str, status: int, param: str | None) -> None:
    answer = team.gateway.http.put(team.path(provider), json=BODY)
    assert answer.status_code == status, answer.text
    assert status == 201 or answer.json()["error"]["param"] == param


def test_a_server_of_the_operators_own_takes_one_where_it_has_one(team: Team) -> None:
    assert team.gateway.http.put(team.path("vllm-omni"), json=BODY).status_code == 201


def test_who_may(team: Team) -> None:
    """An admin, and the team's own: anybody else's team is not there."""
    gateway, path = team.gateway, team.path("fal")
    own, foreign = (bearing(make_key(gateway, team=each, role="team_admin")) for each in (team.id, None))
    user = team.key.headers
    for method, body in (("PUT", BODY), ("GET", None), ("DELETE", None)):
        refused = gateway.http.request(method, path, json=body, headers=user)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
        unknown = gateway.http.request(method, "/v1/admin/teams/team_0/provider-keys/fal", json=body, headers=foreign)
        others = gateway.http.request(method, path, json=body, headers=foreign)
        assert (others.status_code, others.json()) == (unknown.status_code, unknown.json())
        assert others.status_code == 404
        assert gateway.http.request(method, path, json=body, headers=own).status_code in {200, 201, 204}


def test_it_ends_with_its_team_and_with_nobody_elses(team: Team) -> None:
    other = made_key(team.gateway)
    for each in (team.id, other.team):
        path = f"/v1/admin/teams/{each}/provider-keys/fal"
        assert team.gateway.http.put(path, json=BODY).status_code == 201
    assert team.gateway.http.delete(team.path("fal")).status_code == 204
    assert team.gateway.http.get(f"/v1/admin/teams/{other.team}/provider-keys/fal").status_code == 200
