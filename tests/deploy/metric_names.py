"""What a gateway tells Prometheus: the names of its series, and the labels of each."""

import re

from prometheus_client import Counter, Gauge, Histogram

from gateway.telemetry import Telemetry

SERIES = re.compile(r"\b(easel_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')


def told() -> dict[str, set[str]]:
    """The labels of every series, by its name."""
    found: dict[str, set[str]] = {}
    for metric in vars(Telemetry()).values():
        if isinstance(metric, Histogram):
            labels = labels_of(metric)
            found |= {f"{name_of(metric)}_bucket": {*labels, "le"}}
            found |= {f"{name_of(metric)}_{end}": labels for end in ("count", "sum")}
        elif isinstance(metric, Counter):
            found[f"{name_of(metric)}_total"] = labels_of(metric)
        elif isinstance(metric, Gauge):
            found[name_of(metric)] = labels_of(metric)
    assert len(found) > 20
    return found


def name_of(metric: Counter | Gauge | Histogram) -> str:
    (described,) = metric.describe()
    return described.name


def labels_of(metric: Counter | Gauge | Histogram) -> set[str]:
    names: tuple[str, ...] = vars(metric)["_labelnames"]  # the library tells them nowhere else
    return set(names)


def unknown_in(query: str) -> list[str]:
    """What a query asks for that no gateway tells: series, or labels that a series does not have."""
    known = told()
    wrong: list[str] = []
    for name, matchers in SERIES.findall(query):
        asked = set(MATCHER.findall(matchers)) - {"instance", "job"}
        if name not in known:
            wrong.append(name)
        else:
            wrong += [f"{name}{{{label}}}" for label in asked - known[name]]
    return wrong
