"""What operators see: metrics with labels from small fixed sets, and one log line a request.

Never a prompt, a key, a URL or a picture: labels are providers, models of the catalog, outcomes and stages.
"""

import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.several import Several
from gateway.shared_metrics import count_in_files, counted_by_all
from gateway.tracing import OFF, Tracing
from providers.abilities import LineStanding

log = structlog.stdlib.get_logger()

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
BREAKER_STATES = ("closed", "half_open", "open")
STAGES = (0.0005, 0.002, 0.01, 0.05, 0.2, 1, 5, 30, 120, 600)


@dataclass(slots=True)
class Outcome:
    """What one request came to, filled in on its way; its metrics and its log line are read from it.

    `started` is an instant of `time.monotonic()`, `route` the name of its endpoint, `cost` in micro-dollars; `model`
    and `provider` are empty where it did not come that far, `job` is the one that it is or joined, `team` and `key` the
    ids of who asked. `headers` go out with the answer, whatever it is.
    """

    request_id: str
    started: float
    job: str = ""
    route: str = "none"
    status: int = 0
    code: str = ""
    model: str = ""
    provider: str = ""
    images: int = 0
    cost: int | None = None
    cache: str = "off"
    bytes_out: int = 0
    team: str = ""
    key: str = ""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])


class Telemetry:
    """The metrics of one process. Label children are looked up once and kept.

    `several`: of one of several, which count in files that all of them can read. A gauge says then how it is put
    together from all of them.
    """

    def __init__(self, several: Several | None = None) -> None:
        self._several = several
        if several is not None:
            count_in_files(several.folder, several.number)
        self.registry = CollectorRegistry()
        registry = self.registry
        self._requests = Counter("easel_requests", "Requests finished", ["route", "status", "code"], registry=registry)
        self._seconds = Histogram(
            "easel_request_seconds", "Time of a request", ["route"], buckets=SECONDS, registry=registry
        )
        self._images = Counter("easel_images", "Pictures delivered", ["provider", "model", "cache"], registry=registry)
        self._cost = Counter("easel_cost_micro_dollars", "Cost of pictures", ["provider", "model"], registry=registry)
        self._calls = Counter("easel_upstream_calls", "Calls to providers", ["provider", "outcome"], registry=registry)
        self._call_seconds = Histogram(
            "easel_upstream_seconds", "Time of a call to a provider", ["provider"], buckets=SECONDS, registry=registry
        )
        self._skipped = Counter(
            "easel_upstream_skipped", "Candidates that were passed over", ["provider", "reason"], registry=registry
        )
        self._breakers = Gauge(
            "easel_breaker_state",
            "0 closed, 1 half open, 2 open",
            ["provider", "model"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._differing = Counter(
            "easel_images_differing", "Pictures drawn otherwise than planned", ["provider", "what"], registry=registry
        )
        self._calling = Gauge(
            "easel_upstream_in_flight", "Calls under way", ["provider"], registry=registry, multiprocess_mode="livesum"
        )
        self._stage_seconds = Histogram(
            "easel_stage_seconds", "Time in a stage of a request", ["stage"], buckets=STAGES, registry=registry
        )
        self._cache = Counter("easel_cache", "Requests by what the cache did", ["outcome"], registry=registry)
        self._bytes = Counter("easel_bytes", "Bytes of pictures and answers", ["direction"], registry=registry)
        self._deliveries = Counter(
            "easel_delivery_tries", "Tries to deliver webhooks and uploads", ["kind", "outcome"], registry=registry
        )
        self._hooks = Counter(
            "easel_hooks", "Webhooks that came in from providers", ["provider", "outcome"], registry=registry
        )
        self._in_flight = Gauge(
            "easel_requests_in_flight", "Requests under way", registry=registry, multiprocess_mode="livesum"
        )
        self._running = Gauge("easel_jobs_running", "Jobs under way", registry=registry, multiprocess_mode="livesum")
        self._queued = Gauge(
            "easel_jobs_queued",
            "Jobs of all processes that wait for a place",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._jobs = Counter("easel_jobs", "Jobs that ended, as they were written down", ["status"], registry=registry)
        self._resumed = Counter("easel_jobs_resumed", "Jobs taken up from another process", registry=registry)
        self._redis_up = Gauge(
            "easel_redis_up", "Whether Redis answers", registry=registry, multiprocess_mode="livemin"
        )
        self._limits_local = Counter(
            "easel_limits_local", "Requests admitted or refused without Redis", ["outcome"], registry=registry
        )
        self._deleted = Counter(
            "easel_deleted", "What was kept long enough, or deleted by its team", ["what"], registry=registry
        )
        self._deletions_failed = Counter(
            "easel_deletions_failed", "Deletions that are tried again later", ["where"], registry=registry
        )
        self._workers = Gauge(
            "easel_workers", "Workers of our own", ["state"], registry=registry, multiprocess_mode="livemax"
        )
        self._worker_line = Gauge(
            "easel_worker_line", "Calls that wait for one", ["kind"], registry=registry, multiprocess_mode="livesum"
        )
        self._worker_wait = Gauge(
            "easel_worker_wait_seconds",
            "Predicted wait for one of a call that comes now",
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._worker_losses = Counter(
            "easel_worker_losses", "Calls whose worker went away under them", registry=registry
        )
        self._losses_seen = 0
        self._children: dict[tuple[Any, ...], Any] = {}
        self.tracing: Tracing = OFF

    def finished(self, outcome: Outcome) -> None:
        """Count a request and write its log line."""
        seconds = time.monotonic() - outcome.started
        traced = {"trace_id": self.tracing.trace_id()} if self.tracing.on else {}
        self.child(self._requests, outcome.route, str(outcome.status), outcome.code).inc()
        self.child(self._seconds, outcome.route).observe(seconds)
        if outcome.images:
            self.child(self._images, outcome.provider, outcome.model, outcome.cache).inc(outcome.images)
            self.child(self._cache, outcome.cache).inc()
            if outcome.cost:
                self.child(self._cost, outcome.provider, outcome.model).inc(outcome.cost)
        if outcome.bytes_out:
            self.child(self._bytes, "out").inc(outcome.bytes_out)
        log.info(
            "request",
            request_id=outcome.job or outcome.request_id,
            route=outcome.route,
            status=outcome.status,
            code=outcome.code or None,
            ms=round(seconds * 1000, 1),
            team=outcome.team or None,
            key=outcome.key or None,
            model=outcome.model or None,
            provider=outcome.provider or None,
            images=outcome.images,
            cost_micros=outcome.cost,
            cache=outcome.cache,
            **traced,
        )

    def called(self, provider: str, outcome: str, seconds: float) -> None:
        """Count a call to a provider."""
        self.child(self._calls, provider, outcome).inc()
        self.child(self._call_seconds, provider).observe(seconds)

    def skipped(self, provider: str, reason: str) -> None:
        """Count a candidate that was passed over."""
        self.child(self._skipped, provider, reason).inc()

    def differed(self, provider: str, what: str) -> None:
        """Count a picture whose size or format is not the planned one."""
        self.child(self._differing, provider, what).inc()

    def deleted(self, what: str, count: int = 1) -> None:
        """Count jobs or stored pictures that are gone."""
        if count:
            self.child(self._deleted, what).inc(count)

    def deletion_failed(self, where: str) -> None:
        """Count a deletion that could not be finished now."""
        self.child(self._deletions_failed, where).inc()

    def job_ended(self, status: str) -> None:
        """Count a job that was written down."""
        self.child(self._jobs, status).inc()

    def jobs_queued(self, count: int) -> None:
        self._queued.set(count)

    def job_resumed(self) -> None:
        self._resumed.inc()

    def limited_alone(self, outcome: str) -> None:
        """Count a request that was admitted or refused by this process's share of the limits."""
        self.child(self._limits_local, outcome).inc()

    def downloaded(self, size: int) -> None:
        self.child(self._bytes, "in").inc(size)

    def tried(self, kind: str, outcome: str) -> None:
        """Count a try to deliver a webhook or an upload."""
        self.child(self._deliveries, kind, outcome).inc()

    def hooked(self, provider: str, outcome: str) -> None:
        """Count a webhook that came in from a provider."""
        self.child(self._hooks, provider, outcome).inc()

    @contextmanager
    def calling(self, provider: str) -> Generator[None]:
        gauge = self.child(self._calling, provider)
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()

    @contextmanager
    def in_flight(self) -> Generator[None]:
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.child(self._stage_seconds, name).observe(time.perf_counter() - started)

    def child(self, metric: Metric, *labels: str) -> Metric:
        """The metric under these labels; looking it up in the library costs more than counting."""
        key = (metric, *labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = metric.labels(*labels)
        return cast("Metric", found)

    def observe(self, *, redis_up: bool, breakers: Iterable[tuple[str, str, str]], running: int) -> None:
        """What no event tells of; `breakers` are provider, model (empty for the provider's own) and state."""
        self._running.set(running)
        self._redis_up.set(redis_up)
        for provider, model, state in breakers:
            self.child(self._breakers, provider, model).set(BREAKER_STATES.index(state))

    def observe_workers(self, line: LineStanding) -> None:
        for state, count in line.workers.items():
            self.child(self._workers, state).set(count)
        for kind, count in line.waiting.items():
            self.child(self._worker_line, kind).set(count)
        self._worker_wait.set(line.wait if line.wait is not None else float("inf"))
        self._worker_losses.inc(line.losses - self._losses_seen)
        self._losses_seen = line.losses

    def exposition(self) -> bytes:
        """Prometheus's text format."""
        return generate_latest(counted_by_all(self._several.folder) if self._several else self.registry)
