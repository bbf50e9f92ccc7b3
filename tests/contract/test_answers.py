"""Real answers are those that openapi.yaml promises, and its examples are what the gateway answers."""

import re
from typing import Any

import httpx
import pytest

from simulators.running import Simulators
from tests.contract.document import DOCUMENT, Json, resolved, response, schema_of, wrong_with
from tests.contract.exchanges import EXCHANGES, FOX, GENERATIONS, NOT_PROVOKED, Exchange
from tests.gateway.running import RunningGateway

EXAMPLES: dict[str, Json] = DOCUMENT["components"]["examples"]
REQUEST_ID = re.compile(r"req_[0-9a-f]{24}")

# What differs from one answer to the next, whatever is answered.
VOLATILE = {"created", "started", "finished", "request_id", "url", "duration_ms", "fingerprint"}


def ask(exchange: Exchange, usual: RunningGateway, narrow: RunningGateway) -> httpx.Response:
    gateway = usual if exchange.at == "usual" else narrow
    headers = {"content-type": "application/json", **exchange.headers}
    address = exchange.address
    if exchange.first is not None:
        manner = {"prefer": "respond-async"} if exchange.running else {}
        first = gateway.generate({**exchange.first}, headers={**headers, **manner})
        address = address.replace("{id}", first.headers["x-request-id"])
    if exchange.content is not None:
        return gateway.http.request(exchange.method, address, content=exchange.content, headers=headers)
    return gateway.http.request(exchange.method, address, json=exchange.body, headers=headers)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.example)
def test_the_gateway_answers_what_the_example_shows(
    exchange: Exchange, usual: RunningGateway, narrow: RunningGateway, simulators: Simulators
) -> None:
    simulators.set_faults(exchange.faults)
    answer = ask(exchange, usual, narrow)
    assert answer.status_code == exchange.status, answer.text
    assert steady(as_shown(answer.json(), exchange)) == steady(EXAMPLES[exchange.example]["value"])
    # A 405 is documented under the methods that the path has.
    fits(answer, exchange.route, "POST" if exchange.status == 405 else exchange.method)


def as_shown(body: Any, exchange: Exchange) -> Any:
    """The example of a model shows the first of its offers: the others have the same shape, and 90 lines each."""
    return {**body, "providers": body["providers"][:1]} if exchange.example == "Sketch" else body


def test_every_example_is_provoked_but_a_few() -> None:
    assert {exchange.example for exchange in EXCHANGES} == set(EXAMPLES) - NOT_PROVOKED


def steady(value: Any) -> Any:
    """Without what differs each time; the order of attempts is that of the network."""
    if isinstance(value, dict):
        return {name: steady(entry) for name, entry in value.items() if name not in VOLATILE}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [steady(entry) for entry in value]  # pyright: ignore[reportUnknownVariableType]
    return REQUEST_ID.sub("req_…", value) if isinstance(value, str) else value


def fits(answer: httpx.Response, path: str, method: str) -> None:
    """Status, headers and body are documented; nothing in the body is undocumented."""
    told = response(path, method, answer.status_code)
    schema = schema_of(path, method, answer.status_code)
    assert answer.headers["content-type"] == "application/json"
    assert not wrong_with(answer.json(), schema, strict=True)
    assert headers_wrong(answer, told) == []


