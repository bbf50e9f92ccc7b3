"""Around every route: request ids, both prefixes, CORS for browsers."""

import httpx
import pytest

from simulators.running import Simulators
from tests.gateway.conftest import Start
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway

# What openai-node 7.55.0 sends from a browser (read 2026-11-21).
SDK_HEADERS = (
    "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,"
    "x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version,x-stainless-timeout"
)
PAGE = "https://app.example"


@pytest.mark.parametrize(
    ("method", "route", "status"),
    [
        ("POST", "/v1/images/generations", 200),
        ("POST", "/v1/images/plan", 200),
        ("POST", "/v1/images/generations?dryRun=true", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/nothing", 404),
        ("GET", "/v1/images/files/nothing.png", 403),
        ("PUT", "/v1/models", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.yaml", 200),
        ("GET", "/docs", 200),
    ],
)
def test_every_answer_has_an_id_of_its_own(easel: RunningGateway, method: str, route: str, status: int) -> None:
    answers = [easel.http.request(method, route, json=FOX if method == "POST" else None) for _twice in range(2)]
    assert [answer.status_code for answer in answers] == [status, status]
    ids = [answer.headers.get_list("x-request-id") for answer in answers]
    assert all(len(given) == 1 and given[0].startswith("req_") for given in ids)
    assert ids[0] != ids[1]


def test_the_id_of_the_caller_is_not_taken_over(easel: RunningGateway) -> None:
    answer = easel.http.get("/healthz", headers={"x-request-id": "req_mine"})
    assert answer.headers["x-request-id"] != "req_mine"


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_both_prefixes_serve_the_same(easel: RunningGateway, simulators: Simulators, prefix: str) -> None:
    with httpx.Client(base_url=easel.url + prefix, headers={"api-key": ADMIN_KEY}) as client:
        assert client.get("/models").json() == easel.http.get("/v1/models").json()
        assert client.get("/models/qwen-image").status_code == 200
        assert client.post("/images/plan", json=FOX).json()["object"] == "image.plan"
        answer = client.post("/images/generations", json={**FOX, "model": "vllm-omni/qwen-image", "size": "64x64"})
        [image] = answer.json()["data"]
        assert httpx.get(image["url"]).headers["content-type"] == "image/png"
        name = image["url"].rpartition("/")[2]
        assert client.head(f"/images/files/{name}").status_code == 200
    assert simulators.paid("vllm-omni") == 1


@pytest.fixture
def for_browsers(start: Start) -> RunningGateway:
    return start(server={"cors_origins": [PAGE]})


@pytest.mark.parametrize("route", ["/v1/images/generations", "/openai/v1/models/fal%2Fqwen-image", "/v1/images/plan"])
def test_a_browser_may_ask_with_the_headers_of_the_client(for_browsers: RunningGateway, route: str) -> None:
    asked = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": SDK_HEADERS}
    answer = httpx.options(for_browsers.url + route, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-headers"] == SDK_HEADERS
    assert {"GET", "POST"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert "origin" in answer.headers["vary"].lower()


def test_a_browser_may_read_what_matters_of_an_answer_and_of_an_error(for_browsers: RunningGateway) -> None:
    for body in ({**FOX, "model": "vllm-omni/qwen-image"}, {**FOX, "n": 0}):
        answer = for_browsers.generate(body, headers={"origin": PAGE})
        assert answer.headers["access-control-allow-origin"] == PAGE
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert exposed >= {
            "x-request-id",
            "x-easel-cost",
            "retry-after",
            "x-should-retry",
            "location",
            "idempotent-replayed",
        }
        assert "access-control-allow-credentials" not in answer.headers


def test_other_pages_are_told_nothing(for_browsers: RunningGateway, easel: RunningGateway) -> None:
    for gateway, origin in ((for_browsers, "https://evil.example"), (for_browsers, "null"), (easel, PAGE)):
        asked = {"origin": origin, "access-control-request-method": "POST"}
        assert "access-control-allow-origin" not in httpx.options(f"{gateway.url}/v1/models", headers=asked).headers
        assert "access-control-allow-origin" not in gateway.http.get("/v1/models", headers={"origin": origin}).headers


def test_a_strange_list_of_headers_is_not_given_back(for_browsers: RunningGateway) -> None:
    asked = {"origin": PAGE, "access-control-request-method": "POST", "access-control-request-headers": "a; <b>"}
    answer = httpx.options(f"{for_browsers.url}/v1/models", headers=asked)
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type"


def test_a_star_allows_every_page(start: Start) -> None:
    gateway = start(server={"cors_origins": ["*"]})
    answer = gateway.http.get("/v1/models", headers={"origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] in {"*", "https://any.example"}
