"""Two gateways with the environment of compose.yaml, behind nginx: what callers are promised holds through it."""

import json
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from simulators.running import Simulators
from tests.deploy.stack import GATEWAYS, Stack
from tests.gateway.until import until
from tests.postgres import PostgresServer

FOX = {"model": "fal/qwen-image", "prompt": "a fox in the snow"}
GENERATIONS = "/v1/images/generations"
JSON = {"content-type": "application/json"}
MEGABYTE = 1024 * 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


@pytest.fixture(scope="module")
def simulated() -> Generator[Simulators]:
    with Simulators() as running:
        yield running


@pytest.fixture(scope="module")
def always(
    simulated: Simulators, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), simulated, postgres_server.new_database()) as stack:
        yield stack


@pytest.fixture
def stack(always: Stack, simulated: Simulators) -> Stack:
    simulated.reset()
    always.revive()
    return always


def test_a_picture_of_one_gateway_is_had_from_both_under_a_url_of_nginx(stack: Stack, simulated: Simulators) -> None:
    answer = stack.http.post(GENERATIONS, json=FOX)
    assert answer.status_code == 200, answer.text
    url = httpx.URL(answer.json()["data"][0]["url"])
    assert str(url).startswith(stack.nginx.url)
    assert httpx.get(url).content.startswith(b"\x89PNG")
    for address in GATEWAYS:
        assert httpx.get(url.copy_with(host=address, port=stack.port)).status_code == 200
    assert simulated.paid("fal") == 1


def test_both_draw_and_a_job_of_one_is_known_to_the_other(stack: Stack) -> None:
    jobs = [stack.http.post(GENERATIONS, json=FOX).headers["x-request-id"] for _ in range(6)]
    until(lambda: set(jobs) <= {each["request_id"] for each in stack.nginx.told()})
    told = {each["request_id"]: each["gateway"] for each in stack.nginx.told()}
    assert {told[job] for job in jobs} == {f"{address}:{stack.port}" for address in GATEWAYS}
    for address in GATEWAYS:
        for job in jobs:
            seen = httpx.get(f"http://{address}:{stack.port}/v1/jobs/{job}", headers=stack.authorization)
            assert seen.json()["status"] == "succeeded"


def test_events_arrive_while_the_stream_goes_on(stack: Stack, simulated: Simulators) -> None:
    simulated.set_pace("fal", queue_seconds=3600)
    with stack.http.stream("GET", "/v1/events") as events:
        assert events.headers["content-type"] == "text/event-stream"
        job = stack.http.post(GENERATIONS, json=FOX, headers={"prefer": "respond-async"})
        assert job.status_code == 202
        # The job stands still: what comes now is not pushed out by anything that follows.
        assert any(job.json()["id"] in line for line in events.iter_lines())
    assert stack.http.post(f"/v1/jobs/{job.json()['id']}/cancel").status_code == 200


def test_a_body_is_as_large_as_the_gateway_takes_and_no_larger(stack: Stack) -> None:
    """Who is too large is told so in the words of a gateway, whichever of the two says it."""
    largest = stack.http.post(GENERATIONS, content=b"{" + b" " * (64 * MEGABYTE - 1), headers=JSON)
    assert (largest.status_code, largest.json()["error"]["code"]) == (400, "invalid_json")
    larger = stack.http.post(GENERATIONS, content=b"{" + b" " * (64 * MEGABYTE), headers=JSON)
    assert (larger.status_code, larger.json()["error"]["code"]) == (413, "request_too_large")
    assert set(larger.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "path", ["/metrics", "//metrics", "/%6Detrics", "/./metrics", "/v1/../metrics", "/metrics?x=1"]
)
def test_metrics_are_for_prometheus_alone(stack: Stack, path: str) -> None:
    hidden = stack.http.get(path)
    assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "not_found")
    assert "easel_" not in hidden.text
    told = httpx.get(f"http://{GATEWAYS[0]}:{stack.port}/metrics").text
    assert "easel_requests_total" in told


def test_a_log_of_nginx_has_neither_signatures_nor_keys(stack: Stack) -> None:
    drawn = stack.http.post(GENERATIONS, json=FOX)
    seen = httpx.get(drawn.json()["data"][0]["url"]).headers["x-request-id"]
    until(lambda: seen in {each["request_id"] for each in stack.nginx.told()})
    text = json.dumps(stack.nginx.told())
    assert "/v1/images" not in text
    assert "Bearer" not in text


def test_when_a_gateway_is_killed_the_other_serves_and_what_was_sent_is_not_sent_again(
    stack: Stack, simulated: Simulators
) -> None:
    simulated.set_pace("fal", queue_seconds=3600)
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(stack.http.post, GENERATIONS, json=FOX)
        until(lambda: simulated.calls("fal", "submit") and any(map(stack.draws, GATEWAYS)))
        killed = next(filter(stack.draws, GATEWAYS))
        stack.kill(killed)
        answer = asked.result()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "internal_error")
    assert len(simulated.calls("fal", "submit")) == 1
    simulated.set_pace("fal")
    assert {stack.http.post(GENERATIONS, json=FOX).status_code for _ in range(6)} == {200}
