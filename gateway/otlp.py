"""Sends spans to a collector, by OTLP over HTTP: needs the SDK, which comes with `easel-gateway[otel]`."""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

import structlog

from gateway.settings_tables import Telemetry
from gateway.tracing import OFF, Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = structlog.stdlib.get_logger()

MISSING = (
    "needs OpenTelemetry's SDK and its exporter, which are not installed here; pip install 'easel-gateway[otel]', "
    'or set traces = "off"'
)
PATIENCE = 5.0  # seconds, at the end, for a collector to take what is left


class TracesUnavailable(Exception):
    """The text says what to install."""


def installed() -> bool:
    """Whether there is anything to send traces with."""
    try:
        return all(find_spec(f"opentelemetry.{part}") for part in ("sdk.trace", "exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False


def open_tracing(settings: Telemetry, stack: AsyncExitStack) -> Tracing:
    """Where spans go is read from the OTEL_EXPORTER_OTLP_… variables. Raises TracesUnavailable."""
    if settings.traces == "off":
        return OFF
    if not installed():
        raise TracesUnavailable(f"telemetry.traces: {MISSING}")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra

    logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)  # it quotes the collector's URL, key and all
    told = cast("SpanExporter", ToldOnce(OTLPSpanExporter()))
    return tracing_to(BatchSpanProcessor(told), settings, stack)


class ToldOnce:
    """An exporter that says in the log when the collector stops taking spans, and when it takes them again."""

    def __init__(self, exporter: "SpanExporter") -> None:
        self._exporter = exporter
        self._takes = True
        self.shutdown = exporter.shutdown
        self.force_flush = exporter.force_flush

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        result = self._exporter.export(spans)
        takes = result.name == "SUCCESS"
        if takes != self._takes:
            self._takes = takes
            if takes:
                log.info("spans_taken")
            else:
                log.warning("spans_not_taken", lost=len(spans), remedy="see OTEL_EXPORTER_OTLP_ENDPOINT and _HEADERS")
        return result


def tracing_to(processor: "SpanProcessor", settings: Telemetry, stack: AsyncExitStack) -> Tracing:
    """The stack hands over what is left, and ends it."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415 - an extra

    own = version("easel-gateway")
    instance = f"{socket.gethostname()}-{os.getpid()}"
    names = {"service.name": settings.service_name, "service.version": own, "service.instance.id": instance}
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.sample)), resource=Resource.create(names), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    stack.push_async_callback(hand_over, provider)
    return Tracing(provider.get_tracer("easel", own), trust=settings.trust_traceparent)


async def hand_over(provider: "TracerProvider") -> None:
    """In a thread that nobody waits for at the very end: the SDK itself would wait for a dead collector."""
    ending = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
    ending.start()
    await asyncio.to_thread(ending.join, PATIENCE)
    if ending.is_alive():
        log.warning("spans_not_sent", seconds=PATIENCE)
