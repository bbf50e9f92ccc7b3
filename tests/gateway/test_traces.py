"""A gateway with traces on tells a collector what each request went through, and nothing that is secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from simulators.running import Simulators
from tests.gateway.collector import Collector, Seen
from tests.gateway.conftest import GoOn, simulated_settings
from tests.gateway.job_client import begun, ended
from tests.gateway.running import ADMIN_KEY, FOX, RunningGateway
from tests.gateway.until import until
from tests.receiver import Receiver

PROMPT = "sesame prompt that nobody may see"
SERVER, CLIENT = 2, 3
FOREIGN = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def worker() -> Iterator[Receiver]:
    """It answers with nothing."""
    with Receiver() as running:
        yield running


@pytest.fixture(scope="module")
def shared(
    all_simulators: Simulators, collector: Collector, worker: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    telemetry = {"traces": "otlp", "service_name": "pictures"}
    folder = tmp_path_factory.mktemp("traced")
    local = {"local": {"workers": [worker.url]}}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in collector.environment.items():
            environment.setenv(name, value)
        settings = simulated_settings(all_simulators, folder, telemetry=telemetry, providers=local)
        with RunningGateway(settings) as running:
            yield running


@pytest.fixture
def traced(shared: RunningGateway, simulators: Simulators) -> RunningGateway:
    assert not simulators.calls()
    return shared.forget_trouble()


def named(spans: list[Seen], name: str) -> list[Seen]:
    return [span for span in spans if span.name == name]


def only(spans: list[Seen], name: str) -> Seen:
    (found,) = named(spans, name)
    return found


def test_a_request_and_its_steps(traced: RunningGateway, collector: Collector, simulators: Simulators) -> None:
    with capture_logs() as logs:
        answer = traced.generate(prompt=PROMPT, n=2, seed=7, size="64x64")
    assert answer.status_code == 200
    spans = collector.trace_of(answer.headers["x-request-id"])
    request = only(spans, "POST /v1/images/generations")
    assert (request.kind, request.parent, request.links, request.failed) == (SERVER, "", (), False)
    assert request.service == "pictures"
    assert request.facts == {
        "http.request.method": "POST",
        "http.route": "/v1/images/generations",
        "http.response.status_code": 200,
        "easel.route": "generations",
        "easel.request.id": answer.headers["x-request-id"],
        "gen_ai.request.model": "qwen-image",
        "gen_ai.provider.name": "fal",
        "easel.images": 2,
        "easel.cost_micros": round(answer.json()["metadata"]["cost"] * 1e6),
        "easel.cache": "miss",
        "easel.team.id": "default",
        "easel.key.id": "admin",
    }
    assert only(spans, "plan").facts == {"gen_ai.request.model": "qwen-image"}
    first, second = sorted(named(spans, "attempt"), key=lambda span: span.facts["easel.call.id"])
    assert (first.kind, second.kind) == (CLIENT, CLIENT)
    assert second.facts == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.output.type": "image",
        "gen_ai.provider.name": "fal",
        "easel.offer": "fal/qwen-image",
        "easel.call.id": f"{answer.headers['x-request-id']}.1",
        "easel.images.asked": 1,
        "easel.images": 1,
        "easel.outcome": "ok",
    }
    assert (len(named(spans, "store picture")), len(named(spans, "store cache"))) == (2, 2)
    journal = [span.parent for span in named(spans, "store journal")]
    assert sorted(journal) == sorted([request.id] * 3 + [first.id, second.id]), "calls, the end; and their tickets"
    others = [span for span in spans if span is not request and span.name != "store journal"]
    assert {span.parent for span in others} == {request.id}
    assert [line["trace_id"] for line in logs if line["event"] == "request"] == [request.trace]
    assert not [call for call in simulators.calls() if "traceparent" in call["headers"]]


def test_who_asked_is_told_by_ids(traced: RunningGateway, collector: Collector) -> None:
    team = traced.http.post("/v1/admin/teams", json={"name": "painters"}).json()
    key = traced.http.post("/v1/admin/keys", json={"name": "sesame", "team": "painters"}).json()
    answer = traced.generate(headers={"authorization": f"Bearer {key['key']}"})
    request = only(collector.trace_of(answer.headers["x-request-id"]), "POST /v1/images/generations")
    assert (request.facts["easel.team.id"], request.facts["easel.key.id"]) == (team["id"], key["id"])
    assert key["key"].encode() not in collector.text()


def test_a_failover_has_an_attempt_each(traced: RunningGateway, collector: Collector, simulators: Simulators) -> None:
    simulators.set_faults([{"provider": "fal", "on": "submit", "effect": "status", "status": 402, "times": 1}])
    answer = traced.generate()
    assert answer.headers["x-easel-provider"] == "lumenfall"
    spans = collector.trace_of(answer.headers["x-request-id"])
    request = only(spans, "POST /v1/images/generations")
    first, second = sorted(named(spans, "attempt"), key=lambda span: span.facts["gen_ai.provider.name"])
    assert (first.failed, first.facts["easel.outcome"], first.facts["error.type"]) == (True, "credit", "credit")
    assert (second.failed, second.facts["easel.outcome"]) == (False, "ok")
    assert (first.parent, second.parent) == (request.id, request.id)
    assert not request.failed


def test_a_hit_goes_out_to_nobody(traced: RunningGateway, collector: Collector) -> None:
    traced.generate(seed=8)
    spans = collector.trace_of(traced.generate(seed=8).headers["x-request-id"])
    assert only(spans, "POST /v1/images/generations").facts["easel.cache"] == "hit"
    assert sorted(span.name for span in spans) == ["POST /v1/images/generations", "plan", "store cache"]


def test_a_worker_of_ours_knows_its_call(traced: RunningGateway, collector: Collector, worker: Receiver) -> None:
    answer = traced.generate(model="sketch", prompt=PROMPT)
    assert answer.status_code == 502
    spans = collector.trace_of(answer.headers["x-request-id"])
    request = only(spans, "POST /v1/images/generations")
    assert (request.failed, request.facts["error.type"]) == (True, answer.json()["error"]["code"])
    known = {f"00-{span.trace}-{span.id}-01" for span in named(spans, "attempt")}
    assert {each.headers["traceparent"] for each in worker.received} == known
    assert {span.facts["error.type"] for span in named(spans, "attempt")} == {"broken"}


@pytest.mark.parametrize("path", ["/v1/models/no-such", "/sesame/path", "/v1/images/files/sesame.png?signature=sesame"])
def test_a_path_is_told_as_its_route(traced: RunningGateway, collector: Collector, path: str) -> None:
    answer = traced.http.get(path)
    (span,) = collector.trace_of(answer.headers["x-request-id"])
    routes = {"/v1/models/no-such": "/v1/models/{id:path}", "/sesame/path": None}
    route = routes.get(path, "/v1/images/files/{name}")
    assert span.facts.get("http.route") == route
    assert span.name == (f"GET {route}" if route else "GET")
    assert (span.failed, span.facts["error.type"]) == (False, answer.json()["error"]["code"])


def test_the_other_prefix_is_told(traced: RunningGateway, collector: Collector) -> None:
    answer = traced.http.get("/openai/v1/models")
    (span,) = collector.trace_of(answer.headers["x-request-id"])
    assert span.name == "GET /openai/v1/models"


def test_a_stranger_has_no_say(traced: RunningGateway, collector: Collector) -> None:
    """A method that is none and a trace of the caller's own, which is linked to and not continued."""
    headers = {"traceparent": f"00-{FOREIGN}-b7ad6b7169203331-00", "tracestate": "easel=sesame"}
    answer = traced.http.request("PROPFIND", "/v1/models", headers=headers)
    (span,) = collector.trace_of(answer.headers["x-request-id"])
    assert (span.name, span.facts["http.request.method"]) == ("_OTHER /v1/models", "_OTHER")
    assert span.trace != FOREIGN
    assert (span.parent, span.links) == ("", (FOREIGN,))


