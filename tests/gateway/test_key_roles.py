"""Who may do what: an admin everything, a team admin with his own team, anybody else nothing under /v1/admin."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.gateway.drawn import failed
from tests.gateway.running import RunningGateway
from tests.gateway.tenants import Json, MadeKey, made_key, make_team

KEYS, TEAMS = "/v1/admin/keys", "/v1/admin/teams"
WIDE: Json = {
    "models": ["qwen-*", "fal/*"],
    "providers": ["fal", "openai"],
    "requests_per_minute": 60,
    "images_per_minute": 60,
    "megapixels_per_minute": 60,
    "max_concurrent_images": 6,
    "budget_usd": 10,
    "budget_period": "month",
    "expires_at": 4_000_000_000,
}
WIDER: tuple[tuple[str, Json], ...] = (
    ("role", {"role": "admin"}),
    ("models", {"models": ["*"]}),
    ("models", {"models": None}),
    ("models", {"models": ["qwen-image", "flux-dev"]}),
    ("models", {"models": ["qwen*"]}),
    ("providers", {"providers": ["fal", "runware"]}),
    ("providers", {"providers": None}),
    ("requests_per_minute", {"requests_per_minute": 61}),
    ("requests_per_minute", {"requests_per_minute": None}),
    ("images_per_minute", {"images_per_minute": 61}),
    ("megapixels_per_minute", {"megapixels_per_minute": 60.5}),
    ("max_concurrent_images", {"max_concurrent_images": 1000}),
    ("budget_usd", {"budget_usd": 10.000001}),
    ("budget_usd", {"budget_usd": None}),
    ("budget_period", {"budget_usd": 1, "budget_period": "day"}),
    ("budget_period", {"budget_period": "total"}),
    ("expires_at", {"expires_at": 4_000_000_001}),
    ("expires_at", {"expires_at": None}),
)


@dataclass(frozen=True)
class Tenants:
    """Two teams with a key of each kind, that these tests leave as they are."""

    gateway: RunningGateway
    chief: MadeKey
    user: MadeKey
    foreign: MadeKey

    def ask(self, key: MadeKey, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.gateway.http.request(method, path, json=body, headers=key.headers)


KEPT: dict[str, Tenants] = {}


@pytest.fixture
def tenants(easel: RunningGateway) -> Tenants:
    if easel.url not in KEPT:
        team = make_team(easel)["id"]
        chief = made_key(easel, team, role="team_admin", **WIDE)
        KEPT[easel.url] = Tenants(easel, chief, made_key(easel, team), made_key(easel))
    return KEPT[easel.url]


def routes(team: str, key: str) -> tuple[tuple[str, str, Any], ...]:
    """Every administrative route about this team and key."""
    return (
        ("GET", f"{TEAMS}/{team}", None),
        ("PATCH", f"{TEAMS}/{team}", {"image_ttl": 3600}),
        ("GET", f"{TEAMS}/{team}/webhook-secrets", None),
        ("POST", f"{TEAMS}/{team}/webhook-secrets", {}),
        ("DELETE", f"{TEAMS}/{team}/webhook-secrets/whs_1", None),
        ("GET", f"{KEYS}?team={team}", None),
        ("POST", KEYS, {"team": team, "name": "n"}),
        ("GET", f"{KEYS}/{key}", None),
        ("PATCH", f"{KEYS}/{key}", {"name": "n"}),
        ("POST", f"{KEYS}/{key}/rotate", {}),
        ("DELETE", f"{KEYS}/{key}", None),
    )


def test_a_user_is_no_admin_of_anything(tenants: Tenants) -> None:
    user = tenants.user
    for team, key in ((user.team, user.id), (tenants.foreign.team, tenants.foreign.id), ("nobody", "key_0")):
        for method, path, body in (*routes(team, key), ("GET", TEAMS, None), ("POST", TEAMS, {"name": "n"})):
            failed(tenants.ask(user, method, path, body), 403, "not_allowed")


def test_what_is_another_teams_is_not_there(tenants: Tenants) -> None:
    chief, foreign = tenants.chief, tenants.foreign
    before = tenants.gateway.http.get(f"{KEYS}/{foreign.id}").json()
    name = tenants.gateway.http.get(f"{TEAMS}/{foreign.team}").json()["name"]
    for team in (foreign.team, name, "default"):
        for method, path, body in routes(team, foreign.id):
            failed(tenants.ask(chief, method, path, body), 404, "not_found")
    assert tenants.gateway.http.get(f"{KEYS}/{foreign.id}").json() == before
    assert [team["id"] for team in tenants.ask(chief, "GET", TEAMS).json()["data"]] == [chief.team]
    listed = tenants.ask(chief, "GET", f"{KEYS}?limit=100").json()["data"]
    assert {key["team"] for key in listed} == {chief.team}
    assert {chief.id, tenants.user.id} <= {key["id"] for key in listed}


def test_a_team_admin_changes_of_his_team_how_long_things_are_kept_and_nothing_else(tenants: Tenants) -> None:
    path = f"{TEAMS}/{tenants.chief.team}"
    assert tenants.ask(tenants.chief, "PATCH", path, {"image_ttl": 3600}).json()["image_ttl"] == 3600
    assert tenants.ask(tenants.chief, "PATCH", path, {"image_ttl": None, "job_ttl": None}).status_code == 200
    for field, value in (("name", "mine"), ("budget_usd", None), ("models", None), ("disabled", False)):
        answer = tenants.ask(tenants.chief, "PATCH", path, {"job_ttl": 60, field: value})
        failed(answer, 403, "not_allowed")
        assert answer.json()["error"]["param"] == field
    assert tenants.ask(tenants.chief, "GET", path).json()["job_ttl"] is None
    failed(tenants.ask(tenants.chief, "POST", TEAMS, {"name": "mine"}), 403, "not_allowed")


def test_a_team_admin_has_its_teams_webhook_secrets(tenants: Tenants) -> None:
    path = f"{TEAMS}/{tenants.chief.team}/webhook-secrets"
    made = tenants.ask(tenants.chief, "POST", path, {})
    assert made.status_code == 201, made.text
    listed = tenants.ask(tenants.chief, "GET", path).json()["data"]
    assert [secret["id"] for secret in listed] == [made.json()["id"]]
    assert tenants.ask(tenants.chief, "DELETE", f"{path}/{listed[0]['id']}").status_code == 204


def test_what_a_new_key_does_not_say_is_its_makers(tenants: Tenants) -> None:
    made = made_key(tenants.gateway, tenants.chief.team, by=tenants.chief.text, budget_usd=4)
    assert {name: made.row[name] for name in WIDE} == {**WIDE, "budget_usd": 4}
    assert (made.row["role"], made.row["made_by"]) == ("user", tenants.chief.id)
    narrow: Json = {
        "models": ["qwen-image"],
        "providers": ["fal"],
        "requests_per_minute": 1,
        "expires_at": 3_999_999_999,
    }
    row = made_key(tenants.gateway, tenants.chief.team, by=tenants.chief.text, role="team_admin", **narrow).row
    assert {name: row[name] for name in narrow} == narrow


@pytest.mark.parametrize(("field", "wider"), WIDER, ids=str)
def test_no_key_reaches_further_than_its_maker(tenants: Tenants, field: str, wider: Json) -> None:
    """Not a new one, not one that is changed, and not the maker's own."""
    chief = tenants.chief
    made = made_key(tenants.gateway, chief.team, by=chief.text)
    answers = [
        tenants.ask(chief, "POST", KEYS, {"team": chief.team, "name": "wider", **wider}),
        tenants.ask(chief, "PATCH", f"{KEYS}/{made.id}", {"name": "changed", **wider}),
        tenants.ask(chief, "PATCH", f"{KEYS}/{chief.id}", {"name": "changed", **wider}),
    ]
    for answer in answers:
        failed(answer, 403, "not_allowed")
        assert answer.json()["error"]["param"] == field
    http = tenants.gateway.http
    assert http.get(f"{KEYS}/{made.id}").json() == made.row
    assert http.get(f"{KEYS}/{chief.id}").json()["name"] == chief.row["name"]


