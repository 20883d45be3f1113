"""The chart on a real API server: what it grants, and that no endpoint goes with it.

An API server of its own, for the CRD must come with the chart. Nothing runs there, so `helm` is
never told to wait.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster import programs
from cluster.control_plane import ControlPlane
from tests.api.operator_process import until

CHART = Path(__file__).parents[2] / "charts" / "bastaix"
CRD = "modeldeployments.serving.bastaix.dev"
SYSTEM = "bastaix-system"
OPERATOR = f"system:serviceaccount:{SYSTEM}:bastaix"
MODEL = {
    "apiVersion": "serving.bastaix.dev/v1alpha1",
    "kind": "ModelDeployment",
    "metadata": {"name": "smollm2", "namespace": "demo"},
    "spec": {
        "source": {"git": {"repository": "https://github.com/acme/code", "commit": "0" * 40}},
        "app": {"importPath": "app:build"},
        "model": {"id": "smollm2", "source": "path:///models"},
    },
}

Run = Callable[..., subprocess.CompletedProcess[str]]


def program(name: str, kubeconfig: Path) -> Run:
    def run(*words: str, manifest: Any = None, check: bool = True) -> Any:
        command = [str(programs.path(name)), "--kubeconfig", str(kubeconfig), *words]
        given = None if manifest is None else json.dumps(manifest)
        done = subprocess.run(command, input=given, text=True, capture_output=True, timeout=120)
        assert not check or done.returncode == 0, f"{name} {' '.join(words)}: {done.stderr}"
        return done

    return run


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server that has never heard of us, with the namespaces demo and other."""
    with ControlPlane(tmp_path_factory.mktemp("chart")) as running:
        for namespace in ("demo", "other"):
            program("kubectl", running.kubeconfig)("create", "namespace", namespace)
        yield running


@pytest.fixture
def kubectl(empty: ControlPlane) -> Run:
    return program("kubectl", empty.kubeconfig)


@pytest.fixture
def helm(empty: ControlPlane, kubectl: Run) -> Iterator[Run]:
    """helm; whatever the test has left behind goes afterwards, the CRD too."""
    run = program("helm", empty.kubeconfig)
    yield run
    for release in ("bastaix", "another"):
        run("uninstall", release, "--namespace", SYSTEM, "--ignore-not-found")
    kubectl("delete", "crd", CRD, "--ignore-not-found")


def install(helm: Run, *options: str, release: str = "bastaix", check: bool = True) -> Any:
    where = ("--namespace", SYSTEM, "--create-namespace")
    image = "image.repository=registry.example/operator"
    return helm("install", release, str(CHART), *where, "--set", image, *options, check=check)


def may(kubectl: Run, verb: str, group: str, resource: str, namespace: str = "") -> bool:
    """Whether the operator may do this; without a namespace, in all of them."""
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": OPERATOR, "resourceAttributes": attributes},
    }
    answer = kubectl("create", "--filename", "-", "--output=json", manifest=review)
    return bool(json.loads(answer.stdout)["status"]["allowed"])


def granted(check: Callable[[], bool]) -> bool:
    """The API server takes note of new roles a moment after they were written."""
    deadline = time.monotonic() + 10
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def established(kubectl: Run) -> None:
    # one that is so new that it has no conditions yet is an error to `kubectl wait`
    path = "jsonpath={.status.conditions[?(@.type=='Established')].status}"
    until(lambda: kubectl("get", "crd", CRD, "-o", path).stdout == "True", "it is established")


def test_cluster_wide_the_operator_works_everywhere_and_reads_no_secret(
    helm: Run, kubectl: Run
) -> None:
    install(helm)
    for verb in ("list", "watch", "create", "patch", "delete"):
        assert granted(partial(may, kubectl, verb, "ray.io", "rayservices")), verb
    for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
        assert not may(kubectl, verb, "", "secrets"), verb
        assert not may(kubectl, verb, "", "secrets", SYSTEM), verb


def test_namespaced_the_operator_works_there_alone(helm: Run, kubectl: Run) -> None:
    install(helm, "--set", "operator.namespaces={demo}")
    assert granted(partial(may, kubectl, "create", "ray.io", "rayservices", "demo"))
    assert not may(kubectl, "create", "ray.io", "rayservices", "other")
    assert not may(kubectl, "list", "serving.bastaix.dev", "modeldeployments")
    assert not may(kubectl, "get", "", "secrets", "demo")


def test_an_uninstall_keeps_the_crd_and_every_modeldeployment(helm: Run, kubectl: Run) -> None:
    install(helm)
    established(kubectl)
    kubectl("create", "--filename", "-", manifest=MODEL)

    helm("uninstall", "bastaix", "--namespace", SYSTEM)

    kubectl("get", "modeldeployment", "smollm2", "--namespace", "demo")
    kinds = "deployments,clusterroles,networkpolicies,validatingadmissionpolicies"
    kinds += ",validatingadmissionpolicybindings"
    left = kubectl("get", kinds, "--all-namespaces", "--output=name").stdout
    assert "bastaix" not in left


def test_a_kept_crd_is_taken_back_by_the_same_release(helm: Run, kubectl: Run) -> None:
    install(helm)
    established(kubectl)
    kubectl("create", "--filename", "-", manifest=MODEL)
    helm("uninstall", "bastaix", "--namespace", SYSTEM)

    install(helm)

    kubectl("get", "modeldeployment", "smollm2", "--namespace", "demo")


def test_another_release_must_say_that_it_takes_the_crd_over(helm: Run) -> None:
    install(helm)
    helm("uninstall", "bastaix", "--namespace", SYSTEM)

    refused = install(helm, release="another", check=False)
    assert "invalid ownership metadata" in refused.stderr

    install(helm, "--take-ownership", release="another")


def test_leaving_the_crd_out_of_a_release_that_had_it_keeps_it(helm: Run, kubectl: Run) -> None:
    install(helm)
    established(kubectl)
    kubectl("create", "--filename", "-", manifest=MODEL)

    where = ("--namespace", SYSTEM, "--reuse-values")
    helm("upgrade", "bastaix", str(CHART), *where, "--set", "crds.enabled=false")

    kubectl("get", "modeldeployment", "smollm2", "--namespace", "demo")


def test_two_releases_share_a_cluster_for_different_namespaces(helm: Run, kubectl: Run) -> None:
    install(helm, "--set", "operator.namespaces={demo}")
    alone = ("crds.enabled=false", "rbac.aggregateToUsers=false", "operator.namespaces={other}")
    install(helm, *(word for value in alone for word in ("--set", value)), release="another")

    bound = kubectl("get", "rolebindings", "--all-namespaces", "--output=name").stdout.split()
    assert {"rolebinding.rbac.authorization.k8s.io/bastaix"} <= set(bound)
    assert {"rolebinding.rbac.authorization.k8s.io/another-bastaix"} <= set(bound)
    policies = kubectl("get", "validatingadmissionpolicies", "--output=name").stdout.split()
    group = "validatingadmissionpolicy.admissionregistration.k8s.io"
    assert {f"{group}/{name}.{SYSTEM}" for name in ("bastaix", "another-bastaix")} <= set(policies)
