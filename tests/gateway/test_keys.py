"""Keys over HTTP: made and shown once, rotated, revoked; every key that is none is refused."""

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.keys import make_key as some_key
from tests.gateway.conftest import Start
from tests.gateway.drawn import failed
from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.tenants import (
    Json,
    bearing,
    change_key,
    change_team,
    client_with,
    made_key,
    make_key,
    make_team,
    revoke,
)
from tests.gateway.test_jobs_store_away import database_away
from tests.gateway.until import until

KEYS = "/v1/admin/keys"


def works(gateway: RunningGateway, text: str) -> bool:
    answer = gateway.http.get("/v1/models/qwen-image", headers=bearing(text))
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200


def rotated(gateway: RunningGateway, id: str, **body: float) -> str:
    answer = gateway.http.post(f"{KEYS}/{id}/rotate", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


def test_a_key_opens_what_it_is_for_and_is_shown_once(easel: RunningGateway) -> None:
    key = made_key(easel, name="ci")
    assert key.text.startswith("ek_")
    assert len(key.text) == 46
    assert key.row["prefix"] == key.text[:9]
    with client_with(easel, key.text) as client:
        assert client.get("/v1/jobs").json()["data"] == [], "another team's jobs are not its own"
        drawn = client.post("/v1/images/generations", json={"model": "qwen-image", "prompt": "a fox"})
        assert drawn.status_code == 200
        assert [job["id"] for job in client.get("/v1/jobs").json()["data"]] == [drawn.headers["x-request-id"]]
    assert works(easel, key.text)
    assert easel.http.get("/v1/models", headers={"api-key": key.text, "authorization": ""}).status_code == 200
    for address in (f"{KEYS}/{key.id}", f"{KEYS}?team={key.team}", f"/v1/admin/teams/{key.team}"):
        assert key.text not in easel.http.get(address).text


def test_a_revoked_key_is_refused_at_once_where_it_was_revoked(easel: RunningGateway) -> None:
    key = made_key(easel)
    assert works(easel, key.text)
    revoke(easel, key.id)
    assert not works(easel, key.text)
    revoke(easel, key.id)
    row = easel.http.get(f"{KEYS}/{key.id}").json()
    assert row["revoked"] == pytest.approx(time.time(), abs=60)
    failed(easel.http.post(f"{KEYS}/{key.id}/rotate"), 400, "invalid_value")
    failed(easel.http.patch(f"{KEYS}/{key.id}", json={"disabled": False}), 400, "invalid_value")
    assert not works(easel, key.text)


def test_a_disabled_key_and_a_disabled_team_come_back(easel: RunningGateway) -> None:
    key = made_key(easel)
    change_key(easel, key.id, disabled=True)
    assert not works(easel, key.text)
    change_key(easel, key.id, disabled=False)
    assert works(easel, key.text)
    change_team(easel, key.team, disabled=True)
    assert not works(easel, key.text)
    change_team(easel, key.team, disabled=False)
    assert works(easel, key.text)


def test_an_expired_key_is_refused(easel: RunningGateway) -> None:
    key = made_key(easel, expires_at=int(time.time()) + 2)
    assert works(easel, key.text)
    until(lambda: not works(easel, key.text))
    assert time.time() >= key.row["expires_at"]
    assert change_key(easel, key.id, expires_at=None)["expires_at"] is None
    assert works(easel, key.text)


@pytest.mark.parametrize("moment", [0, -1, 1, 1_700_000_000, 2**53, 2**64, True, "tomorrow", 1e10])
def test_a_key_expires_in_time_to_come(easel: RunningGateway, moment: object) -> None:
    team = make_team(easel)["id"]
    answer = easel.http.post(KEYS, json={"team": team, "name": "n", "expires_at": moment})
    failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == "expires_at"
    assert easel.http.get(KEYS, params={"team": team}).json()["data"] == []


def test_a_rotated_keys_old_text_ends_at_once(easel: RunningGateway) -> None:
    key = made_key(easel)
    assert works(easel, key.text)
    new = rotated(easel, key.id)
    assert (works(easel, key.text), works(easel, new)) == (False, True)
    row = easel.http.get(f"{KEYS}/{key.id}").json()
    assert row == {**key.row, "prefix": new[:9], "last_used": row["last_used"]}


def test_a_rotated_keys_old_text_is_valid_for_the_time_of_grace(easel: RunningGateway) -> None:
    key = made_key(easel)
    new = rotated(easel, key.id, grace_seconds=1.5)
    newest = rotated(easel, key.id, grace_seconds=3600)
    assert (works(easel, key.text), works(easel, new), works(easel, newest)) == (True, True, True)
    until(lambda: not works(easel, key.text))
    assert (works(easel, new), works(easel, newest)) == (True, True)
    last = rotated(easel, key.id, grace_seconds=0)
    assert (works(easel, new), works(easel, newest), works(easel, last)) == (False, False, True)


@pytest.mark.parametrize("grace", [-1, 2_592_001, True, "1", None, 1e300])
def test_a_time_of_grace_has_bounds(easel: RunningGateway, grace: object) -> None:
    key = made_key(easel)
    answer = easel.http.post(f"{KEYS}/{key.id}/rotate", json={"grace_seconds": grace})
    failed(answer, 400, "invalid_value")
    assert answer.json()["error"]["param"] == "grace_seconds"
    assert works(easel, key.text)


def test_a_key_is_not_rotated_without_end(easel: RunningGateway) -> None:
    key = made_key(easel)
    for _each in range(9):
        rotated(easel, key.id, grace_seconds=600)
    failed(easel.http.post(f"{KEYS}/{key.id}/rotate", json={"grace_seconds": 600}), 400, "invalid_value")
    assert works(easel, key.text)
    new = rotated(easel, key.id)
    assert (works(easel, key.text), works(easel, new)) == (False, True)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("id", ["key_000000000000000000000000", "admin", "%00", "x" * 200, "key_%27", "default"])
def test_what_is_no_key_is_not_found(easel: RunningGateway, method: str, id: str) -> None:
    rest = "/rotate" if method == "POST" else ""
    body: Json | None = {} if method in {"PATCH", "POST"} else None
    failed(easel.http.request(method, f"{KEYS}/{id}{rest}", json=body), 404, "not_found")


def test_what_is_no_key_opens_nothing(easel: RunningGateway) -> None:
    text = make_key(easel)
    for wrong in (some_key(), text[:-1], text[:20], text + "A", text.upper(), text.lower(), ADMIN_KEY[:-1], "ek_"):
        if wrong != text:
            answer = easel.http.get("/v1/models", headers=bearing(wrong))
            told = failed(answer, 401, "invalid_api_key")
            assert wrong not in told
    for header in ("", "Bearer", f"Basic {text}", text):
        failed(easel.http.get("/v1/models", headers={"authorization": header}), 401, "invalid_api_key")


def test_keys_are_listed_page_by_page(easel: RunningGateway) -> None:
    team = make_team(easel)
    made = [made_key(easel, team["name"], name=f"key {number}").id for number in range(3)][::-1]
    first = easel.http.get(KEYS, params={"team": team["name"], "limit": 2}).json()
    assert ([key["id"] for key in first["data"]], first["has_more"]) == (made[:2], True)
    second = easel.http.get(KEYS, params={"team": team["id"], "after": first["last_id"]}).json()
    assert ([key["id"] for key in second["data"]], second["has_more"]) == (made[2:], False)
    assert [key["id"] for key in easel.http.get(KEYS, params={"limit": 3}).json()["data"]] == made
    failed(easel.http.get(KEYS, params={"team": "nobody"}), 404, "not_found")


@pytest.mark.parametrize("missing", ["team", "name"])
def test_a_key_has_a_team_and_a_name(easel: RunningGateway, missing: str) -> None:
    body = {"team": "default", "name": "n"}
    del body[missing]
    answer = easel.http.post(KEYS, json=body)
    failed(answer, 400, "missing_required_parameter")
    assert answer.json()["error"]["param"] == missing
    failed(easel.http.post(KEYS, json={"team": "nobody", "name": "n"}), 404, "not_found")


def each(field: str, *values: Any) -> list[tuple[str, Any]]:
    return [(field, value) for value in values]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *each("role", "root", "", None, 1, "Admin"),
        *each("response_format", "png", "", 1),
        *each("strict", 1, "true", []),
        *each("join_retries", 1, "true", None),
        *each("share_cache", 0, "false", None),
        *each("key", "ek_of_my_own"),
        *each("prefix", "ek_"),
        *each("revoked", None),
        *each("made_by", "me"),
    ],
)
def test_a_bad_value_of_a_key_makes_and_changes_none(easel: RunningGateway, field: str, value: object) -> None:
    key = made_key(easel)
    answers = [
        easel.http.post(KEYS, json={"team": key.team, "name": "n", field: value}),
        easel.http.patch(f"{KEYS}/{key.id}", json={"name": "changed", field: value}),
    ]
    for answer in answers:
        failed(answer, 400, "invalid_value")
        assert answer.json()["error"]["param"] == field
    assert easel.http.get(KEYS, params={"team": key.team}).json()["data"] == [key.row]


