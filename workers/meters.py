"""What a worker counts, for `GET /metrics`; the labels are models, our own codes and a few fixed words."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from workers.engine import Memory
from workers.tally import Tally


class Meters:
    """One registry for each worker, so that two of them in a process count apart."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.pictures = Counter("easel_worker_pictures", "Pictures finished.", ["model"], registry=registry)
        self.device = Tally()
        registry.register(self.device)
        self.refusals = Counter("easel_worker_refusals", "Requests that got an error.", ["code"], registry=registry)
        self.cancelled = Counter("easel_worker_cancelled", "Jobs that nobody wanted any more.", registry=registry)
        self.out_of_memory = Counter(
            "easel_worker_out_of_memory", "Times that memory ran out.", ["what"], registry=registry
        )
        self.relieved = Counter("easel_worker_relieved", "Times that the engine made room.", registry=registry)

    def watch(
        self,
        *,
        jobs: Callable[[str], int],
        queue_seconds: Callable[[], float],
        seconds_at_it: Callable[[], float],
        memory: Callable[[], Memory],
    ) -> None:
        """What is asked for whenever somebody reads the metrics."""
        counted = Gauge("easel_worker_jobs", "Jobs here.", ["state"], registry=self._registry)
        for state in ("running", "waiting"):
            counted.labels(state).set_function(lambda state=state: jobs(state))
        predicted = Gauge(
            "easel_worker_queue_seconds", "Device seconds of all unfinished work.", registry=self._registry
        )
        predicted.set_function(queue_seconds)
        at_it = Gauge(
            "easel_worker_at_it_seconds", "How long the device is at the same thing.", registry=self._registry
        )
        at_it.set_function(seconds_at_it)
        held = Gauge("easel_worker_memory_bytes", "Memory of the device.", ["kind"], registry=self._registry)
        for kind in ("total", "free", "peak"):
            held.labels(kind).set_function(lambda kind=kind: getattr(memory(), kind))

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)
