"""The NetworkPolicy of a model on a real API server, with the chart's rights and older ones."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bastaix.reconcile import kinds
from tests.api.operator_process import OperatorProcess, until
from tests.api.rights import RIGHTS, restricted
from tests.api.world import FakeApp, FakeKubeRay, World, deploy, modeldeployment, only

POLICY = kinds.NETWORKPOLICY
PEER = {"podSelector": {"matchLabels": {"app": "one"}}}
REACH = {"operator": [PEER], "kubeRay": [PEER], "metrics": [], "serve": []}
ON = {"BASTAIX_NETWORK_POLICIES": json.dumps(REACH)}


@pytest.fixture
def kubeconfig(world: World, tmp_path: Path) -> Path:
    world.namespace("demo")
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(restricted(world, "bastaix")))
    return path


@contextmanager
def running(
    kubeconfig: Path, app: FakeApp, settings: dict[str, str] | None = None
) -> Iterator[OperatorProcess]:
    log, option = kubeconfig.with_name("log"), f"--probe-url={app.url}"
    with OperatorProcess(kubeconfig, log, option, settings=settings) as operator:
        until(lambda: operator.page("/readyz")[0] == 200, "it is ready")
        yield operator


def test_it_comes_is_repaired_and_goes_when_it_is_turned_off(
    world: World, app: FakeApp, kubeconfig: Path, namespace: str
) -> None:
    with running(kubeconfig, app, ON) as operator:
        deploy(world, modeldeployment(namespace))
        made = only(world, POLICY, namespace)
        name = made["metadata"]["name"]
        world.merge(POLICY, namespace, name, {"spec": {"ingress": [{}]}})

        def ingress() -> object:
            return (world.get(POLICY, namespace, name) or {})["spec"]["ingress"]

        until(lambda: ingress() == made["spec"]["ingress"], "it is repaired")
        written = operator.metric("bastaix_writes_total", kind="NetworkPolicy", verb="apply")
        assert written == 2, "once, and once more"
    with running(kubeconfig, app):
        until(lambda: not world.list(POLICY, namespace), "it is removed")


def test_without_the_right_to_it_the_model_is_served_all_the_same(
    world: World, app: FakeApp, kubeconfig: Path, namespace: str
) -> None:
    role = world.get(RIGHTS["ClusterRole"], None, "bastaix") or {}
    rules = [rule for rule in role["rules"] if "networkpolicies" not in rule["resources"]]
    path = RIGHTS["ClusterRole"].path(None, "bastaix")
    world.request("PATCH", path, {"rules": rules}, "application/merge-patch+json")
    with running(kubeconfig, app, ON) as operator:
        deploy(world, modeldeployment(namespace))
        FakeKubeRay(world).run(only(world, kinds.RAYSERVICE, namespace))
        until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
        assert "forbidden: list networkpolicies.networking.k8s.io" in operator.log
        assert operator.metric("bastaix_reconcile_errors_total") == 0
    assert world.list(POLICY, namespace) == []
