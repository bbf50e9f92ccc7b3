"""Spans as OpenTelemetry's SDK records them: whose trace they belong to, and when none is made."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.cli.findings import of_mistakes
from gateway.otlp import TracesUnavailable, installed, open_tracing, tracing_to
from gateway.settings import read_settings
from gateway.settings_tables import Telemetry
from gateway.tracing import NOTHING, OFF, Tracing, read

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


class Recorded:
    """Tracing with these settings, and what it has recorded."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.stack = AsyncExitStack()

    def tracing(self, *, sample: float = 1.0, trust: bool = False) -> Tracing:
        settings = Telemetry(traces="otlp", sample=sample, trust_traceparent=trust)
        return tracing_to(SimpleSpanProcessor(self.exporter), settings, self.stack)

    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())


@pytest.fixture
async def recorded() -> AsyncIterator[Recorded]:
    made = Recorded()
    yield made
    await made.stack.aclose()


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def test_off_records_nothing_and_knows_no_trace() -> None:
    for step in (OFF.plan("m"), OFF.attempt("p", "p/m", "c", 1), OFF.store("cache"), OFF.resumed("j", 2, SAMPLED)):
        assert step is NOTHING
    assert (OFF.on, OFF.trace_id(), OFF.traceparent(), NOTHING.recorded, NOTHING.traceparent) == (
        False,
        *[None] * 2,
        False,
        None,
    )


def test_a_strangers_trace_is_linked_to(recorded: Recorded) -> None:
    tracing = recorded.tracing()
    with tracing.request("GET", SAMPLED):
        inside = tracing.trace_id()
    (span,) = recorded.spans()
    assert inside == trace_of(span) != TRACE
    assert span.parent is None
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE]


def test_a_trusted_trace_is_continued(recorded: Recorded) -> None:
    tracing = recorded.tracing(trust=True)
    with tracing.request("GET", SAMPLED) as step, tracing.plan("m"):
        assert step.traceparent is not None
        assert step.traceparent.startswith(f"00-{TRACE}-")
    plan, request = recorded.spans()
    assert {trace_of(plan), trace_of(request)} == {TRACE}
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == SPAN
    assert not request.links


def test_whoever_is_trusted_decides_what_is_recorded(recorded: Recorded) -> None:
    tracing = recorded.tracing(trust=True)
    with tracing.request("GET", UNSAMPLED) as step, tracing.plan("m") as plan:
        assert (step.recorded, plan, tracing.trace_id()) == (False, NOTHING, TRACE)
    assert recorded.spans() == []


def test_a_stranger_decides_nothing(recorded: Recorded) -> None:
    with recorded.tracing().request("GET", UNSAMPLED):
        pass
    with recorded.tracing(sample=0).request("GET", SAMPLED):
        pass
    assert len(recorded.spans()) == 1


def test_a_request_that_is_not_sampled_has_an_id_and_no_parts(recorded: Recorded) -> None:
    tracing = recorded.tracing(sample=0)
    with tracing.request("GET", None):
        assert tracing.trace_id()
        assert tracing.attempt("p", "p/m", "c", 1) is NOTHING
    assert recorded.spans() == []


def test_a_step_outside_of_any_request_is_none(recorded: Recorded) -> None:
    assert recorded.tracing().store("cache") is NOTHING


def test_a_failure_is_told_by_its_name_alone(recorded: Recorded) -> None:
    tracing = recorded.tracing()
    with tracing.request("POST", None), pytest.raises(ValueError, match="sesame"), tracing.plan("m"):
        raise ValueError("sesame")
    plan, request = recorded.spans()
    assert plan.attributes is not None
    assert plan.attributes["error.type"] == "ValueError"
    assert (plan.status.is_ok, plan.status.description, plan.events, request.status.is_ok) == (False, None, (), True)


def test_a_job_that_goes_on_has_a_trace_of_its_own(recorded: Recorded) -> None:
    """Also when it is taken up while something else is traced; it lasts until it is ended."""
    tracing = recorded.tracing()
    with tracing.request("POST", None):
        with tracing.resumed("req_1", 2, SAMPLED) as step, tracing.store("journal"):
            pass
        assert [span.name for span in recorded.spans()] == ["store journal"]
        step.end()
    journal, job, request = recorded.spans()
    assert (job.name, job.attributes) == ("job", {"easel.job.id": "req_1", "easel.job.attempt": 2})
    assert trace_of(journal) == trace_of(job) != trace_of(request)
    assert [f"{link.context.trace_id:032x}" for link in job.links] == [TRACE]


@pytest.mark.parametrize("version", ["00", "01", "fe"])
def test_a_traceparent_is_read(version: str) -> None:
    context = read(f" {version}-{TRACE}-{SPAN}-01 ")
    assert context is not None
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags.sampled) == (TRACE, SPAN, True)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "sesame",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01{'-' * 100_000}",
    ],
)
def test_what_is_no_traceparent_is_none(wrong: str) -> None:
    assert read(wrong) is None


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed()
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracesUnavailable, match=r"pip install 'easel-gateway\[otel\]'"):
        open_tracing(Telemetry(traces="otlp"), AsyncExitStack())
    assert open_tracing(Telemetry(), AsyncExitStack()) is OFF
    settings = read_settings(None, {"telemetry": {"traces": "otlp"}})
    (finding,) = [each for each in of_mistakes(settings) if each.what == "telemetry.traces"]
    assert (finding.verdict, "easel-gateway[otel]" in finding.told) == ("wrong", True)
