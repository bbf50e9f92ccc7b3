"""A collector of OpenTelemetry's on a real socket: what a gateway tells it of its requests, decoded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from tests.gateway.until import until
from tests.receiver import Receiver

ENVIRONMENT = {"OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=easel"}


@dataclass(frozen=True)
class Seen:
    """A span; ids in hex, `parent` empty for a root, `links` the traces that it points to, `failed` its status."""

    name: str
    kind: int
    trace: str
    id: str
    parent: str
    facts: Mapping[str, Any]
    links: tuple[str, ...]
    failed: bool
    service: str


class Collector:
    """`receiver.received` are the exports as they came."""

    def __init__(self) -> None:
        self.receiver = Receiver()

    @property
    def environment(self) -> dict[str, str]:
        """What a gateway needs to send its spans here, and soon."""
        return {**ENVIRONMENT, "OTEL_EXPORTER_OTLP_ENDPOINT": self.receiver.url}

    def spans(self) -> list[Seen]:
        return [span for received in list(self.receiver.received) for span in spans_of(received.body)]

    def trace_of(self, request: str) -> list[Seen]:
        """Every span of the trace of that request, once its own, which is the last, is there."""
        until(lambda: any(span.facts.get("easel.request.id") == request for span in self.spans()))
        spans = self.spans()
        trace = next(span.trace for span in spans if span.facts.get("easel.request.id") == request)
        return [span for span in spans if span.trace == trace]

    def text(self) -> bytes:
        """All that came."""
        return b"".join(received.body for received in self.receiver.received)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.receiver.down()


def spans_of(body: bytes) -> list[Seen]:
    export: Any = cast(Any, trace_service_pb2).ExportTraceServiceRequest.FromString(body)
    return [
        Seen(
            span.name,
            span.kind,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            facts_of(span.attributes),
            tuple(link.trace_id.hex() for link in span.links),
            span.status.code == span.status.STATUS_CODE_ERROR,
            facts_of(resource.resource.attributes)["service.name"],
        )
        for resource in export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def facts_of(attributes: Any) -> dict[str, Any]:
    return {fact.key: getattr(fact.value, fact.value.WhichOneof("value")) for fact in attributes}
