"""deploy/grafana: every panel asks what Prometheus understands and gateways tell, in a place of its own."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import yaml

from tests.deploy.composed import services
from tests.deploy.metric_names import told, unknown_in
from tests.deploy.programs import DEPLOY, passes

GRAFANA = DEPLOY / "grafana"


def dashboard() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((GRAFANA / "dashboards" / "easel.json").read_text()))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    asked = [re.sub(r"\$__(rate_interval|range)\b", "5m", query) for query in queries()]
    assert not [query for query in asked if "$" in query]
    recorded = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    passes("promtool", "check", "rules", file)


def test_every_query_asks_for_what_there_is_and_everything_is_asked_for() -> None:
    assert [wrong for query in queries() for wrong in unknown_in(query)] == []
    shown = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\beasel_\w+", " ".join(queries()))}
    counted = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told()}
    assert counted - shown == set(), "what is counted is shown"


def test_a_legend_names_a_label_that_its_query_keeps() -> None:
    for panel in panels():
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "")):
                assert re.search(rf"by \([^)]*\b{label}\b[^)]*\)", target["expr"]), (panel["title"], label)


def test_panels_have_places_and_numbers_of_their_own() -> None:
    placed = dashboard()["panels"]
    assert len({panel["id"] for panel in placed}) == len(placed)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in placed)
    for one, other in combinations([panel["gridPos"] for panel in placed], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_it_is_where_grafana_looks_for_it() -> None:
    provisioning = GRAFANA / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "easel.yaml").read_text())["providers"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    mounts = dict(mount.split(":")[:2] for mount in services()["grafana"]["volumes"])
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert source["url"] == "http://prometheus:9090"
    assert {panel["datasource"]["uid"] for panel in panels()} == {"${datasource}"}
    assert [variable["name"] for variable in dashboard()["templating"]["list"]] == ["datasource"]
