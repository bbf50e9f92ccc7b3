"""docs/workers.md names what a worker has: its routes, its codes, its metrics."""

import re
from pathlib import Path

from starlette.routing import Route

from workers import errors
from workers.engine import OutOfMemory
from workers.server import Worker
from workers.sketch.painter import Sketch

PAGE = (Path(__file__).parents[2] / "docs" / "workers.md").read_text()


def test_every_metric_has_a_row() -> None:
    text = Worker(Sketch()).meters.text().decode()
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M))
    kinds = {name: kind for name, kind in kinds.items() if not name.endswith("_created")}
    told = dict(re.findall(r"^\| `(easel_worker_\w+)` \| (\w+) \|", PAGE, re.M))
    assert told == kinds


def test_every_route_has_a_row() -> None:
    routes = [route for route in Worker(Sketch()).app.routes if isinstance(route, Route)]
    for route in routes:
        path = re.sub(r"\{id(:path)?\}", "ID", route.path)
        assert f"`{path}`" in PAGE or f" {path}`" in PAGE, path


def test_the_codes_of_what_is_not_the_callers_fault_have_rows() -> None:
    made = [
        errors.busy("", retry_after=1),
        errors.draining(),
        errors.late(),
        errors.cancelled(),
        errors.broken(),
        errors.explained(OutOfMemory()),
    ]
    for refusal in made:
        assert f"| `{refusal.code}` | {refusal.status} |" in PAGE
