"""However an administrative route is spelled, and whatever host is named: nothing is told without the right key."""

import httpx
import pytest

from tests.gateway.running import ADMIN_KEY, RunningGateway
from tests.gateway.tenants import bearing, made_key

USUAL = "/v1/admin/keys"
# Addresses as they are sent, byte for byte; those that are none of ours are not found.
ODD = (
    USUAL,
    "//v1/admin/keys",
    "/v1//admin/keys",
    "/v1/admin//keys",
    "/v1/%2e%2e/v1/admin/keys",
    "/v1/../v1/admin/keys",
    "/v1/models/../admin/keys",
    "/v1/models/%2e%2e%2fadmin/keys",
    "/healthz/../v1/admin/keys",
    "/V1/ADMIN/keys",
    "/v1/Admin/Keys",
    "/v1/admin/keys/",
    "/v1/admin/keys%2f",
    "/v1/admin/keys%00",
    "/v1/admin/keys;a=b",
    "/v1/%61dmin/keys",
    "/v1/admin%2fkeys",
    "/v1/admin/teams/../keys",
    "/openai/v1/admin/keys",
    "/OpenAI/v1/admin/keys",
    "/v1/admin/keys#",
)
HOSTS = ("127.0.0.1", "localhost", "admin.internal", "[::1]:80", "127.0.0.1/v1/models")
FORGED = {
    "x-forwarded-host": "localhost",
    "x-forwarded-for": "127.0.0.1",
    "x-original-url": "/healthz",
    "x-rewrite-url": "/healthz",
    "x-http-method-override": "OPTIONS",
}


@pytest.fixture(scope="module")
def user(always_running: RunningGateway) -> str:
    return made_key(always_running).text


@pytest.mark.parametrize("address", ODD)
def test_no_spelling_leads_past_the_key(easel: RunningGateway, user: str, address: str) -> None:
    for host in HOSTS:
        for headers, refused in ((bearing(user), 403), (bearing("ek_wrong"), 401), ({}, 401)):
            answer = sent(easel, address, {**FORGED, **headers, "host": host})
            assert answer.status_code in {refused, 404}, (host, answer.text)
            assert answer.json()["error"]["code"] in {"not_allowed", "invalid_api_key", "not_found", "model_not_found"}


@pytest.mark.parametrize("address", ODD)
def test_the_right_key_is_told_what_there_is_or_that_there_is_no_such_route(
    easel: RunningGateway, address: str
) -> None:
    answer = sent(easel, address, bearing(ADMIN_KEY))
    assert answer.status_code == (200 if answer.json().get("object") == "list" else 404)
    assert address != USUAL or answer.status_code == 200


def sent(gateway: RunningGateway, address: str, headers: dict[str, str]) -> httpx.Response:
    """As it stands: httpx itself would tidy up `..`."""
    request = gateway.http.build_request("GET", "/", headers={"authorization": "", **headers})
    request.extensions["target"] = address.encode()
    return gateway.http.send(request)