def test_a_keys_team_cannot_be_changed(easel: RunningGateway) -> None:
    key = made_key(easel)
    failed(easel.http.patch(f"{KEYS}/{key.id}", json={"team": "default"}), 400, "invalid_value")


def test_its_use_is_written_down_at_the_end_at_the_latest(start: Start, tmp_path: Path) -> None:
    gateway = start(data_dir=tmp_path / "data")
    used, unused = made_key(gateway), made_key(gateway)
    before = int(time.time())
    assert works(gateway, used.text)
    gateway.stop()
    again = start(data_dir=tmp_path / "data")
    assert again.http.get(f"{KEYS}/{used.id}").json()["last_used"] >= before
    assert again.http.get(f"{KEYS}/{unused.id}").json()["last_used"] is None
    assert works(again, used.text)


def test_without_the_database_a_key_cannot_be_checked_and_the_configured_one_draws(start: Start) -> None:
    gateway = start()
    key = made_key(gateway)
    with database_away(gateway, "key_hashes"):
        answer = gateway.http.get("/v1/models", headers=key.headers)
        failed(answer, 503, "overloaded")
        assert int(answer.headers["retry-after"]) >= 1
        failed(gateway.http.get("/v1/models", headers=bearing("ek_wrong")), 401, "invalid_api_key")
        assert gateway.generate().status_code == 200
        failed(gateway.http.post(KEYS, json={"team": "default", "name": "n"}), 503, "overloaded")
    assert works(gateway, key.text)
    with database_away(gateway, "teams"):
        assert gateway.http.get("/v1/models").status_code == 200
        failed(gateway.http.get("/v1/admin/teams"), 503, "overloaded")
