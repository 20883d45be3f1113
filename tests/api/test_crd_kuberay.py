"""What is rendered, against KubeRay's kinds and Kubernetes' own Pod Security."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, CoreV1Api, CustomObjectsApi
from kubernetes.client.exceptions import ApiException

from cluster import programs
from cluster.control_plane import ControlPlane
from tests.api import kuberay_crds
from tests.api.operator_process import until

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*/out.yaml"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """Of an API server of its own: elsewhere KubeRay's absence is what is tested."""
    programs.ensure("kubectl")
    with ControlPlane(tmp_path_factory.mktemp("kuberay")) as running:
        kubectl = [str(programs.path("kubectl")), "--kubeconfig", str(running.kubeconfig)]

        def run(*words: str, check: bool = True) -> int:
            done = subprocess.run([*kubectl, *words], check=check, capture_output=True)
            return done.returncode

        run("apply", "--server-side", "--filename", str(kuberay_crds.folder()))
        # one that is so new that it has no conditions yet is an error to `kubectl wait`
        words = ("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all")
        until(lambda: run(*words, check=False) == 0, "KubeRay's CRDs are established")
        run("label", "ns", "default", "pod-security.kubernetes.io/enforce=restricted")
        yield config.new_client_from_config(str(running.kubeconfig))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.parent.name)
def test_kuberay_knows_every_field(client: ApiClient, golden: Path) -> None:
    rayservice = rendered(golden)
    rayservice["metadata"]["namespace"] = "default"
    CustomObjectsApi(client).create_namespaced_custom_object(
        "ray.io",
        "v1",
        "default",
        "rayservices",
        rayservice,
        dry_run="All",
        field_validation="Strict",
    )


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.parent.name)
def test_its_pods_may_run_where_pod_security_restricted_is_enforced(
    client: ApiClient, golden: Path
) -> None:
    cluster = rendered(golden)["spec"]["rayClusterConfig"]
    head, worker = (
        group["template"]["spec"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])
    )
    ray_worker = worker["containers"][0]
    sidecar = {
        "name": "autoscaler",
        "image": "ray:1",
        **{key: cluster["autoscalerOptions"][key] for key in ("securityContext", "volumeMounts")},
    }
    # as KubeRay adds them: account and sidecar for the head, an init container for the worker
    wait = {"name": "wait-gcs-ready", "image": "ray:1"}
    wait["securityContext"] = ray_worker["securityContext"]
    head = {"serviceAccountName": "of-the-cluster", **head}
    create(client, {**head, "containers": [*head["containers"], sidecar]})
    create(client, {**worker, "initContainers": [wait]})


def test_a_pod_that_is_not_restricted_would_be_refused(client: ApiClient) -> None:
    with pytest.raises(ApiException, match="violates PodSecurity"):
        create(client, {"containers": [{"name": "a", "image": "ray:1"}]})


def rendered(golden: Path) -> dict[str, Any]:
    rayservice, _ = yaml.safe_load_all(golden.read_text())
    assert isinstance(rayservice, dict)
    return rayservice


def create(client: ApiClient, spec: dict[str, Any]) -> None:
    """Dry: what these two name beside themselves does not exist here."""
    unknown = ("priorityClassName", "runtimeClassName")
    known = {key: value for key, value in spec.items() if key not in unknown}
    body: Any = {"metadata": {"generateName": "pod-"}, "spec": known}
    CoreV1Api(client).create_namespaced_pod(
        "default", body, dry_run="All", field_validation="Strict"
    )
