"""The tables of errors and metrics, held against the code."""

from typing import Any, cast

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from gateway import errors
from gateway.errors import GatewayError
from gateway.telemetry import Telemetry
from providers.errors import Kind
from tests.docs.documents import code, rows, text

KINDS: list[type[GatewayError]] = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, GatewayError) and kind is not GatewayError
]


def test_every_error_stands_in_the_document_with_its_status_and_type() -> None:
    written = [(row["status"], code(row["code"])[0], code(row["type"])[0]) for row in rows("docs/errors.md", "status")]
    assert sorted(written) == sorted((str(kind.status), kind.code, kind.type) for kind in KINDS)


def test_a_retry_that_is_forbidden_is_said_to_be() -> None:
    told = {code(row["code"])[0]: row for row in rows("docs/errors.md", "status")}
    for kind in KINDS:
        if kind.should_retry is False:
            assert "`x-should-retry: false`" in told[kind.code]["when"], kind.code


def metrics() -> list[MetricWrapperBase]:
    return [value for value in vars(Telemetry()).values() if isinstance(value, MetricWrapperBase)]


def exposed(metric: MetricWrapperBase) -> tuple[str, str, list[str]]:
    """As Prometheus sees it: a counter's name ends in `_total`."""
    name = str(cast("Any", metric)._name)  # the library has no other way to ask
    kind = "counter" if isinstance(metric, Counter) else "histogram" if isinstance(metric, Histogram) else "gauge"
    labels = [str(label) for label in cast("Any", metric)._labelnames]
    return f"{name}_total" if kind == "counter" else name, kind, labels


def test_every_metric_stands_in_the_document_with_its_labels() -> None:
    written = [(code(row["metric"])[0], row["kind"], code(row["labels"])) for row in rows("docs/metrics.md", "metric")]
    assert sorted(written) == sorted(map(exposed, metrics()))


def test_every_gauge_says_how_it_is_put_together_from_several_processes() -> None:
    gauges = [metric for metric in metrics() if isinstance(metric, Gauge)]
    modes = {exposed(metric)[0]: str(cast("Any", metric)._multiprocess_mode) for metric in gauges}
    assert [name for name, mode in modes.items() if mode not in {"livesum", "livemin", "livemax"}] == []


def test_every_outcome_of_a_call_is_named() -> None:
    assert [kind.value for kind in Kind if f"`{kind.value}`" not in text("docs/metrics.md")] == []
