"""The Helm chart: what comes of values is what Kubernetes takes, and values that cannot work say why."""

import json
import re
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy.chart import CHART, VALUES, Chart, ChartRefused, Manifest, one, pod_specs, values_of

ALL = ["defaults", *sorted(path.stem for path in VALUES.glob("*.yaml"))]
SCHEMAS = Path(__file__).parent / "schemas"
KUBERNETES = "1.37"
EXTERNAL: dict[str, Any] = {"database": "external", "redis": "external"}
SHARED: dict[str, Any] = {
    "stores": EXTERNAL,
    "config": {"storage": {"url": "s3://pictures"}},
    "secret": {"name": "easel"},
}


def values(name: str) -> dict[str, Any]:
    return {} if name == "defaults" else values_of(name)


@pytest.mark.parametrize("name", ALL)
def test_helm_has_nothing_to_say_against_it(chart: Chart, name: str) -> None:
    assert chart.lint(values(name)) == []


@pytest.mark.parametrize("name", ALL)
def test_every_manifest_is_one_that_kubernetes_takes(chart: Chart, name: str) -> None:
    manifests = chart.render(values(name))
    for manifest in manifests:
        check_kind(manifest)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(set(names)) == len(names)
    assert {manifest["metadata"]["namespace"] for manifest in manifests} == {"prod"}


def check_kind(manifest: Manifest) -> None:
    """By the schemas of Kubernetes, in which a field that nobody knows is an error; its extensions by ours."""
    own = SCHEMAS / f"{manifest['kind'].lower()}.json"
    if own.exists():
        cast("Any", Draft202012Validator(json.loads(own.read_text()))).validate(manifest)
    else:
        cast("Any", kubernetes_validate).validate(manifest, KUBERNETES, strict=True)


def test_all_there_is_comes_with_everything_on(chart: Chart) -> None:
    kinds = sorted(manifest["kind"] for manifest in chart.render(values_of("everything")))
    assert kinds == [
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PrometheusRule",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
    ]


def test_nothing_that_one_replica_has_no_use_for(chart: Chart) -> None:
    kinds = sorted(manifest["kind"] for manifest in chart.render({}))
    assert kinds == [
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Service",
        "ServiceAccount",
    ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"replicas": 2}, "stores.database: embedded is SQLite in the volume of one pod"),
        ({"replicas": 2}, "stores.redis: embedded is a Valkey in one pod"),
        ({"replicas": 2}, 'config.storage.url: "file", its default, keeps pictures in the volume of one pod'),
        ({"autoscaling": {"enabled": True}}, "stores.database: embedded"),
        ({**SHARED, "replicas": 2, "stores": {**EXTERNAL, "database": "embedded"}}, "stores.database: embedded"),
        ({**SHARED, "replicas": 2, "stores": {**EXTERNAL, "redis": "embedded"}}, "stores.redis: embedded"),
        ({**SHARED, "replicas": 2, "config": {}}, "config.storage.url"),
        ({**SHARED, "replicas": 2, "config": {"storage": {"url": "file"}}}, "config.storage.url"),
        (
            {"stores": EXTERNAL},
            "EASEL_SECRETS__KEY, EASEL_STORAGE__SIGNING_KEYS, EASEL_DATABASE__URL, EASEL_REDIS__URL",
        ),
        ({"secret": {"variables": ["FAL_KEY"]}}, "secret.variables: there is no Secret"),
        ({"secret": {"external": {"enabled": True}}}, "secret.external: needs store and key"),
        (
            {"secret": {"name": "a", "external": {"enabled": True, "store": "b", "key": "c"}}},
            "secret: has a name and an external one",
        ),
        ({"config": {"auth": {"admin_key": "secret"}}}, "EASEL_AUTH__ADMIN_KEY in the Secret"),
        ({"config": {"database": {"url": "postgresql://a:b@c/d"}}}, "EASEL_DATABASE__URL in the Secret"),
        ({"config": {"redis": {"url": "redis://c"}}}, "EASEL_REDIS__URL in the Secret"),
        ({"config": {"storage": {"signing_keys": ["secret"]}}}, "EASEL_STORAGE__SIGNING_KEYS in the Secret"),
        ({"config": {"secrets": {"key": "secret"}}}, "EASEL_SECRETS__KEY in the Secret"),
        (
            {"config": {"providers": {"fal": {"api_key": "secret"}}}},
            "config.providers.fal.api_key: a secret has no place",
        ),
        ({"extraEnv": [{"name": "FAL_KEY", "value": "secret"}]}, "extraEnv: FAL_KEY is a secret"),
        (
            {"extraEnv": [{"name": "EASEL_DATABASE__URL", "value": "secret"}]},
            "extraEnv: EASEL_DATABASE__URL is a secret",
        ),
        ({"extraEnv": [{"name": "REPLICATE_API_TOKEN", "value": "secret"}]}, "is a secret"),
        ({"extraEnv": [{"name": "AWS_SECRET_ACCESS_KEY", "value": "secret"}]}, "is a secret"),
        ({"config": {"server": {"data_dir": "/elsewhere"}}}, "config.server.data_dir: is the chart's to set"),
        ({"config": {"auth": {"required": False}}}, "config.auth.required: false"),
        ({"ingress": {"enabled": True}}, "ingress.host: is empty"),
        ({**SHARED, "autoscaling": {"enabled": True, "min": 20}}, "autoscaling: min is more than max"),
        ({"replica": 2}, "replica"),
        ({"config": {"server": {"dead_line": 60}}}, "dead_line"),
        ({"config": {"storage": {"url": "ftp://a"}}}, "storage/url"),
        ({"config": {"server": None}}, "server"),
        ({"replicas": "two"}, "replicas"),
        ({"replicas": -1}, "replicas"),
        ({"stores": {"database": "mysql"}}, "database"),
        ({"user": 0}, "user"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"networkPolicy": {"dns": []}}, "dns"),
        ({"secret": {"variables": ["fal key"]}}, "variables"),
    ],
)
def test_values_that_cannot_work_say_why(chart: Chart, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ChartRefused) as refused:
        chart.render(wrong)
    assert told in str(refused.value)
    assert "secret\n" not in str(refused.value)


