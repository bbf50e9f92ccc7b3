"""The chart does not drift from the gateway: its names, defaults and numbers are those of the settings and metrics."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from gateway.cli import COMMANDS
from gateway.settings import KEY_VARIABLES, Settings, read_settings
from gateway.settings_tables import Provider, Route, Server
from tests.deploy.chart import CHART, ROOT, VALUES, Chart, Manifest, container, one, pod_specs, values_of

ALL = sorted(path.stem for path in VALUES.glob("*.yaml"))
README = (CHART / "README.md").read_text()
CLOUDS = ("AWS_", "GOOGLE_", "AZURE_")
# What a worker reads, which has no configuration.
OF_WORKERS = {"EASEL_WORKER_KEY", "EASEL_WORKER_ANNOUNCE", "HOME", "HF_HOME", "HF_HUB_OFFLINE"}


def configuration(manifests: list[Manifest]) -> str:
    return str(one(manifests, "ConfigMap")["data"]["easel.toml"])


def environment(manifests: list[Manifest]) -> dict[str, str]:
    """As a pod gets it, with a Secret that holds what the README says."""
    secrets = {
        "EASEL_AUTH__ADMIN_KEY": "admin-key-of-the-secret",
        "EASEL_SECRETS__KEY": "long and random",
        "EASEL_STORAGE__SIGNING_KEYS": '["first","second"]',
        "EASEL_DATABASE__URL": "postgresql://easel:password@postgres/easel",
        "EASEL_REDIS__URL": "rediss://redis:6379/0",
    }
    found: dict[str, str] = {}
    for each in container(manifests)["env"]:
        found[each["name"]] = each.get("value") or secrets.get(each["name"], "10.0.0.7")
    return {name: value.replace("$(POD_IP)", "10.0.0.7") for name, value in found.items()}


def settings(manifests: list[Manifest], folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    file = folder / "easel.toml"
    file.write_text(configuration(manifests))
    for name, value in environment(manifests).items():
        monkeypatch.setenv(name, value)
    return read_settings(file)


@pytest.mark.parametrize("name", ALL)
def test_the_gateway_reads_what_the_chart_writes(
    chart: Chart, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = values_of(name)
    read = settings(chart.render(values), tmp_path, monkeypatch)
    assert read.server.data_dir == Path("/data")
    assert read.database.url.startswith("postgresql://") == (values.get("stores", {}).get("database") == "external")
    assert read.redis.url.startswith("rediss://") == (values.get("stores", {}).get("redis") == "external")
    read.provider_settings()


def test_values_arrive_as_they_were_given(chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = values_of("everything")["config"]
    manifests = chart.render(values_of("everything"))
    written = tomllib.loads(configuration(manifests))
    assert written["server"].pop("public_url") == "https://easel.example.com"
    assert written == given
    assert isinstance(written["server"]["max_in_flight"], int)
    read = settings(manifests, tmp_path, monkeypatch)
    assert (read.server.max_in_flight, read.pricing.usd_per_buzz) == (2_000_000, 0.000001)
    assert read.server.allowed_hosts == ["easel.example.com", "10.0.0.7", "[10.0.0.7]"]
    assert [key.get_secret_value() for key in read.storage.signing_keys] == ["first", "second"]


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://demo-easel.prod.svc"),
        ({"service": {"port": 8080}}, "http://demo-easel.prod.svc:8080"),
        ({"ingress": {"enabled": True, "host": "a.example"}}, "https://a.example"),
        ({"ingress": {"enabled": True, "host": "a.example", "tls": False}}, "http://a.example"),
        ({"config": {"server": {"public_url": "https://cdn.example"}}}, "https://cdn.example"),
    ],
)
def test_picture_urls_start_with_what_callers_can_reach(chart: Chart, values: dict[str, Any], url: str) -> None:
    assert tomllib.loads(configuration(chart.render(values)))["server"]["public_url"] == url


@pytest.mark.parametrize("name", ALL)
def test_every_variable_is_one_that_the_gateway_reads(chart: Chart, name: str) -> None:
    manifests = chart.render(values_of(name))
    for pod in pod_specs(manifests):
        for variable in (each["name"] for each in pod["containers"][0]["env"]):
            if variable in OF_WORKERS:
                assert pod["containers"][0]["name"] == "worker"
            elif variable.startswith("EASEL_"):
                assert is_setting(variable), variable
            else:
                assert variable in KEY_VARIABLES.values() or variable == "POD_IP" or variable.startswith(CLOUDS)


def is_setting(variable: str) -> bool:
    part: Any = Settings
    for step in variable.removeprefix("EASEL_").lower().split("__"):
        if get_origin(part) is dict:  # of tables whose names the user chooses
            part = get_args(part)[1]
        elif issubclass(part, BaseModel) and step in part.model_fields:
            part = part.model_fields[step].annotation
        else:
            return False
    return True


def test_the_schema_knows_the_keys_of_the_configuration() -> None:
    config = json.loads((CHART / "values.schema.json").read_text())["properties"]["config"]
    assert config["properties"].keys() == Settings.model_fields.keys()
    for name, field in Settings.model_fields.items():
        table = config["properties"][name]
        if name in ("providers", "models"):
            known = {"providers": Provider, "models": Route}[name]
            table = table["additionalProperties"]
        else:
            known = field.annotation
        assert isinstance(known, type) and issubclass(known, BaseModel)
        assert table["properties"].keys() == known.model_fields.keys(), name
        assert table["additionalProperties"] is False


def test_the_chart_knows_the_gateways_own_defaults(chart: Chart) -> None:
    values = {"ingress": {"enabled": True, "host": "a.example"}}
    manifests = chart.render(values)
    deadline = round(Server().deadline)
    (pod,) = pod_specs(manifests)
    assert pod["terminationGracePeriodSeconds"] == 10 + deadline + 30
    annotations = one(manifests, "Ingress")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"] == str(deadline + 30)
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == f"{Server().max_body_mb}m"
    given = one(chart.render(values_of("everything")), "Ingress")["metadata"]["annotations"]
    assert given["nginx.ingress.kubernetes.io/proxy-body-size"] == "256m"


def test_pods_are_added_by_a_metric_that_the_gateway_has(chart: Chart) -> None:
    scaler = one(chart.render(values_of("everything")), "HorizontalPodAutoscaler")["spec"]
    (metric,) = (each["pods"]["metric"]["name"] for each in scaler["metrics"])
    assert f"`{metric}` | gauge" in (ROOT / "docs" / "metrics.md").read_text()
    assert f"seriesQuery: '{metric}{{" in README
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 10)
    assert scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300


def test_its_version_is_the_gateways_and_its_commands_are_there(chart: Chart) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'appVersion: "{version}"' in (CHART / "Chart.yaml").read_text()
    manifests = chart.render(values_of("replicas"))
    commands = [pod["containers"][0]["args"][0] for pod in pod_specs(manifests)]
    assert commands == ["serve", "migrate"]
    assert set(commands) <= COMMANDS.keys()
    assert container(manifests)["image"] == f"easel:{version}"


def test_the_user_and_the_folders_are_those_of_the_image() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    assert "USER 10001:10001" in dockerfile
    assert "EASEL_SERVER__DATA_DIR=/data" in dockerfile
    assert 'ENTRYPOINT ["easel"]' in dockerfile


def test_the_readme_names_every_value_and_no_other() -> None:
    named = set(re.findall(r"^\| `([A-Za-z]+)[`.]", README, re.MULTILINE))
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert named == schema["properties"].keys() - {"global"}
