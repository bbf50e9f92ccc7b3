"""What the device thread counts at every forward: plain numbers, which become metrics when somebody reads them.

Counters of prometheus_client take locks and look their labels up: half of all that was done between two forwards.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_GROUPS = (1, 2, 3, 4, 6, 8, 12, 16)  # pictures: the bounds of the histogram


class Tally(Collector):
    """Written by one thread, read by any."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._groups: Counter[int] = Counter()

    def step(self, model: str) -> None:
        """A picture has taken a denoising step."""
        self._steps[model] += 1

    def spent(self, model: str, seconds: float) -> None:
        """The device had so long to do with a picture."""
        self._seconds[model] += seconds

    def group(self, pictures: int) -> None:
        """So many went through in one forward."""
        self._groups[pictures] += 1

    def describe(self) -> Iterator[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        steps = CounterMetricFamily("easel_worker_steps", "Denoising steps, of each picture.", labels=["model"])
        for model, count in list(self._steps.items()):
            steps.add_metric([model], count)
        yield steps
        seconds = CounterMetricFamily(
            "easel_worker_device_seconds", "Time in the device's hands, decoding apart.", labels=["model"]
        )
        for model, spent in list(self._seconds.items()):
            seconds.add_metric([model], spent)
        yield seconds
        yield self._histogram()

    def _histogram(self) -> Metric:
        groups = dict(self._groups)
        within = [(str(float(bound)), sum(n for size, n in groups.items() if size <= bound)) for bound in _GROUPS]
        pictures = sum(size * times for size, times in groups.items())
        family = HistogramMetricFamily("easel_worker_group_pictures", "Pictures that went through the device together.")
        family.add_metric([], [*within, ("+Inf", sum(groups.values()))], pictures)
        return family