def test_a_wider_key_is_not_taken_over(tenants: Tenants) -> None:
    """Its new text would give whoever has it rotated all that it may do; it may be narrowed, and be revoked."""
    chief = tenants.chief
    wide = made_key(tenants.gateway, chief.team, role="team_admin", disabled=True)
    for method, path, body in (
        ("POST", f"{KEYS}/{wide.id}/rotate", {"grace_seconds": 60}),
        ("PATCH", f"{KEYS}/{wide.id}", {"disabled": False}),
        ("PATCH", f"{KEYS}/{wide.id}", {"budget_usd": 5, "budget_period": "day"}),
    ):
        failed(tenants.ask(chief, method, path, body), 403, "not_allowed")
    assert tenants.gateway.http.get(f"{KEYS}/{wide.id}").json() == wide.row
    assert tenants.ask(chief, "PATCH", f"{KEYS}/{wide.id}", {"budget_usd": 5}).json()["budget_usd"] == 5
    assert tenants.ask(chief, "PATCH", f"{KEYS}/{wide.id}", WIDE).status_code == 200
    assert tenants.ask(chief, "PATCH", f"{KEYS}/{wide.id}", {"disabled": False}).status_code == 200
    assert tenants.ask(chief, "DELETE", f"{KEYS}/{wide.id}").status_code == 204


def test_an_admins_key_of_the_own_team_is_not_a_team_admins(tenants: Tenants) -> None:
    admin = made_key(tenants.gateway, tenants.chief.team, role="admin")
    for method, rest, body in (("PATCH", "", {"name": "n"}), ("DELETE", "", None), ("POST", "/rotate", {})):
        failed(tenants.ask(tenants.chief, method, f"{KEYS}/{admin.id}{rest}", body), 403, "not_allowed")
    assert tenants.ask(tenants.chief, "GET", f"{KEYS}/{admin.id}").json()["id"] == admin.id


def test_an_admins_key_sees_all_and_is_bounded_as_any(tenants: Tenants) -> None:
    admin = made_key(tenants.gateway, role="admin", models=["qwen-*"])
    for method, path, _body in routes(tenants.chief.team, tenants.chief.id):
        if method == "GET":
            assert tenants.ask(admin, method, path).status_code == 200
    assert tenants.ask(admin, "POST", TEAMS, {"name": f"made by {admin.id}"}).status_code == 201
    made = made_key(tenants.gateway, tenants.foreign.team, by=admin.text, role="admin")
    assert made.row["models"] == ["qwen-*"]
    failed(tenants.ask(admin, "PATCH", f"{KEYS}/{admin.id}", {"models": None}), 403, "not_allowed")
    failed(tenants.ask(admin, "POST", f"{KEYS}/{tenants.foreign.id}/rotate"), 403, "not_allowed")


def test_a_key_that_has_just_been_revoked_makes_no_other(tenants: Tenants) -> None:
    chief = made_key(tenants.gateway, role="team_admin")
    body = {"team": chief.team, "name": "n"}
    assert tenants.ask(chief, "POST", KEYS, body).status_code == 201
    assert tenants.ask(chief, "DELETE", f"{KEYS}/{chief.id}").status_code == 204
    failed(tenants.ask(chief, "POST", KEYS, body), 401, "invalid_api_key")
