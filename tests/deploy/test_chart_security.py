"""What a pod of the chart may not do, whom it may talk to, and how it ends."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.deploy.chart import VALUES, Chart, Manifest, container, one, pod_specs, values_of

ALL = sorted(path.stem for path in VALUES.glob("*.yaml"))


@pytest.mark.parametrize("name", ALL)
def test_every_pod_is_held_to_what_the_restricted_standard_asks(chart: Chart, name: str) -> None:
    for pod in pod_specs(chart.render(values_of(name))):
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for each in pod["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert each["resources"]["limits"]["memory"]
            written = {mount["mountPath"] for mount in each["volumeMounts"] if not mount.get("readOnly")}
            assert written == {"/data", "/tmp"}


def test_the_cluster_may_choose_the_user(chart: Chart) -> None:
    (pod, *_) = pod_specs(chart.render(values_of("everything")))
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    for pod in pod_specs(chart.render(values_of("external_secret"))):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod["securityContext"].keys()


@pytest.mark.parametrize("name", ALL)
def test_no_manifest_holds_a_secret(chart: Chart, name: str) -> None:
    manifests = chart.render(values_of(name))
    assert "Secret" not in {manifest["kind"] for manifest in manifests}
    for variable in container(manifests)["env"]:
        secret = variable["name"].endswith(("_KEY", "_KEYS", "_URL", "_TOKEN"))
        assert secret == ("secretKeyRef" in variable.get("valueFrom", {})) or variable["name"] == "AWS_ACCESS_KEY_ID"


def test_an_external_secret_brings_every_key_that_a_pod_asks_for(chart: Chart) -> None:
    manifests = chart.render(values_of("external_secret"))
    made = one(manifests, "ExternalSecret")["spec"]
    keys = {each["secretKey"]: each["remoteRef"] for each in made["data"]}
    asked = [each["valueFrom"]["secretKeyRef"] for each in container(manifests)["env"] if "valueFrom" in each]
    assert {each["key"] for each in asked} == keys.keys()
    assert {each["name"] for each in asked} == {made["target"]["name"]}
    assert keys["FAL_KEY"] == {"key": "platform/easel", "property": "FAL_KEY"}
    assert not any(each.get("optional") for each in asked)


def test_accepted_requests_have_their_time_before_a_pod_is_killed(chart: Chart) -> None:
    for name, deadline in (("everything", 900), ("replicas", 600)):
        (pod, *_) = pod_specs([one(chart.render(values_of(name)), "Deployment")])
        pause = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pause == 10
        assert pod["terminationGracePeriodSeconds"] == pause + deadline + 30


def test_probes_ask_what_they_mean(chart: Chart) -> None:
    gateway = container(chart.render({}))
    paths = {probe: gateway[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_only_the_ingress_controller_and_prometheus_may_call(chart: Chart) -> None:
    policy = one(chart.render({}), "NetworkPolicy")["spec"]
    (rule,) = policy["ingress"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    assert [each["namespaceSelector"]["matchLabels"] for each in rule["from"]] == [
        {"kubernetes.io/metadata.name": "ingress-nginx"},
        {"kubernetes.io/metadata.name": "monitoring"},
    ]
    # An empty list of peers would mean everybody.
    nobody = one(chart.render(values_of("external_secret")), "NetworkPolicy", "demo-easel")["spec"]
    assert nobody["ingress"] == []


def may_call(policy: dict[str, Any], address: str, port: int) -> bool:
    """Whether egress to an address outside of the cluster is allowed."""
    for rule in policy["egress"]:
        if port not in [each["port"] for each in rule["ports"]]:
            continue
        for peer in rule.get("to", [{"ipBlock": {"cidr": "0.0.0.0/0"}}]):
            block = peer.get("ipBlock", {"cidr": "255.255.255.255/32"})
            left_out = [ip_network(each) for each in block.get("except", [])]
            inside = ip_address(address) in ip_network(block["cidr"])
            if inside and not any(ip_address(address) in each for each in left_out):
                return True
    return False


@pytest.mark.parametrize(
    ("address", "port", "allowed"),
    [
        ("8.8.8.8", 443, True),
        ("2606:4700::1111", 443, True),
        ("8.8.8.8", 80, False),
        ("8.8.8.8", 5432, False),
        ("8.8.8.8", 22, False),
        ("10.1.2.3", 443, False),
        ("10.1.2.3", 6380, True),
        ("10.1.2.4", 6380, False),
        ("172.20.0.1", 443, False),
        ("192.168.0.1", 443, False),
        ("100.64.0.1", 443, False),
        ("127.0.0.1", 443, False),
        ("169.254.169.254", 443, False),
        ("fd00::1", 443, False),
        ("fe80::1", 443, False),
    ],
)
def test_a_pod_reaches_the_world_and_its_stores_and_nothing_private(
    chart: Chart, address: str, port: int, allowed: bool
) -> None:
    policy = one(chart.render(values_of("everything")), "NetworkPolicy", "demo-easel")["spec"]
    assert may_call(policy, address, port) is allowed


def test_embedded_stores_need_no_way_out(chart: Chart) -> None:
    ports = [
        each["port"] for rule in one(chart.render({}), "NetworkPolicy")["spec"]["egress"] for each in rule["ports"]
    ]
    assert ports == [53, 53, 443]


def test_the_migration_reaches_names_and_the_database_only(chart: Chart) -> None:
    manifests = chart.render(values_of("everything"))
    policy = one(manifests, "NetworkPolicy", "demo-easel-migrate")
    ports = [each["port"] for rule in policy["spec"]["egress"] for each in rule["ports"]]
    assert ports == [53, 53, 5432]
    assert policy["spec"]["ingress"] == []
    assert selects(policy, one(manifests, "Job"))
    assert not selects(policy, one(manifests, "Deployment"))
    order = [int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in (policy, one(manifests, "Job"))]
    assert order == sorted(order)


def selects(policy: Manifest, pods: Manifest) -> bool:
    wanted = policy["spec"]["podSelector"]["matchLabels"]
    return bool(wanted.items() <= pods["spec"]["template"]["metadata"]["labels"].items())


def test_service_budget_and_spread_mean_the_gateways_pods_and_no_others(chart: Chart) -> None:
    manifests = chart.render(values_of("everything"))
    labels = one(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    migration = one(manifests, "Job")["spec"]["template"]["metadata"]["labels"].items()
    (pod, *_) = pod_specs([one(manifests, "Deployment")])
    for selector in (
        one(manifests, "Service")["spec"]["selector"],
        one(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(manifests, "Deployment")["spec"]["selector"]["matchLabels"],
        *(each["labelSelector"]["matchLabels"] for each in pod["topologySpreadConstraints"]),
    ):
        assert selector.items() <= labels
        assert not selector.items() <= migration
