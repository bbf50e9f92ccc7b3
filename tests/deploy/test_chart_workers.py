"""Workers in the chart: pods that announce themselves, and replicas of Ray Serve."""

import tomllib
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml

from tests.deploy.chart import ROOT, Chart, ChartRefused, Manifest, one, values_of
from tests.deploy.test_chart import KUBERNETES, check_kind
from tests.deploy.test_chart_security import selects
from workers.options import WorkerOptions

EXTERNAL: dict[str, Any] = {"stores": {"database": "embedded", "redis": "external"}, "secret": {"name": "easel"}}


@pytest.fixture(scope="module")
def manifests(chart: Chart) -> list[Manifest]:
    return chart.render(values_of("workers"))


def ray_pods(manifests: list[Manifest]) -> list[dict[str, Any]]:
    """Templates of pods: the head's, then those that draw."""
    cluster = one(manifests, "RayService")["spec"]["rayClusterConfig"]
    return [cluster["headGroupSpec"]["template"], *(group["template"] for group in cluster["workerGroupSpecs"])]


def test_nothing_of_it_is_there_unless_asked_for(chart: Chart) -> None:
    manifests = chart.render(values_of("replicas"))
    assert "RayService" not in {manifest["kind"] for manifest in manifests}
    assert len([manifest for manifest in manifests if manifest["kind"] == "Deployment"]) == 1
    assert "local" not in one(manifests, "ConfigMap")["data"]["easel.toml"]


def test_a_worker_has_its_device_and_says_where_it_is(manifests: list[Manifest]) -> None:
    (worker,) = one(manifests, "Deployment", "demo-easel-worker")["spec"]["template"]["spec"]["containers"]
    assert worker["args"] == [
        "worker",
        "--engine=diffusers",
        "--model=Qwen/Qwen-Image",
        "--name=qwen-image",
        "--host=0.0.0.0",
        "--port=9000",
        "--url=http://$(POD_IP):9000",
        "--drain-seconds=300",
        "--compile",
        "--together=4",
    ]
    assert worker["resources"]["limits"] == {"memory": "96Gi", "nvidia.com/gpu": 1}
    secrets = {
        each["name"]: each["valueFrom"]["secretKeyRef"]["key"]
        for each in worker["env"]
        if "secretKeyRef" in each.get("valueFrom", {})
    }
    assert secrets == {
        "EASEL_WORKER_ANNOUNCE": "EASEL_REDIS__URL",
        "EASEL_WORKER_KEY": "EASEL_PROVIDERS__LOCAL__API_KEY",
    }


def test_where_pods_have_ipv6_addresses_a_worker_says_so(chart: Chart) -> None:
    manifests = chart.render({**EXTERNAL, "host": "::", "worker": {"enabled": True}})
    (worker,) = one(manifests, "Deployment", "demo-easel-worker")["spec"]["template"]["spec"]["containers"]
    assert "--host=::" in worker["args"]
    assert "--url=http://[$(POD_IP)]:9000" in worker["args"]


def test_a_worker_that_ends_has_time_for_its_pictures(manifests: list[Manifest]) -> None:
    pod = one(manifests, "Deployment", "demo-easel-worker")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 330


def test_gateways_are_told_of_both_and_have_their_key(manifests: list[Manifest]) -> None:
    local = tomllib.loads(one(manifests, "ConfigMap")["data"]["easel.toml"])["providers"]["local"]
    assert local["allow_http"] is True
    assert local["workers"] == [
        "http://other.example.com:9000",
        {"url": "http://vllm.models.svc:8000", "dialect": "vllm-omni", "models": {"qwen-image": "Qwen/Qwen-Image"}},
        "http://demo-easel-ray-serve-svc.prod.svc:8000",
    ]
    (gateway,) = one(manifests, "Deployment", "demo-easel")["spec"]["template"]["spec"]["containers"]
    assert "EASEL_PROVIDERS__LOCAL__API_KEY" in [each["name"] for each in gateway["env"]]


def test_gateways_alone_may_call_workers(manifests: list[Manifest]) -> None:
    policy = one(manifests, "NetworkPolicy", "demo-easel-worker")
    assert selects(policy, one(manifests, "Deployment", "demo-easel-worker"))
    assert not selects(policy, one(manifests, "Deployment", "demo-easel"))
    own = {"app.kubernetes.io/name": "easel", "app.kubernetes.io/instance": "demo"}
    (rule,) = policy["spec"]["ingress"]
    assert rule["from"][0] == {"podSelector": {"matchLabels": {**own, "app.kubernetes.io/component": "gateway"}}}
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    gateway = one(manifests, "NetworkPolicy", "demo-easel")["spec"]["egress"]
    within = {each["port"]: rule["to"] for rule in gateway if "to" in rule for each in rule["ports"]}
    labels = [peer["podSelector"]["matchLabels"] for peer in (*within[9000], *within[8000])]
    assert labels == [{**own, "app.kubernetes.io/component": "worker"}, {"easel/rayservice": "demo-easel-ray"}]


