"""The operator asks the Pods of a revision, and nobody whom a tenant can make it ask.

A real API server, the operator as processes with the chart's rights, KubeRay and the app as named
fakes. `mallory` may edit in the namespace, Services and Pods above all.
"""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile import kinds
from tests.api.operator_process import OperatorProcess, until
from tests.api.rights import restricted
from tests.api.world import (
    FakeApp,
    FakeKubeRay,
    Object,
    World,
    change,
    deploy,
    modeldeployment,
    only,
    other,
    source,
)
from tests.security.tenants import (
    Listener,
    forge_records,
    hash_of,
    listener,
    mallory_in,
    service,
    serving,
)

POD, SERVICE = kinds.POD, kinds.SERVICE
NAMESPACE, DIRECT = "ssrf", "ssrf-direct"
NEAR = "127.83.7.9"
"""An address of this machine alone, where nothing but the test listens."""
ELSEWHERE = "192.0.2.1"
"""An address of nobody (RFC 5737)."""


@contextmanager
def operating(world: World, folder: Path, *options: str) -> Iterator[OperatorProcess]:
    """The operator with the rights of the chart."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(restricted(world, "bastaix")))
    with OperatorProcess(kubeconfig, folder / "log", *options) as operator:
        until(lambda: operator.page("/readyz")[0] == 200, "the operator is ready")
        yield operator
        assert "Traceback" not in operator.log


@pytest.fixture(scope="module")
def operator(
    attacked: World, app: FakeApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """It asks the app, at an address that ends where the path of a check begins."""
    attacked.namespace(NAMESPACE)
    url = app.url.removesuffix("/{namespace}/{name}")
    options = f"--probe-url={url}", f"--namespaces={NAMESPACE}"
    with operating(attacked, tmp_path_factory.mktemp("operator"), *options) as operator:
        yield operator


@pytest.fixture(scope="module")
def mallory(attacked: World, operator: OperatorProcess) -> World:
    return mallory_in(attacked, NAMESPACE)


@pytest.fixture(scope="module")
def victim() -> Iterator[Listener]:
    with listener() as found:
        yield found


@pytest.fixture(scope="module")
def rayservice(attacked: World, operator: OperatorProcess) -> Iterator[Object]:
    """Of the model that serves; its app knows by the path who is asked."""
    check = {"method": "POST", "path": f"/{NAMESPACE}/echo/v1", "body": {"ping": 1}}
    yield serving(attacked, NAMESPACE, app={"importPath": "app:build", "check": check})
    attacked.delete(kinds.MODELDEPLOYMENT, NAMESPACE, "echo")


def is_repaired(world: World, rayservice: Object) -> bool:
    spec = service(world, NAMESPACE).get("spec") or {}
    strange = ("externalName", "externalIPs", "publishNotReadyAddresses", "loadBalancerIP")
    return (
        spec.get("type") == "ClusterIP"
        and not any(spec.get(key) for key in strange)
        and not any("nodePort" in port for port in spec["ports"])
        and spec["selector"].get(names.REVISION_LABEL) == hash_of(rayservice)
        and bool(spec.get("clusterIP"))
    )


EXTERNAL = {
    "type": "ExternalName",
    "externalName": "metadata.attacker.example",
    "clusterIP": None,
    "clusterIPs": None,
}
CHANGES: dict[str, Object] = {
    "another name": EXTERNAL,
    "another name without ports": {**EXTERNAL, "ports": None, "selector": None},
    "other addresses": {"externalIPs": [ELSEWHERE]},
    "addresses that are not ready": {"publishNotReadyAddresses": True},
    "a port of each node": {"type": "NodePort"},
    "a load balancer": {"type": "LoadBalancer", "externalIPs": [ELSEWHERE]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_stable_service_that_leads_elsewhere_is_turned_back(
    attacked: World, mallory: World, rayservice: Object, change: Object
) -> None:
    assert is_repaired(attacked, rayservice)
    changed = mallory.merge(SERVICE, NAMESPACE, "echo", {"spec": change})
    assert all(changed["spec"].get(key) == value for key, value in change.items() if value)
    until(lambda: is_repaired(attacked, rayservice), "the Service leads to the revision again")
    until(lambda: attacked.ready(NAMESPACE).get("status") == "True", "it is ready")


@pytest.mark.parametrize("given", [EXTERNAL, {"externalIPs": [ELSEWHERE]}], ids=["name", "address"])
def test_who_applies_the_service_by_force_keeps_nothing_of_it(
    attacked: World, mallory: World, rayservice: Object, given: Object
) -> None:
    spec: Object = {key: value for key, value in given.items() if value}
    metadata = {"name": "echo", "namespace": NAMESPACE}
    mallory.merge(SERVICE, NAMESPACE, "echo", {"spec": given})
    until(lambda: is_repaired(attacked, rayservice), "the Service leads to the revision again")
    if "externalName" in spec:  # an address of the cluster is refused beside another name
        mallory.merge(SERVICE, NAMESPACE, "echo", {"spec": given})
    mallory.apply(SERVICE, {"metadata": metadata, "spec": spec}, manager="mallory")
    until(lambda: is_repaired(attacked, rayservice), "the Service leads to the revision again")
    fields = [
        entry["fieldsV1"].get("f:spec", {})
        for entry in service(attacked, NAMESPACE)["metadata"]["managedFields"]
        if entry["manager"] == "mallory"
    ]
    assert not any("f:type" in owned or "f:externalIPs" in owned for owned in fields)


def test_a_check_that_a_tenant_has_written_down_is_asked_of_nobody(
    attacked: World, mallory: World, rayservice: Object, app: FakeApp, victim: Listener
) -> None:
    """While a bad commit is on trial the active revision is asked what it answered before."""
    written = service(attacked, NAMESPACE)["metadata"]["annotations"]
    since = written[names.SINCE_ANNOTATION]
    check: dict[str, Any] = {
        "method": "DELETE",
        "path": f"@127.0.0.1:{victim.port}/internal/admin?x=1",
        "body": {"any": "json"},
        "expect": {"status": 200, "contains": "AKIA-"},
    }
    record = {"outcome": "Promoted", "at": since, "promoted": since, "check": check}
    forge_records(mallory, NAMESPACE, {hash_of(rayservice): record})
    change(attacked, NAMESPACE, {"source": source("b" * 40), "app": {"importPath": "bad:app"}})
    other(attacked, NAMESPACE, rayservice)
    before = app.asked_by(NAMESPACE)
    kuberay = FakeKubeRay(attacked)
    for is_ready in (False, True):
        kuberay.turn_pod(rayservice, "worker", ready=is_ready)
        wanted = str(is_ready)
        until(
            lambda wanted=wanted: attacked.condition("Serving", NAMESPACE).get("status") == wanted,
            f"Serving is {wanted}",
        )
    assert app.asked_by(NAMESPACE) > before, "it was not asked again"
    assert not victim.asked


@pytest.fixture(scope="module")
def direct(attacked: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """As it is installed: it asks Pods at their addresses."""
    attacked.namespace(DIRECT)
    option = f"--namespaces={DIRECT}"
    with operating(attacked, tmp_path_factory.mktemp("direct"), option) as operator:
        yield operator


def test_only_pods_of_the_revision_are_asked_and_never_the_machine_of_the_operator(
    attacked: World, direct: OperatorProcess
) -> None:
    mallory = mallory_in(attacked, DIRECT)
    deploy(attacked, modeldeployment(DIRECT))
    rayservice = only(attacked, kinds.RAYSERVICE, DIRECT)
    template = rayservice["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]
    labels = {**template["metadata"]["labels"], "ray.io/node-type": "worker"}
    ready = {
        "phase": "Running",
        "podIP": ELSEWHERE,
        "podIPs": [{"ip": ELSEWHERE}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    forged: Object = {
        "metadata": {"name": "aaa", "labels": {**labels, "ray.io/serve": "true"}},
        "spec": {"containers": [{"name": "ray", "image": "registry.example/ray:1"}]},
    }
    made = mallory.request("POST", POD.path(DIRECT), {**forged, "status": ready})
    assert "podIP" not in made["status"]
    with pytest.raises(urllib.error.HTTPError) as error:
        mallory.apply(
            POD, {"metadata": {"name": "aaa", "namespace": DIRECT}, "status": ready}, "status"
        )
    assert error.value.code == 403
    # what a kubelet would say of it once it runs
    running = {"metadata": {"name": "aaa", "namespace": DIRECT}, "status": ready}
    attacked.apply(POD, running, "status", manager="kubelet")
    with listener(NEAR, names.SERVE_PORT) as near:
        FakeKubeRay(attacked, ip=NEAR).run(rayservice)
        until(
            lambda: "no Pod of it has an address" in attacked.ready(DIRECT).get("message", ""),
            "it says that it can ask nobody",
        )
        until(lambda: "Pod aaa" in direct.log, "the log names the stranger")
        until(
            lambda: attacked.ready(DIRECT)["reason"] == "ProbeUnreachable",
            "it has been tried several times",
        )
        assert not near.asked
    assert "no Pod of it has an address" in attacked.ready(DIRECT)["message"]
    attacked.delete(kinds.MODELDEPLOYMENT, DIRECT, "echo")