def test_nothing_secret_is_told(traced: RunningGateway, collector: Collector, simulators: Simulators) -> None:
    drawn = traced.generate(prompt=PROMPT, response_format="b64_json", user="sesame", size="64x64")
    fetched = traced.http.get("/v1/models", headers={"authorization": "Bearer sk-sesame"})
    broken = traced.http.post("/v1/images/generations", content=f'{{"prompt": "{PROMPT}"')
    unknown = traced.generate(model="sesame")
    for answer in (drawn, fetched, broken, unknown):
        collector.trace_of(answer.headers["x-request-id"])
    keys = [simulators.addresses["fal"]["key"], ADMIN_KEY]
    picture: str = drawn.json()["data"][0]["b64_json"]
    text = collector.text()
    for secret in ("sesame", "signature", "http://", *keys, picture[:30]):
        assert secret.encode() not in text, secret
    assert {received.path for received in collector.receiver.received} == {"/v1/traces"}
    assert {received.headers["x-tenant"] for received in collector.receiver.received} == {"easel"}


def test_probes_are_not_traced(traced: RunningGateway, collector: Collector) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert traced.http.get(path).status_code == 200
    collector.trace_of(traced.http.get("/v1/models").headers["x-request-id"])
    assert not [span for span in collector.spans() if span.facts.get("easel.route") in ("healthz", "readyz", "metrics")]


def test_a_job_that_goes_on_elsewhere_points_back(
    simulators: Simulators,
    collector: Collector,
    go_on: GoOn,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)
    settings = simulated_settings(simulators, tmp_path, telemetry={"traces": "otlp"}, jobs={"lease": 1})
    with RunningGateway(settings) as first:
        job = begun(first)
        until(lambda: simulators.calls("fal", "submit"))
    with RunningGateway(settings) as second:
        go_on()
        assert ended(second, job)["status"] == "succeeded"
    of_job = only([span for span in collector.spans() if span.facts.get("easel.job.id") == job], "job")
    request = collector.trace_of(job)[0]
    assert of_job.links == (request.trace,) != (of_job.trace,)
    followed = [span for span in collector.spans() if span.trace == of_job.trace]
    assert only(followed, "attempt").facts["easel.outcome"] == "ok"
    assert {span.parent for span in named(followed, "store picture")} == {of_job.id}


def test_a_collector_that_is_away_holds_up_nobody(
    simulators: Simulators,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in collector.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9/?key=sesame")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    settings = simulated_settings(simulators, tmp_path, telemetry={"traces": "otlp"})
    with capture_logs() as logs, RunningGateway(settings) as gateway:
        assert gateway.generate(FOX).status_code == 200
        until(lambda: [line for line in logs if line["event"] == "spans_not_taken"])
        assert gateway.generate(FOX).status_code == 200
    assert len([line for line in logs if line["event"] == "spans_not_taken"]) == 1
    assert "sesame" not in str(logs) + caplog.text