def test_the_pods_of_ray_are_pods_that_kubernetes_takes(manifests: list[Manifest]) -> None:
    check_kind(one(manifests, "RayService"))
    for number, pod in enumerate(ray_pods(manifests)):
        manifest = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {"name": f"pod-{number}", **pod["metadata"]}}
        cast("Any", kubernetes_validate).validate(manifest, KUBERNETES, strict=True)
        assert pod["metadata"]["labels"] == {"easel/rayservice": "demo-easel-ray"}
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["spec"]["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
    head, worker = ([each["resources"]["limits"] for each in pod["spec"]["containers"]] for pod in ray_pods(manifests))
    assert head == [{"memory": "4Gi"}]
    assert worker == [{"memory": "96Gi", "nvidia.com/gpu": 1}]


def test_serve_is_told_what_the_file_of_the_repository_says(manifests: list[Manifest]) -> None:
    """Every field that is there is there too, and what is the chart's own to say differs alone."""
    told = yaml.safe_load(one(manifests, "RayService")["spec"]["serveConfigV2"])
    written = yaml.safe_load((ROOT / "deploy" / "ray" / "serve.yaml").read_text())
    assert told["http_options"] == written["http_options"]
    assert told["applications"][1] == written["applications"][1]
    drawing, model = told["applications"][0], written["applications"][0]
    assert {key: drawing[key] for key in ("name", "route_prefix", "import_path")} == {
        key: model[key] for key in ("name", "route_prefix", "import_path")
    }
    (ours,), (theirs,) = drawing["deployments"], model["deployments"]
    assert ours.keys() == theirs.keys()
    assert ours["autoscaling_config"].keys() == theirs["autoscaling_config"].keys()
    assert ours["autoscaling_config"]["target_ongoing_requests"] == 2.5
    assert drawing["args"] == {
        "engine": "diffusers",
        "model": "Qwen/Qwen-Image",
        "name": "qwen-image",
        "compile": True,
        "lora_hosts": ["huggingface.co"],
    }
    assert drawing["args"].keys() <= set(WorkerOptions.__dataclass_fields__)


def test_one_ray_is_as_large_as_its_replicas(chart: Chart) -> None:
    ray: dict[str, Any] = {"enabled": True, "replicas": {"min": 2, "max": 2}}
    cluster = one(chart.render({**EXTERNAL, "rayService": ray}), "RayService")["spec"]["rayClusterConfig"]
    assert cluster["enableInTreeAutoscaling"] is False
    (group,) = cluster["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (2, 2)


def test_its_name_has_room_for_what_kuberay_adds(chart: Chart) -> None:
    name = "a-release-whose-name-is-as-long-as-helm-takes-them-x1"
    manifests = chart.render(values_of("workers"), name=name)
    ray = one(manifests, "RayService")
    check_kind(ray)
    local = tomllib.loads(one(manifests, "ConfigMap")["data"]["easel.toml"])["providers"]["local"]
    assert local["workers"][-1] == f"http://{ray['metadata']['name']}-serve-svc.prod.svc:8000"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"worker": {"enabled": True}, "secret": {"name": "a"}}, "worker: is found through Redis"),
        ({"rayService": {"enabled": True}}, "EASEL_PROVIDERS__LOCAL__API_KEY of a Secret"),
        ({"rayService": {"replicas": {"min": 5}}}, "rayService.replicas: min is more than max"),
        ({"rayService": {"version": "nightly"}}, "version"),
        ({"rayService": {"upgrade": "Sometimes"}}, "upgrade"),
        ({"worker": {"gpus": "all"}}, "gpus"),
        ({"worker": {"arguments": ["announce"]}}, "arguments"),
        (
            {"config": {"providers": {"local": {"workers": [{"url": "http://a", "api_key": "secret"}]}}}},
            "config.providers.local.workers: a secret has no place in values",
        ),
    ],
)
def test_values_that_cannot_work_say_why(chart: Chart, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ChartRefused) as refused:
        chart.render(wrong)
    assert told in str(refused.value)
