"""`kubectl bastaix bundle` against a real API server, in which no kubelet has any log."""

import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from bastaix.plugin.commands import main
from bastaix.reconcile import kinds
from tests.api.operator_process import until
from tests.api.test_plugin import person
from tests.api.world import FakeKubeRay, World, deploy, modeldeployment, only

CANARY = "canary-in-the-mine"
ENV = [
    {"name": "GREETING", "value": CANARY},
    {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}},
]

pytestmark = pytest.mark.usefixtures("operator")


def bundle(kubeconfig: Path, namespace: str, file: Path, *words: str) -> Result:
    where = ["--kubeconfig", str(kubeconfig), "-n", namespace, "-o", str(file)]
    return CliRunner().invoke(main, ["bundle", "echo", *where, *words])


def contents(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {
            each.removeprefix("bastaix-echo/"): archive.read(each) for each in archive.namelist()
        }


def applied(manifest: dict[str, Any]) -> dict[str, Any]:
    """As `kubectl apply` leaves it."""
    name = "kubectl.kubernetes.io/last-applied-configuration"
    annotations = {name: json.dumps(manifest)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def place(world: World, namespace: str, pod: str) -> None:
    """As a scheduler would; no kubelet is there."""
    target = {"kind": "Node", "name": "nowhere"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
    world.request("POST", kinds.POD.path(namespace, pod, "binding"), binding)


def test_all_that_is_there_is_packed_without_a_secret(
    world: World, namespace: str, tmp_path: Path
) -> None:
    runtime = {"image": "registry.example/ray:1", "env": ENV}
    manifest = modeldeployment(namespace, runtime=runtime, rollout={"onFailure": "Hold"})
    deploy(world, applied(manifest))
    rayservice = only(world, kinds.RAYSERVICE, namespace)
    assert CANARY in json.dumps(rayservice)
    FakeKubeRay(world).fail(rayservice, f"ValueError: {CANARY} is no greeting, token=canary-2")
    until(lambda: CANARY in world.ready(namespace)["message"], "it has failed")
    place(world, namespace, f"{rayservice['metadata']['name']}-head")

    file = tmp_path / "echo.zip"
    result = bundle(world.kubeconfig, namespace, file)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{file}: ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = contents(file)
    for path, data in found.items():
        assert b"canary" not in data, (path, data.decode())
    name = rayservice["metadata"]["name"]
    assert {
        "objects/ModelDeployment/echo.yaml",
        "objects/Service/echo.yaml",
        f"objects/ControllerRevision/{name}.yaml",
        f"objects/RayService/{name}.yaml",
        f"objects/RayCluster/{name}-x7k2p.yaml",
        f"objects/Pod/{name}-worker.yaml",
        f"serve/{name}.yaml",
    } <= set(found)
    assert found["why.txt"].startswith(b"echo in ")
    assert b"*** is no greeting, token=***" in found[f"serve/{name}.yaml"]
    md = yaml.safe_load(found["objects/ModelDeployment/echo.yaml"])
    assert md["spec"]["runtime"]["env"] == [{"name": "GREETING", "value": "***"}, ENV[1]]
    versions = yaml.safe_load(found["versions.yaml"])
    assert versions["kubernetes"].startswith("v1.")
    assert versions["images"] == ["registry.example/ray:1"]
    events = yaml.safe_load(found["events.yaml"])
    assert {each["involvedObject"]["name"] for each in events} == {"echo"}
    readme = found["README.txt"].decode()
    assert f"logs/{name}-worker: the Pod is on no node" in readme
    assert f"logs/{name}-head/ray.log: " in readme
    assert not [path for path in found if path.startswith("logs/")]

    again = bundle(world.kubeconfig, namespace, file)
    assert again.exit_code == 1
    assert again.stderr.startswith(f"Error: {file} is there already: ")
    viewer = person(world, namespace, "view", tmp_path)
    forced = bundle(viewer, namespace, file, "--force")
    assert forced.exit_code == 0, forced.output
    readme = contents(file)["README.txt"].decode()
    assert "operators: you may not read deployments in all namespaces" in readme
    assert "RayServices: " not in readme
    assert f"objects/RayService/{name}.yaml" in readme
