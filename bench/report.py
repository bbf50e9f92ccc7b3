"""The figures beside the issue's targets: one table for people, the same as JSON for comparison."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from bench.protocols import MODELS
from bench.scenarios import Figures

COLUMNS = ("direct", "S", "F", "hit", "before", "off", "one", "gateway", "plain", "loop", "shipped")


@dataclass(frozen=True, slots=True)
class Target:
    """The `figure`, the gateway's or another's, is to be at most `limit` times that of `against`; `limit` itself where
    that is empty.

    `how`: it may be `more` than that of `against` by `limit`; or it is to be `least` what `limit` says.
    """

    scenario: str
    figure: str
    limit: float
    against: str = ""
    of: str = "gateway"
    how: Literal["times", "more", "least"] = "times"


CPU = "CPU ms per request"
CPU_PACED = f"{CPU} at 100/s"
P50 = "added p50 ms at 100/s"
TARGETS = (
    Target("small", CPU, 0.6, "S"),
    Target("small", CPU, 3.0, "F"),
    *(Target("small", figure, 0.5, "before", how="more") for figure in (CPU, CPU_PACED)),
    Target("small", P50, 5.0, "before", how="more"),
    Target("b64", CPU, 0.25, "S"),
    Target("b64", CPU, 1.5, "F"),
    Target("hit", CPU, 2.0, "hit"),
    Target("memory", "growth / bytes in flight", 2.5),
    Target("fanout", "n=8 / n=1", 1.1),
    Target("keep small", CPU, 1.3, "S"),
    Target("keep small", CPU, 1.3, "F"),
    Target("keep b64", CPU, 1.3, "S"),
    Target("keep b64", CPU, 1.3, "F"),
    *(Target("protocols", f"added p50 ms, {slug}", 15.0) for slug in MODELS),
    Target("plan", "µs for ten parameters", 50.0),
    Target("jobs", "accepted a second, of 100 sent", 99.0, how="least"),
    Target("streams", "KB of memory per stream", 40.0),
    Target("streams", "/healthz p99 ms", 50.0),
    Target("worker", "loop / plain, of each pair", 1.03, of="loop"),
    Target("worker", "largest difference of a channel", 0, of="loop"),
    Target("worker", "largest difference, batched", 1, of="loop"),
    Target("worker", "two at once / one", 1.3, of="loop"),
    Target("worker", "steps taken after a cancel, the most", 1, of="loop"),
    Target("tenants", CPU, 1.0, "S"),
    Target("tenants", CPU, 1.4, "off"),
    Target("processes", CPU, 1.1, "one"),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`value` is the ratio, or the figure itself; NaN when it could not be measured."""

    target: Target
    value: float

    @property
    def word(self) -> str:
        if math.isnan(self.value):
            return "not measured"
        least = self.target.how == "least"
        return "met" if (self.value >= self.target.limit if least else self.value <= self.target.limit) else "MISSED"

    def __str__(self) -> str:
        more, least = self.target.how == "more", self.target.how == "least"
        against = f" {'over' if more else '×'} {self.target.against}" if self.target.against else ""
        value = "–" if math.isnan(self.value) else f"{self.value:{'+' if more else ''}.2f}"
        return f"{value}{against} ({'≥' if least else '≤'} {self.target.limit:g}: {self.word})"


def verdicts(scenario: str, figures: Figures) -> list[Verdict]:
    """Without those against an earlier checkout, where none was given."""
    return [
        Verdict(target, _value(target, figures))
        for target in TARGETS
        if target.scenario == scenario
        and (target.against != "before" or "before" in figures.rows.get(target.figure, {}))
    ]


def _value(target: Target, figures: Figures) -> float:
    row = figures.rows.get(target.figure, {})
    mine, other = row.get(target.of, math.nan), row.get(target.against, math.nan) if target.against else 1.0
    if target.how == "more":
        return mine - other
    return mine / other if other else math.nan


def table(results: dict[str, Figures]) -> str:
    columns = [name for name in COLUMNS if any(name in row for each in results.values() for row in each.rows.values())]
    lines = [f"{'':38}" + "".join(f"{column:>10}" for column in columns)]
    for scenario, figures in results.items():
        lines += ["", figures.title]
        judged = verdicts(scenario, figures)
        for figure, row in figures.rows.items():
            cells = "".join(f"{_number(row.get(column)):>10}" for column in columns)
            notes = "   ".join(str(verdict) for verdict in judged if verdict.target.figure == figure)
            lines.append(f"  {figure:36}{cells}   {notes}".rstrip())
        lines += [f"  FAULT {fault}" for fault in figures.faults]
    return "\n".join(lines)


def write(folder: Path, results: dict[str, Figures], conditions: dict[str, object]) -> Path:
    """Writes `figures.json` and says where."""
    folder.mkdir(exist_ok=True)
    told = {
        "conditions": conditions,
        "scenarios": {name: asdict(figures) for name, figures in results.items()},
        "targets": [
            {**asdict(verdict.target), "value": _or_none(verdict.value), "verdict": verdict.word}
            for name, figures in results.items()
            for verdict in verdicts(name, figures)
        ],
    }
    file = folder / "figures.json"
    file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return file


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