def test_all_that_is_wrong_is_told_in_one_go(chart: Chart) -> None:
    with pytest.raises(ChartRefused) as refused:
        chart.render({"replicas": 3, "ingress": {"enabled": True}, "config": {"redis": {"url": "redis://cache"}}})
    for told in (
        "stores.database",
        "stores.redis",
        "config.storage.url",
        "secret.name",
        "ingress.host",
        "config.redis.url",
    ):
        assert f"\n{told}: " in str(refused.value)


def test_names_have_room_for_every_suffix(chart: Chart) -> None:
    manifests = chart.render(values_of("everything"), name="a-release-whose-name-is-as-long-as-helm-takes-them-x1")
    assert max(len(manifest["metadata"]["name"]) for manifest in manifests) <= 63


def test_several_replicas_replace_one_another_and_one_with_a_volume_does_not(chart: Chart) -> None:
    several = one(chart.render(values_of("replicas")), "Deployment")["spec"]
    assert several["replicas"] == 3
    assert several["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    alone = one(chart.render({}), "Deployment")["spec"]
    assert (alone["replicas"], alone["strategy"]) == (1, {"type": "Recreate"})
    scaled = one(chart.render(values_of("everything")), "Deployment")["spec"]
    assert "replicas" not in scaled


def test_what_is_kept_in_a_pod_outlives_it(chart: Chart) -> None:
    manifests = chart.render({})
    (pod,) = pod_specs(manifests)
    claim = one(manifests, "PersistentVolumeClaim")
    assert {"name": "data", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}} in pod["volumes"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    (pod,) = pod_specs(chart.render(values_of("one_with_postgres")))
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "pictures"}} in pod["volumes"]
    assert "Nothing is kept" in chart.notes(values_of("trial"))
    assert "Nothing is kept" not in chart.notes({})


def test_the_migration_comes_before_the_pods_and_needs_nothing_of_theirs(chart: Chart) -> None:
    job = one(chart.render(values_of("replicas")), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (pod,) = pod_specs([job])
    (migrate,) = pod["containers"]
    assert migrate["args"] == ["migrate"]
    assert [each["name"] for each in migrate["env"]] == ["EASEL_SERVER__DATA_DIR", "EASEL_DATABASE__URL"]
    assert all("emptyDir" in volume for volume in pod["volumes"])
    assert "serviceAccountName" not in pod
    # A Secret that comes with the release is there only after its first installation.
    later = one(chart.render(values_of("external_secret")), "Job")
    assert later["metadata"]["annotations"]["helm.sh/hook"] == "post-install,pre-upgrade"


def test_a_change_of_the_configuration_makes_new_pods(chart: Chart) -> None:
    def checksum(deadline: int) -> str:
        template = one(chart.render({"config": {"server": {"deadline": deadline}}}), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum(60) == checksum(60) != checksum(61)


def test_the_alerts_are_those_of_the_repository_and_know_the_pods(chart: Chart) -> None:
    text = (CHART.parents[1] / "prometheus" / "alerts.yaml").read_text()
    manifests = chart.render(values_of("everything"))
    assert one(manifests, "PrometheusRule")["spec"]["groups"] == yaml.safe_load(text)["groups"]
    (endpoint,) = one(manifests, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "easel"}]
    assert set(re.findall(r'job="([^"]*)"', text)) == {"easel"}
    assert (CHART / "files" / "alerts.yaml").is_symlink()
