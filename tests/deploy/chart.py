"""The Helm chart, rendered by Helm itself: what comes of values."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "easel"
VALUES = Path(__file__).parent / "charts"

Manifest = dict[str, Any]


class ChartRefused(Exception):
    """Helm's message about values that the chart does not take."""


class Chart:
    """`with Chart() as chart: chart.render(values)`."""

    def __enter__(self) -> Self:
        self._helm = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("helm_program.py"), CHART],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it tells of the link to the alerts each time
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._helm.communicate(timeout=10)

    def lint(self, values: dict[str, Any]) -> list[str]:
        """What Helm's linter warns of."""
        report = self._ask(lint=values)["report"]
        return [each["error"] for each in report["messages"] if each["severity"] > 1] + report["errors"]

    def render(self, values: dict[str, Any], *, name: str = "demo") -> list[Manifest]:
        """The manifests of a release in the namespace `prod`. Raises ChartRefused."""
        texts = self._ask(render=values, name=name, namespace="prod")["manifests"]
        rendered = (yaml.safe_load_all(text) for path, text in texts.items() if path.endswith(".yaml"))
        return [cast("Manifest", each) for manifests in rendered for each in manifests if each]

    def notes(self, values: dict[str, Any]) -> str:
        return self._ask(render=values, name="demo", namespace="prod")["manifests"]["easel/templates/NOTES.txt"]

    def _ask(self, **asked: Any) -> dict[str, Any]:
        assert self._helm.stdin is not None and self._helm.stdout is not None
        self._helm.stdin.write(json.dumps(asked) + "\n")
        self._helm.stdin.flush()
        answer = json.loads(self._helm.stdout.readline())
        if "wrong" in answer:
            raise ChartRefused(answer["wrong"])
        return answer


def values_of(name: str) -> dict[str, Any]:
    """A file of `charts/`."""
    return cast("dict[str, Any]", yaml.safe_load((VALUES / f"{name}.yaml").read_text()))


def one(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    (found,) = (m for m in manifests if m["kind"] == kind and name in (None, m["metadata"]["name"]))
    return found


def pod_specs(manifests: list[Manifest]) -> list[dict[str, Any]]:
    """Of everything that makes pods."""
    return [m["spec"]["template"]["spec"] for m in manifests if m["kind"] in ("Deployment", "Job")]


def container(manifests: list[Manifest]) -> dict[str, Any]:
    """The gateway's."""
    deployments = [manifest["spec"]["template"]["spec"] for manifest in manifests if manifest["kind"] == "Deployment"]
    (gateway,) = (each for pod in deployments for each in pod["containers"] if each["name"] == "gateway")
    return cast("dict[str, Any]", gateway)
