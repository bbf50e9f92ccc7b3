"""Helm as a program of its own: a JSON question a line in, an answer a line out.

Helm's Go runtime brings threads and signal handlers along, which a process that forks should not have.
"""

import json
import sys
from typing import Any

import helm_python as helm


def answer(chart: helm.Chart, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """`{lint: values}`, or `{render: values, name, namespace}`; an error of Helm's as `{wrong: message}`."""
    try:
        if "lint" in asked:
            return {"report": helm.lint(path, asked["lint"], strict=True, kube_version="v1.37.0")}
        return {"manifests": chart.render(asked["render"], name=asked["name"], namespace=asked["namespace"])}
    except helm.HelmError as error:
        return {"wrong": str(error)}


def main(path: str) -> None:
    with helm.Chart.load(path) as chart:
        for line in sys.stdin:
            sys.stdout.write(json.dumps(answer(chart, path, json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
