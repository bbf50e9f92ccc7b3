"""What can be wrong around a body: keys, sizes, types, routes, headers, hosts. Nothing is spent, the gateway lives."""

import gzip
import json

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.drawn import asked
from tests.gateway.nothing_spent import assert_nothing_spent, error_of
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway

GENERATIONS = "/v1/images/generations"


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "Authorization: Bearer KEY"),
        ({"authorization": "Bearer"}, "Authorization: Bearer KEY"),
        ({"authorization": "Basic ZWs6"}, "Authorization: Bearer KEY"),
        ({"authorization": "Bearer sk-wrong"}, "wrong"),
        ({"authorization": "Bearer kéy".encode()}, "wrong"),
        ({"authorization": f"Bearer {ADMIN_KEY}x"}, "wrong"),
        ({"api-key": "sk-wrong"}, "wrong"),
        ({"api-key": "k" * 60_000}, "wrong"),
    ],
)
@pytest.mark.parametrize(
    "at", [("POST", GENERATIONS), ("POST", "/v1/images/plan"), ("GET", "/v1/models"), ("GET", "/v1/models/qwen-image")]
)
def test_without_the_right_key_nothing_happens(
    easel: RunningGateway, simulators: Simulators, headers: dict[str, str], told: str, at: tuple[str, str]
) -> None:
    with httpx.Client(base_url=easel.url) as stranger:
        message = error_of(stranger.request(*at, json=FOX, headers=headers), 401, "invalid_api_key")
    assert told in message
    assert "sk-wrong" not in message
    assert simulators.calls() == []


def test_the_key_is_asked_for_before_the_body_is_read(easel: RunningGateway) -> None:
    answer = httpx.post(f"{easel.url}{GENERATIONS}", content=b"{", headers={"content-type": "text/plain"})
    error_of(answer, 401, "invalid_api_key")


@pytest.mark.parametrize("key", [{"authorization": f"bearer  {ADMIN_KEY}"}, {"api-key": ADMIN_KEY}])
def test_the_key_comes_in_either_header(easel: RunningGateway, key: dict[str, str]) -> None:
    assert httpx.get(f"{easel.url}/v1/models", headers=key).status_code == 200


@pytest.mark.parametrize(
    "media", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "image/png"]
)
def test_another_media_type_is_refused(easel: RunningGateway, simulators: Simulators, media: str) -> None:
    answer = easel.http.post(GENERATIONS, content=json.dumps(FOX), headers={"content-type": media})
    assert "send application/json" in error_of(answer, 415, "unsupported_media_type")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.a+json", ""])
def test_other_ways_to_say_json_are_understood(easel: RunningGateway, media: str) -> None:
    answer = easel.http.post("/v1/images/plan", content=json.dumps(FOX), headers={"content-type": media})
    assert answer.status_code == 200, answer.text


def test_a_packed_body_is_refused_as_such(easel: RunningGateway, simulators: Simulators) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = easel.http.post(GENERATIONS, content=gzip.compress(json.dumps(FOX).encode()), headers=headers)
    assert "gzip" in error_of(answer, 415, "unsupported_media_type")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("body", [b"", b"{", b'{"model": "qwen-image",}', b'{"prompt": "caf\xe9"}', b"\xef\xbb\xbf{}"])
