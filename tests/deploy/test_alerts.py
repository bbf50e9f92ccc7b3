"""deploy/prometheus: the rules are right, ring when they must, and ask for what the gateways tell."""

import re
from typing import Any

import pytest
import yaml

from tests.deploy.metric_names import unknown_in
from tests.deploy.programs import DEPLOY, passes

PROMETHEUS = DEPLOY / "prometheus"


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_takes_its_configuration() -> None:
    passes("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


def test_every_alert_rings_when_it_must_and_no_other_does() -> None:
    tests = sorted(PROMETHEUS.glob("*_test.yaml"))
    passes("promtool", "test", "rules", *tests)
    tested = "".join(each.read_text() for each in tests)
    for rule in rules():
        assert f'alertname="{rule["alert"]}",severity="{rule["labels"]["severity"]}"' in tested, rule["alert"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do_and_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket", "info"}
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert not unknown_in(rule["expr"])
    # Only a label that its result keeps can stand in its text.
    for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
        assert label in rule["expr"] or "up{" in rule["expr"], label


def test_what_is_unknown_is_found() -> None:
    assert unknown_in("sum(easel_no_such_total) / easel_requests_total{rout=\"x\", status=~'5..'}") == [
        "easel_no_such_total",
        "easel_requests_total{rout}",
    ]
    assert unknown_in('easel_request_seconds_bucket{le="1",route!="x",instance="a"}') == []