def headers_wrong(answer: httpx.Response, told: Json) -> list[str]:
    found: list[str] = []
    documented = {name.lower(): resolved(header) for name, header in told.get("headers", {}).items()}
    for name, header in documented.items():
        value: Any = answer.headers.get(name)
        if value is None:
            found += [f"{name} is missing"] if header.get("required") else []
            continue
        schema = resolved(header["schema"])
        found += wrong_with(int(value) if schema.get("type") == "integer" else value, schema, strict=False)
    begin = ("x-request", "x-easel", "x-should", "x-ratelimit", "retry-")
    ours = {name for name in answer.headers if name.startswith(begin)}
    return found + [f"{name} is not documented" for name in sorted(ours - set(documented))]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"response_format": "b64_json", "output_format": "webp", "output_compression": 60},
        {"response_format": "both", "seed": 11, "n": 3},
        {"seed": 11, "n": 2, "response_format": "url"},
        {"model": "gpt-image-1-mini", "size": "1024x1024"},
        {"model": "lumenfall/qwen-image", "size": "2:1", "size_fit": "exact"},
        {"model": "vllm-omni/qwen-image", "cfg_scale": 4, "quality": "high", "user": "ada", "loras": None},
        {"model": "fal/flux-schnell", "fal": {"enable_safety_checker": False}, "runware": {"x": 1}},
    ],
)
def test_pictures_fit_the_schema(usual: RunningGateway, simulators: Simulators, more: Json) -> None:
    answer = usual.http.post(GENERATIONS, json={**FOX, **more})
    assert answer.status_code == 200, answer.text
    fits(answer, GENERATIONS, "POST")
    assert answer.headers["x-easel-provider"] == answer.json()["metadata"]["provider"]
    assert bool(simulators.calls()) == (answer.headers["x-easel-cache"] != "hit")


@pytest.mark.parametrize("model", ["qwen-image", "gpt-image-1-mini", "flux-dev", "sketch"])
def test_plans_and_estimates_fit_the_schema(usual: RunningGateway, simulators: Simulators, model: str) -> None:
    body = {"model": model, "prompt": "A fox", "n": 3, "seed": 5, "background": "transparent"}
    planned = usual.http.post("/v1/images/plan", json=body)
    fits(planned, "/v1/images/plan", "POST")
    assert planned.json()["candidates"]
    fits(usual.http.post(f"{GENERATIONS}?dryRun=true", json={**body, "background": "auto"}), GENERATIONS, "POST")
    assert simulators.calls() == []


def test_every_model_fits_the_schema(usual: RunningGateway) -> None:
    listed = usual.http.get("/v1/models")
    fits(listed, "/v1/models", "GET")
    ids = [model["id"] for model in listed.json()["data"]]
    assert "qwen-image" in ids
    for name in [*ids, "fal/qwen-image", "fal%2Fqwen-image"]:
        fits(usual.http.get(f"/v1/models/{name}"), "/v1/models/{id}", "GET")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_fits_the_schema(usual: RunningGateway, path: str) -> None:
    fits(usual.http.get(path), path, "GET")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 200), ({"range": "bytes=0-99"}, 206), ({"range": "bytes=99999999-"}, 416), ({"if-none-match": "*"}, 304)],
)
def test_files_answer_as_documented(
    usual: RunningGateway, simulators: Simulators, method: str, headers: dict[str, str], status: int
) -> None:
    url: str = usual.http.post(GENERATIONS, json={**FOX, "seed": 21}).json()["data"][0]["url"]
    whole = httpx.get(url)
    if "if-none-match" in headers:
        headers = {"if-none-match": whole.headers["etag"]}
    answer = httpx.request(method, url, headers=headers)
    assert answer.status_code == status
    told = response("/v1/images/files/{name}", method, status)
    assert headers_wrong(answer, told) == []
    if "content" in told:
        assert answer.headers["content-type"] in told["content"]
    body = {200: whole.content, 206: whole.content[:100]}.get(status, b"")
    assert answer.content == (body if method == "GET" else b"")


@pytest.mark.parametrize("path", ["/metrics", "/openapi.yaml", "/docs", "/docs/page.js", "/docs/scalar.js"])
def test_texts_have_the_documented_type(usual: RunningGateway, path: str) -> None:
    answer = usual.http.get(path)
    told = response("/docs/{asset}" if path.startswith("/docs/") else path, "GET", 200)
    assert answer.headers["content-type"].partition(";")[0] in told["content"]
    assert headers_wrong(answer, told) == []