def test_broken_json_is_told_with_its_place(easel: RunningGateway, simulators: Simulators, body: bytes) -> None:
    answer = easel.http.post(GENERATIONS, content=body, headers={"content-type": "application/json"})
    assert " at byte " in error_of(answer, 400, "invalid_json")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize(
    ("method", "route", "allowed"),
    [
        ("GET", GENERATIONS, "POST"),
        ("PUT", GENERATIONS, "POST"),
        ("OPTIONS", GENERATIONS, "POST"),
        ("GET", "/openai/v1/images/plan", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("DELETE", "/v1/models/qwen-image", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_names_the_right_one(easel: RunningGateway, method: str, route: str, allowed: str) -> None:
    answer = easel.http.request(method, route)
    message = error_of(answer, 405, "method_not_allowed")
    assert sorted(answer.headers["allow"].split(", ")) == allowed.split(", ")
    assert message == f"{method} is not allowed here; use {allowed.replace(', ', ' or ')}"


@pytest.mark.parametrize(
    "route",
    [
        "/",
        "/v1",
        "/v1/images/nothing",
        "/v2/images/generations",
        "/images/generations",
        "/openai/images/generations",
        "/V1/Images/Generations",
        "/v1/images/generations/",
        "//v1/images/generations",
        "/v1//images/generations",
        "/v1/models/../images/generations%00",
        "/" + "x" * 5000,
    ],
)
def test_an_unknown_route_is_a_404(easel: RunningGateway, simulators: Simulators, route: str) -> None:
    message = error_of(easel.http.post(easel.url + route, json=FOX), 404, "not_found")
    assert "/openapi.yaml" in message
    assert len(message) < 300
    assert simulators.calls() == []


@pytest.mark.parametrize(
    ("name", "value", "told"), [("X-Easel-Strict", "maybe", "true or false"), ("X-Easel-Cache", "x", "off or only")]
)
def test_a_header_that_says_nothing_known_is_refused(
    easel: RunningGateway, simulators: Simulators, name: str, value: str, told: str
) -> None:
    assert told in error_of(easel.generate(headers={name: value}), 400, "invalid_value", name)
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("wait", ["-1", "1e9", "601", "1000000000000", "1.5", "ten", "", "0x10"])
def test_a_wait_that_nobody_waits_is_refused(easel: RunningGateway, simulators: Simulators, wait: str) -> None:
    answer = easel.generate(headers={"Prefer": f"respond-async, wait={wait}"})
    assert "from 0 to 600" in error_of(answer, 400, "invalid_value", "Prefer")
    assert_nothing_spent(easel, simulators)


def test_a_stream_cannot_be_answered_later(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.generate(stream=True, headers={"Prefer": "respond-async"})
    assert "leave one of them out" in error_of(answer, 400, "invalid_value", "stream")
    assert_nothing_spent(easel, simulators)


@pytest.mark.parametrize("key", [b"k" * 256, b"k" * 300, b"two\tparts", "zwölf".encode()], ids=ascii)
def test_an_idempotency_key_that_cannot_be_one_is_refused(
    easel: RunningGateway, simulators: Simulators, key: bytes
) -> None:
    answer = easel.http.post(GENERATIONS, json=FOX, headers={b"idempotency-key": key})
    assert "1 to 255 printable" in error_of(answer, 400, "invalid_value", "Idempotency-Key")
    assert_nothing_spent(easel, simulators)


def test_a_key_cannot_be_used_for_two_requests(easel: RunningGateway, simulators: Simulators) -> None:
    body, key = asked(model="vllm-omni/qwen-image"), {"Idempotency-Key": f"order {asked()['prompt']}"}
    first = easel.generate(body, headers=key)
    assert first.status_code == 200, first.text
    for change in ({"prompt": "another fox"}, {"n": 2}, {"user": "ada"}):
        answer = easel.generate(body, headers=key, **change)
        message = error_of(answer, 422, "idempotency_mismatch", "Idempotency-Key")
        assert first.headers["x-request-id"] in message
        assert "send a new key" in message
    again = easel.generate(body, headers=key)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert simulators.paid("vllm-omni") == 1


def test_a_dry_run_is_true_or_false(easel: RunningGateway, simulators: Simulators) -> None:
    answer = easel.http.post(f"{GENERATIONS}?dryRun=perhaps", json=FOX)
    assert "true or false" in error_of(answer, 400, "invalid_value", "dryRun")
    assert_nothing_spent(easel, simulators)


def test_a_forged_host_is_refused(start: Start, simulators: Simulators) -> None:
    gateway = start(server={"allowed_hosts": ["127.0.0.1", "[::1]", "*.easel.example"]})
    for host in ("evil.example", "easel.example", "easel.example.evil.example", "127.0.0.1.evil.example", "evil:80"):
        answer = gateway.generate(headers={"host": host})
        assert "allowed_hosts" in error_of(answer, 400, "invalid_value", "host")
        assert host not in answer.text
    for host in ("127.0.0.1", "127.0.0.1:8080", "a.easel.example", "A.Easel.Example:443", "[::1]", "[::1]:80"):
        assert gateway.http.get("/v1/models", headers={"host": host}).status_code == 200
    for path in ("/healthz", "/readyz", "/metrics"):
        assert gateway.http.get(path, headers={"host": "10.1.2.3:8080"}).status_code == 200, "a probe knows no names"
    assert_nothing_spent(gateway, simulators)
