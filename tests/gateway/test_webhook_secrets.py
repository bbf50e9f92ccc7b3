"""Webhook secrets over HTTP: shown once, rotated with overlap, for admins alone."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from standardwebhooks import Webhook
from starlette.routing import Route, Router

from gateway.api.auth import Keys
from gateway.api.front import Front
from gateway.api.webhook_secrets import OneWebhookSecret, WebhookSecrets
from gateway.jobs.webhooks import signed
from gateway.keys import hash_key
from gateway.store.database import SQLite
from gateway.store.migrate import migrate
from gateway.store.sealing import Seal
from gateway.store.teams import ensure_team
from gateway.store.webhook_secrets import MOST, in_use
from gateway.telemetry import Telemetry
from gateway.tenancy.keys import KeyRing
from tests.gateway.running import ADMIN_KEY

PATH = "/v1/admin/teams/default/webhook-secrets"
SEAL = Seal(b"a key of the tests")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SQLite]:
    async def prepare() -> None:
        await migrate(database)
        await database.write(ensure_team, "default", 0.0)

    database = SQLite(tmp_path / "easel.db")
    asyncio.run(prepare())
    yield database
    asyncio.run(database.close())


@pytest.fixture
def admin(database: SQLite) -> Iterator[httpx.Client]:
    """A client with the admin key, before a server of these routes."""
    keys = Keys(KeyRing(database, hash_key(ADMIN_KEY)), required=True)
    routes = [
        Route("/v1/admin/teams/{id}/webhook-secrets", WebhookSecrets(keys, database, SEAL), methods=["GET", "POST"]),
        Route(
            "/v1/admin/teams/{id}/webhook-secrets/{secret}", OneWebhookSecret(keys, database, SEAL), methods=["DELETE"]
        ),
    ]
    app = Front(Router(routes), Telemetry(), ["*"], [])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with httpx.Client(base_url=url, headers={"authorization": f"Bearer {ADMIN_KEY}"}) as client:
            yield client
        server.should_exit = True
        thread.join()


def make(admin: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = admin.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(admin: httpx.Client) -> list[dict[str, Any]]:
    answer = admin.get(PATH)
    assert answer.status_code == 200
    assert answer.json()["object"] == "list"
    return answer.json()["data"]


def test_a_secret_is_shown_once_and_signs(admin: httpx.Client, database: SQLite) -> None:
    answer = admin.post(PATH)
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert made.keys() == {"id", "object", "created", "expires", "secret"}
    assert made["expires"] is None
    assert abs(made["created"] - time.time()) < 60
    text = made.pop("secret")
    assert listed(admin) == [made]
    [kept] = asyncio.run(database.read(in_use, "default", 1.0))
    headers = signed("msg_1", b"{}", time.time(), [SEAL.open(kept.sealed, kept.id)])
    assert Webhook(text).verify(b"{}", headers) == {}


def test_a_new_one_has_the_others_end_after_the_overlap(admin: httpx.Client) -> None:
    one, two, three = make(admin), make(admin), make(admin, overlap_seconds=60)
    found = {secret["id"]: secret["expires"] for secret in listed(admin)}
    assert found.keys() == {one["id"], two["id"], three["id"]}
    assert found[three["id"]] is None
    assert found[one["id"]] == found[two["id"]] == pytest.approx(three["created"] + 60, abs=2)
    four = make(admin, overlap_seconds=0)
    assert [secret["id"] for secret in listed(admin)] == [four["id"]]


def test_the_usual_overlap_is_a_day(admin: httpx.Client) -> None:
    one, two = make(admin), make(admin, overlap_seconds=None)
    found = {secret["id"]: secret["expires"] for secret in listed(admin)}
    assert found[one["id"]] == pytest.approx(two["created"] + 86_400, abs=2)


def test_a_deleted_one_is_gone(admin: httpx.Client) -> None:
    made = make(admin)
    gone = admin.delete(f"{PATH}/{made['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert listed(admin) == []
    again = admin.delete(f"{PATH}/{made['id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "not_found")


def test_there_is_a_bound(admin: httpx.Client) -> None:
    for _each in range(MOST):
        make(admin)
    answer = admin.post(PATH)
    assert answer.status_code == 400
    assert "delete one" in answer.json()["error"]["message"]
    assert len(listed(admin)) == MOST


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (b'{"overlap_seconds": -1}', "overlap_seconds"),
        (b'{"overlap_seconds": 2592001}', "overlap_seconds"),
        (b'{"overlap_seconds": 1e999}', None),
        (b'{"overlap_seconds": true}', "overlap_seconds"),
        (b'{"overlap_seconds": "60"}', "overlap_seconds"),
        (b'{"overlap": 60}', "overlap"),
        (b"[]", None),
        (b"null", None),
        (b"{", None),
    ],
)
def test_a_body_that_makes_no_sense(content: bytes, param: str | None, admin: httpx.Client) -> None:
    answer = admin.post(PATH, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert listed(admin) == []


def test_a_body_that_is_too_large_or_no_json(admin: httpx.Client) -> None:
    assert admin.post(PATH, json={"overlap_seconds": 1, "a": "a" * 5000}).status_code == 413
    assert admin.post(PATH, content=b"a=b", headers={"content-type": "text/plain"}).status_code == 415


@pytest.mark.parametrize("team", ["other", "default%2F..", "%00", "a" * 100])
def test_another_team_is_not_there(team: str, admin: httpx.Client) -> None:
    path = f"/v1/admin/teams/{team}/webhook-secrets"
    for answer in (admin.get(path), admin.post(path), admin.delete(f"{path}/whs_1")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("headers", [{"authorization": ""}, {"authorization": "Bearer ek_wrong"}])
def test_without_the_key(headers: dict[str, str], admin: httpx.Client) -> None:
    for method, path in (("GET", PATH), ("POST", PATH), ("DELETE", f"{PATH}/whs_1")):
        assert admin.request(method, path, headers=headers).status_code == 401
    assert listed(admin) == []
