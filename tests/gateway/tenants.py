"""Teams and keys for tests, made through the gateway as an admin makes them."""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.gateway.running import RunningGateway

Json = dict[str, Any]


@dataclass(frozen=True)
class MadeKey:
    """`text` is the key itself, `row` what was told of it besides."""

    id: str
    team: str
    text: str
    row: Json

    @property
    def headers(self) -> dict[str, str]:
        return bearing(self.text)


def bearing(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def make_team(gateway: RunningGateway, **fields: Any) -> Json:
    """As it is told; under a name of its own unless one is given."""
    answer = gateway.http.post("/v1/admin/teams", json={"name": f"team of {secrets.token_hex(6)}", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


def make_key(gateway: RunningGateway, team: str | None = None, **fields: Any) -> str:
    """The text of a new key, of a new team unless one (id or name) is given."""
    return made_key(gateway, team, **fields).text


def made_key(gateway: RunningGateway, team: str | None = None, *, by: str | None = None, **fields: Any) -> MadeKey:
    """The key with its row; made `by` the configured admin key, or this one."""
    body = {"team": team or make_team(gateway)["id"], "name": "a key", **fields}
    answer = gateway.http.post("/v1/admin/keys", json=body, headers=bearing(by) if by else None)
    assert answer.status_code == 201, answer.text
    row = answer.json()
    return MadeKey(row["id"], row["team"], row.pop("key"), row)


@contextmanager
def client_with(gateway: RunningGateway, key: str) -> Generator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, headers=bearing(key), timeout=60) as client:
        yield client


def change_key(gateway: RunningGateway, id: str, **fields: Any) -> Json:
    answer = gateway.http.patch(f"/v1/admin/keys/{id}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def change_team(gateway: RunningGateway, id: str, **fields: Any) -> Json:
    answer = gateway.http.patch(f"/v1/admin/teams/{id}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def revoke(gateway: RunningGateway, id: str) -> None:
    answer = gateway.http.delete(f"/v1/admin/keys/{id}")
    assert answer.status_code == 204, answer.text
