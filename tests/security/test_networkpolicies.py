"""Which connections the rendered NetworkPolicies allow, as Cyclonus reads them: see `go/main.go`.

No packet is sent here: what a network plugin makes of the policies is the plugin's.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import Any

import pytest

from bastaix import settings
from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import pods
from bastaix.render.networkpolicy import network_policy
from cluster import programs
from tests.unit.bodies import body, with_field
from tests.unit.chart.rendered import NAMESPACE, of_kind, only, render

Values = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A Pod, or without a namespace an address outside of the cluster."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    ip: str = "10.244.0.9"

    def written(self) -> dict[str, Any]:
        known = {"kubernetes.io/metadata.name": self.namespace}
        return {**vars(self), "namespaceLabels": known if self.namespace else {}}


def ray(name: str = "echo", namespace: str = "demo", node: str = "worker") -> Peer:
    """A Pod of Ray as it is since the first version: our labels, and KubeRay's."""
    labels = pods.labels(md(name, namespace), "00000000")
    return Peer(namespace, {**labels, "ray.io/node-type": node, "ray.io/serve": "true"})


def ours(part: str) -> Peer:
    """A Pod of one of the two controllers."""
    template = only(render(), "Deployment", part)["spec"]["template"]
    return Peer(NAMESPACE, template["metadata"]["labels"])


def evaluation(name: str = "echo") -> Peer:
    return Peer("demo", {names.NAME_LABEL: name, names.EVALUATION_LABEL: "00000000"})


def md(name: str, namespace: str) -> ModelDeployment:
    named = with_field(with_field(body(), "metadata.name", name), "metadata.namespace", namespace)
    return ModelDeployment.from_body(named)


HEAD, WORKER = ray(node="head"), ray()
OPERATOR, SOURCE = ours("bastaix"), ours("bastaix-source")
KUBERAY = Peer("kuberay-system", {"app.kubernetes.io/component": "kuberay-operator"})
STRANGER = Peer("demo", {"app": "stranger"})
CLIENT = Peer("web", {"app": "client"})
PROMETHEUS = Peer("monitoring", {"app": "prometheus"})
DNS = Peer("kube-system", {"k8s-app": "kube-dns"})
GIT = Peer("git", {"app": "git"})
API_SERVER = Peer(ip="192.168.7.2")
GITHUB = Peer(ip="140.82.121.4")
METADATA = Peer(ip="169.254.169.254")
RAYS_OWN = (6379, 8265, 10001, 30500, 52365)
NAMES = {8080: "http"}


def allowed(values: Values, *connections: tuple[Peer, Peer, int, str]) -> list[bool]:
    """Of connections from one peer to another by a port and a protocol."""
    objects = render(values)
    (container,) = only(objects, "Deployment", "bastaix")["spec"]["template"]["spec"]["containers"]
    reach = settings.read(
        {}, {each["name"]: each.get("value", "") for each in container["env"]}
    ).reach
    models = [md("echo", "demo"), md("other", "demo"), md("echo", "elsewhere")]
    policies = of_kind(objects, "NetworkPolicy")
    policies += [network_policy(model, reach) for model in models] if reach else []
    asked = {
        "policies": policies,
        "connections": [
            {
                "from": source.written(),
                "to": target.written(),
                "port": port,
                "name": NAMES.get(port, ""),
                "protocol": protocol,
            }
            for source, target, port, protocol in connections
        ],
    }
    program = [str(programs.path("netpol"))]
    done = subprocess.run(program, input=json.dumps(asked), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[bool] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("source", "target", "ports"),
    [
        (WORKER, HEAD, (*RAYS_OWN, 8500, 31000)),
        (HEAD, WORKER, (*RAYS_OWN, 8500, 31000)),
        (KUBERAY, HEAD, (8265, 8000)),
        (OPERATOR, WORKER, (8000,)),
        (OPERATOR, HEAD, (8000,)),
        (evaluation(), WORKER, (8000,)),
        (CLIENT, WORKER, (8000,)),
        (STRANGER, WORKER, (8000,)),
        (PROMETHEUS, HEAD, (8080, 44217, 44227)),
        (PROMETHEUS, WORKER, (8080,)),
        (PROMETHEUS, OPERATOR, (8080,)),
        (PROMETHEUS, SOURCE, (8080,)),
        (OPERATOR, DNS, (53, 5353)),
        (SOURCE, DNS, (53, 5353)),
        (OPERATOR, API_SERVER, (443, 6443)),
        (SOURCE, API_SERVER, (443, 6443)),
        (SOURCE, GITHUB, (443,)),
    ],
    ids=lambda value: "",
)
def test_everything_that_works_today_goes_on_working(
    source: Peer, target: Peer, ports: tuple[int, ...]
) -> None:
    connections = [(source, target, port, "TCP") for port in ports]
    assert allowed({}, *connections) == [True] * len(ports)


@pytest.mark.parametrize(
    ("source", "target", "ports"),
    [
        (STRANGER, HEAD, RAYS_OWN),
        (CLIENT, WORKER, RAYS_OWN),
        (evaluation(), HEAD, RAYS_OWN),
        (ray("other"), HEAD, RAYS_OWN),
        (ray(namespace="elsewhere"), HEAD, RAYS_OWN),
        (KUBERAY, HEAD, (6379, 10001)),
        (OPERATOR, HEAD, RAYS_OWN),
        (CLIENT, OPERATOR, (22, 9090)),
        (OPERATOR, STRANGER, (8000, 80)),
        (OPERATOR, GITHUB, (80, 22)),
        (OPERATOR, METADATA, (80,)),
        (SOURCE, METADATA, (80,)),
        (SOURCE, STRANGER, (80, 8000)),
        (SOURCE, WORKER, (8000,)),
        (SOURCE, GIT, (80, 3000)),
        (SOURCE, GITHUB, (22,)),
    ],
    ids=lambda value: "",
)
def test_nobody_reaches_what_he_does_not_use(
    source: Peer, target: Peer, ports: tuple[int, ...]
) -> None:
    connections = [(source, target, port, "TCP") for port in ports]
    assert allowed({}, *connections) == [False] * len(ports)


def test_pods_of_one_ray_cluster_may_use_udp_too() -> None:
    assert allowed({}, (WORKER, HEAD, 30500, "UDP"), (STRANGER, HEAD, 30500, "UDP")) == [
        True,
        False,
    ]


def test_a_private_host_may_be_a_pod_by_any_port() -> None:
    values = {"source": {"allowedHosts": [{"host": "git.git.svc", "private": True}]}}
    inside = Peer(ip="10.1.2.3")
    asked = [(SOURCE, GIT, 3000, "TCP"), (SOURCE, inside, 7990, "TCP")]
    assert allowed(values, *asked, (SOURCE, METADATA, 80, "TCP")) == [True, True, False]


def test_closed_the_api_is_for_the_operator_evaluations_and_those_named() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "web"}}}
    values = {"networkPolicies": {"serveFrom": [peer]}}
    sources = (CLIENT, OPERATOR, evaluation(), HEAD, KUBERAY, STRANGER, evaluation("other"))
    asked = [(source, WORKER, 8000, "TCP") for source in sources]
    assert allowed(values, *asked) == [True] * 5 + [False] * 2


def test_metrics_can_be_for_prometheus_alone() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    values = {"networkPolicies": {"metricsFrom": [peer]}}
    asked = [
        (source, target, 8080, "TCP")
        for target in (HEAD, OPERATOR, SOURCE)
        for source in (PROMETHEUS, STRANGER)
    ]
    assert allowed(values, *asked) == [True, False] * 3


def test_turned_off_everything_is_open() -> None:
    values = {"networkPolicies": {"create": False}}
    assert allowed(values, (STRANGER, HEAD, 6379, "TCP"), (OPERATOR, METADATA, 80, "TCP")) == [
        True,
        True,
    ]
