"""What the admission policies refuse, and what they must not be in the way of.

A real API server with the chart's own rights and policies; Kubernetes' own garbage collector and
namespace controller; both of our controllers as processes with the chart's accounts. `mallory`
holds the default `edit` in one namespace.
"""

from __future__ import annotations

import base64
import itertools
import json
import urllib.error
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bastaix.api import names
from bastaix.kube.secrets import SECRET
from bastaix.reconcile import kinds
from bastaix.reconcile.kinds import Kind
from bastaix.source.keeping import TYPE
from cluster.control_plane import ControlPlane
from tests.api.archives import APP, ArchiveHost, archive_host
from tests.api.operator_process import OperatorProcess, SourceProcess, until
from tests.api.rights import POLICY, RBAC, RIGHTS, SERVICE_ACCOUNT, admission, restricted
from tests.api.world import (
    NAMESPACE,
    FakeApp,
    FakeKubeRay,
    Object,
    World,
    fake_app,
    modeldeployment,
    only,
    other,
)
from tests.security.controllers import kubernetes_controllers

ACCOUNTS = "system:serviceaccount:demo:"
MD, RAYSERVICE, RAYCLUSTER = kinds.MODELDEPLOYMENT, kinds.RAYSERVICE, kinds.RAYCLUSTER
EDIT = "system:aggregate-to-edit"
"""Kubernetes' own part of `edit`: no controller puts the whole together here."""

_numbers = itertools.count()
POD = {"containers": [{"name": "one", "image": "registry.example/x:1"}]}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def world(plane: ControlPlane) -> Iterator[World]:
    """An API server with all that the chart and Kubernetes bring."""
    world = World(plane)
    world.namespace("demo")
    world.install_ours()
    world.install_kuberay()
    for account in ("bastaix", "bastaix-source"):
        restricted(world, account)
    admission(world)
    with kubernetes_controllers(plane):
        yield world


@pytest.fixture(scope="module")
def operator(world: World) -> World:
    """The API server as the operator's account sees it."""
    return world.acting_as(f"{ACCOUNTS}bastaix")


@pytest.fixture(scope="module")
def source(world: World) -> World:
    return world.acting_as(f"{ACCOUNTS}bastaix-source")


@pytest.fixture
def namespace(world: World) -> str:
    return world.namespace(f"admission-{next(_numbers)}")


@pytest.fixture
def mallory(world: World, namespace: str) -> World:
    subject = {"kind": "User", "name": "mallory", "apiGroup": RBAC}
    return grant(world, EDIT, subject, namespace)


@pytest.fixture
def model(world: World, namespace: str) -> Object:
    """A ModelDeployment that nobody looks after."""
    return world.apply(MD, modeldeployment(namespace))


def grant(world: World, role: str, subject: Object, namespace: str | None) -> World:
    """The API server as a subject sees it that holds this role, in all namespaces if in none."""
    kind = RIGHTS["RoleBinding" if namespace else "ClusterRoleBinding"]
    binding: Object = {
        "metadata": {"name": f"{role}-{subject['name']}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }
    if namespace:
        binding["metadata"]["namespace"] = namespace
    world.apply(kind, binding)
    user = subject["name"]
    if subject["kind"] == "ServiceAccount":
        user = f"system:serviceaccount:{subject['namespace']}:{user}"
    given = world.acting_as(user)
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {
            "resourceAttributes": {"verb": "patch", "resource": "secrets", "namespace": namespace}
        },
    }

    def is_granted() -> bool:
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        return bool(given.request("POST", path, review)["status"]["allowed"])

    until(is_granted, f"{user} has the role {role}")
    return given


def refusal(attempt: Callable[..., Any], *arguments: Any) -> str:
    """What the API server says to something that a policy forbids."""
    with pytest.raises(urllib.error.HTTPError) as error:
        attempt(*arguments)
    assert "ValidatingAdmissionPolicy" in error.value.msg, error.value.msg
    return error.value.msg


def owned_by(owner: Object, **changes: Any) -> list[Object]:
    """The reference of a ModelDeployment's controlled child, with changes to it."""
    metadata = owner["metadata"]
    reference = {"apiVersion": MD.api_version, "kind": MD.name, "controller": True, **changes}
    return [{**reference, "name": metadata["name"], "uid": metadata["uid"]}]


def artifact(namespace: str, owners: list[Object], name: str = "echo-src-00000000") -> Object:
    labels = {names.NAME_LABEL: "echo", names.ARTIFACT_LABEL: "00000000"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {f"{names.GROUP}/source-0": "x"},
            "ownerReferences": owners,
        },
        "type": TYPE,
        "immutable": True,
        "data": {f"{'0' * 64}.zip": base64.b64encode(b"PK").decode()},
    }


def rayservice(model: Object, owners: list[Object], name: str = "echo-00000000") -> Object:
    namespace = model["metadata"]["namespace"]
    group = {"rayStartParams": {}, "template": {"spec": POD}}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.NAME_LABEL: "echo", names.REVISION_LABEL: "00000000"},
            "ownerReferences": owners,
        },
        "spec": {
            "rayClusterConfig": {
                "rayVersion": "2.60.0",
                "headGroupSpec": group,
                "workerGroupSpecs": [{**group, "groupName": "replica", "replicas": 1}],
            }
        },
    }


def test_every_rule_is_right_for_the_types_that_it_is_about(world: World) -> None:
    """Kubernetes' own check of the expressions against the schemas, KubeRay's included."""
    found = admission(world)
    assert found

    def is_checked(name: str) -> bool:
        policy = world.get(POLICY, None, name) or {}
        status = policy.get("status") or {}
        return bool(status.get("observedGeneration") == policy["metadata"]["generation"])

    for name in found:
        until(lambda name=name: is_checked(name), f"{name} is checked")
        status = (world.get(POLICY, None, name) or {})["status"]
        assert not (status.get("typeChecking") or {}).get("expressionWarnings"), name


def test_the_source_controller_mints_no_token_of_another_account(source: World) -> None:
    """Of a token Secret that it makes it could read the token: it would be who it names."""
    token = {
        "metadata": {
            "name": "mint",
            "namespace": "kube-system",
            "annotations": {"kubernetes.io/service-account.name": "generic-garbage-collector"},
        },
        "type": "kubernetes.io/service-account-token",
    }
    said = refusal(source.request, "POST", SECRET.path("kube-system"), token)
    assert "the source controller writes artifacts, and no other Secret" in said


@pytest.fixture
def editing(world: World, namespace: str) -> World:
    """The source controller's account with more rights than the chart gives it."""
    subject = {"kind": "ServiceAccount", "name": "bastaix-source", "namespace": "demo"}
    return grant(world, EDIT, subject, namespace)


def test_the_source_controller_leaves_every_other_secret_alone(
    world: World, editing: World, namespace: str, model: Object
) -> None:
    for owners in ([], owned_by(model)):
        metadata = {"name": "theirs", "namespace": namespace, "ownerReferences": owners}
        world.apply(SECRET, {"metadata": metadata})
        change = {"stringData": {"a": "b"}}
        refusal(editing.merge, SECRET, namespace, "theirs", change)
        refusal(editing.delete, SECRET, namespace, "theirs")


def test_the_source_controller_changes_no_secret_at_all(
    source: World, namespace: str, model: Object
) -> None:
    source.request("POST", SECRET.path(namespace), artifact(namespace, owned_by(model)))
    name = "echo-src-00000000"
    with pytest.raises(urllib.error.HTTPError) as error:
        source.merge(SECRET, namespace, name, {"metadata": {"annotations": {"noted": "x"}}})
    assert error.value.code == 403
    source.delete(SECRET, namespace, name)


@pytest.mark.parametrize(
    ("owner", "change"),
    [
        ({"kind": "ConfigMap", "apiVersion": "v1"}, {}),
        ({"controller": False}, {}),
        ({"apiVersion": "serving.example/v1"}, {}),
        ({}, {"immutable": False}),
    ],
    ids=["owned by another kind", "not controlled", "of another group", "not immutable"],
)
def test_an_artifact_is_made_for_a_modeldeployment_and_never_changes(
    source: World, namespace: str, model: Object, owner: Object, change: Object
) -> None:
    manifest = {**artifact(namespace, owned_by(model, **owner)), **change}
    refusal(source.request, "POST", SECRET.path(namespace), manifest)


def test_an_artifact_is_made_and_deleted_and_never_changed(
    source: World, editing: World, namespace: str, model: Object
) -> None:
    source.request("POST", SECRET.path(namespace), artifact(namespace, owned_by(model)))
    name = "echo-src-00000000"
    for metadata in ({"annotations": {"noted": "x"}}, {"ownerReferences": []}):
        said = refusal(editing.merge, SECRET, namespace, name, {"metadata": metadata})
        assert "the source controller changes no Secret" in said
    source.delete(SECRET, namespace, name)


def test_nobody_else_makes_what_looks_like_an_artifact(
    mallory: World, namespace: str, model: Object
) -> None:
    forged = artifact(namespace, owned_by(model))
    plain = {**forged, "type": "Opaque"}
    unlabelled = {**forged, "metadata": {**forged["metadata"], "labels": {}}}
    for manifest in (forged, plain, unlabelled):
        made = refusal(mallory.request, "POST", SECRET.path(namespace), manifest)
        assert "artifacts are written by the source controller alone" in made
    mallory.apply(SECRET, {"metadata": {"name": "mine", "namespace": namespace}})
    label = {"metadata": {"labels": {names.ARTIFACT_LABEL: "00000000"}}}
    refusal(mallory.merge, SECRET, namespace, "mine", label)


def test_nobody_else_changes_an_artifact_and_everybody_may_delete_his_own(
    mallory: World, source: World, namespace: str, model: Object
) -> None:
    source.request("POST", SECRET.path(namespace), artifact(namespace, owned_by(model)))
    name = "echo-src-00000000"
    for metadata in (
        {"annotations": {f"{names.GROUP}/source-1": "x"}},
        {"labels": {names.ARTIFACT_LABEL: "11111111"}},
        {"labels": {names.ARTIFACT_LABEL: None}},
        {"ownerReferences": []},
    ):
        change = {"metadata": metadata}
        refusal(mallory.merge, SECRET, namespace, name, change)
    mallory.delete(SECRET, namespace, name)


def test_an_artifact_is_written_back_as_it_is_for_a_new_key_of_the_storage(
    world: World, source: World, namespace: str, model: Object
) -> None:
    made = source.request("POST", SECRET.path(namespace), artifact(namespace, owned_by(model)))
    path = SECRET.path(namespace, made["metadata"]["name"])
    assert world.request("PUT", path, made)["metadata"]["uid"] == made["metadata"]["uid"]


def test_the_operator_changes_no_service_but_those_of_models(
    world: World, operator: World, namespace: str
) -> None:
    external = {"spec": {"externalIPs": ["192.0.2.1"]}}
    said = refusal(operator.merge, kinds.SERVICE, "default", "kubernetes", external)
    assert "the operator writes what a ModelDeployment controls, and nothing else" in said
    plain = {"metadata": {"name": "web", "namespace": namespace}, "spec": {"ports": [{"port": 80}]}}
    world.apply(kinds.SERVICE, plain)
    refusal(operator.merge, kinds.SERVICE, namespace, "web", external)
    refusal(operator.request, "POST", kinds.SERVICE.path(namespace), plain)


@pytest.mark.parametrize("kind", [kinds.JOB, kinds.CONTROLLERREVISION], ids=str)
def test_the_operator_deletes_and_creates_nothing_of_somebody_else(
    world: World, operator: World, namespace: str, kind: Kind
) -> None:
    bodies = {
        kinds.JOB: {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
        kinds.CONTROLLERREVISION: {"revision": 1, "data": {}},
    }
    theirs = {"metadata": {"name": "theirs", "namespace": namespace}, **bodies[kind]}
    refusal(operator.request, "POST", kind.path(namespace), theirs)
    world.apply(kind, theirs)
    refusal(operator.delete, kind, namespace, "theirs")


def test_the_operator_creates_a_rayservice_for_a_modeldeployment_alone(
    operator: World, namespace: str, model: Object
) -> None:
    for owners in (
        [],
        owned_by(model, apiVersion=RAYSERVICE.api_version, kind=RAYSERVICE.name),
        owned_by(model, controller=False),
    ):
        refusal(operator.apply, RAYSERVICE, rayservice(model, owners))
    made = operator.apply(RAYSERVICE, rayservice(model, owned_by(model)))
    change = {"metadata": {"ownerReferences": owned_by({"metadata": {"name": "x", "uid": "y"}})}}
    name = made["metadata"]["name"]
    said = refusal(operator.merge, RAYSERVICE, namespace, name, change)
    assert "the operator gives nothing to another owner" in said
    operator.delete(RAYSERVICE, namespace, name)


def test_the_operator_starts_nothing_where_the_cluster_keeps_its_own(operator: World) -> None:
    """An owner can be made up: what names one that is not there lives for a moment."""
    invented = {"metadata": {"name": "echo", "namespace": "kube-system", "uid": "made-up"}}
    manifest = rayservice(invented, owned_by(invented))
    assert "closedNamespaces" in refusal(operator.apply, RAYSERVICE, manifest)


def test_of_a_raycluster_the_operator_changes_the_bounds_and_of_its_models_alone(
    world: World, operator: World, namespace: str, model: Object
) -> None:
    made = world.apply(RAYSERVICE, rayservice(model, owned_by(model)))
    ours = FakeKubeRay(world).make_cluster(made)["metadata"]["name"]
    theirs = {"metadata": {"name": "theirs", "namespace": namespace}}
    world.apply(RAYCLUSTER, {**theirs, "spec": made["spec"]["rayClusterConfig"]})

    def patch(name: str, *operations: Object) -> None:
        path, kind = RAYCLUSTER.path(namespace, name), "application/json-patch+json"
        operator.request("PATCH", path, list(operations), kind)

    group = "/spec/workerGroupSpecs/0"
    bounds = {"op": "add", "path": f"{group}/maxReplicas", "value": 3}
    patch(ours, bounds)
    refusal(patch, "theirs", bounds)
    account = {"op": "add", "value": "admin"}
    for where in (f"{group}/template", "/spec/headGroupSpec/template"):
        change = {**account, "path": f"{where}/spec/serviceAccountName"}
        said = refusal(patch, ours, change)
        assert "none of its Pods" in said
    owners = {"op": "add", "path": "/metadata/ownerReferences", "value": owned_by(model)}
    refusal(patch, ours, owners)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveHost]:
    with archive_host(tmp_path_factory.mktemp("repository")) as host:
        yield host


@pytest.fixture(scope="module")
def app() -> Iterator[FakeApp]:
    with fake_app() as app:
        yield app


Both = tuple[OperatorProcess, SourceProcess]


@pytest.fixture(scope="module")
def both(
    world: World, host: ArchiveHost, app: FakeApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    """Our two controllers, with the rights and the policies of the chart."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "work").mkdir()
    for account in ("bastaix", "bastaix-source"):
        (folder / account).write_text(json.dumps(restricted(world, account)))
    settings = {
        "BASTAIX_SOURCE_HOSTS": f"{host.netloc}=http+private",
        "BASTAIX_SOURCE_WORK": str(folder / "work"),
        "BASTAIX_SOURCE_KEEP_SECONDS": "0",
    }
    probe = f"--probe-url={app.url}"
    reach = json.dumps(
        {"operator": [{"podSelector": {}}], "kubeRay": [], "metrics": [], "serve": []}
    )
    guarding = {"BASTAIX_NETWORK_POLICIES": reach}
    with (
        OperatorProcess(
            folder / "bastaix", folder / "operator.log", probe, settings=guarding
        ) as operator,
        SourceProcess(
            folder / "bastaix-source", folder / "source.log", settings=settings
        ) as source,
    ):
        for one in (operator, source):
            until(lambda one=one: one.page("/readyz")[0] == 200, "it is ready")
        yield operator, source
        for one in (operator, source):
            assert "denied request" not in one.log
            lines = [line for line in one.log.splitlines() if "is forbidden" in line]
            assert [line for line in lines if "it is being terminated" not in line] == []


def artifacts(world: World, namespace: str) -> list[Object]:
    return [each for each in world.list(SECRET, namespace) if each["type"] == TYPE]


def deploy(world: World, host: ArchiveHost, namespace: str, text: str = APP, **spec: Any) -> Object:
    """A ModelDeployment whose code the source controller fetches."""
    pinned = host.source(host.commit({"app.py": text}))
    return world.apply(MD, modeldeployment(namespace, source=pinned, **spec))


def run(world: World, namespace: str) -> Object:
    """Let the only revision of a ModelDeployment run, until it is ready."""
    found = only(world, RAYSERVICE, namespace)
    FakeKubeRay(world).run(found)
    until(lambda: world.ready(namespace).get("status") == "True", "it is ready")
    return found


def test_a_model_is_rolled_out_scaled_replaced_and_removed_without_one_denial(
    world: World, both: Both, host: ArchiveHost, namespace: str
) -> None:
    rollout = {"drainSeconds": 1, "bakeSeconds": 1}
    deploy(world, host, namespace, rollout=rollout)
    first = run(world, namespace)
    assert only(world, kinds.NETWORKPOLICY, namespace)["metadata"]["name"] == "echo-ray-pods"
    world.merge(MD, namespace, "echo", {"spec": {"scaling": {"maxReplicas": 5}}})
    cluster = first["metadata"]["name"] + "-x7k2p"

    def bounds() -> int:
        found = world.get(RAYCLUSTER, namespace, cluster) or {}
        highest: int = found["spec"]["workerGroupSpecs"][0]["maxReplicas"]
        return highest

    until(lambda: bounds() == 5, "the RayCluster has the new bounds")
    deploy(world, host, namespace, f"{APP}# another\n", rollout=rollout)
    FakeKubeRay(world).run(other(world, namespace, first))
    until(lambda: len(world.list(RAYSERVICE, namespace)) == 1, "the old revision is deleted")
    world.merge(MD, namespace, "echo", {"spec": {"suspend": True}})
    until(lambda: not world.list(RAYSERVICE, namespace), "it is suspended")
    world.delete(MD, namespace, "echo")
    children = (SECRET, kinds.SERVICE, kinds.CONTROLLERREVISION, kinds.NETWORKPOLICY)
    until(lambda: not any(world.list(kind, namespace) for kind in children), "it is all gone")


def test_a_model_that_is_deleted_as_an_orphan_goes_and_leaves_what_it_had(
    world: World, both: Both, host: ArchiveHost, namespace: str
) -> None:
    """By the real garbage collector, which takes the owner off every child."""
    deploy(world, host, namespace)
    run(world, namespace)
    (held,) = world.list(SECRET, namespace)
    options = {"propagationPolicy": "Orphan"}
    world.request("DELETE", MD.path(namespace, "echo"), options)
    until(lambda: world.get(MD, namespace, "echo") is None, "the ModelDeployment is gone")
    left = world.get(SECRET, namespace, held["metadata"]["name"]) or {}
    assert left["metadata"]["uid"] == held["metadata"]["uid"]
    assert "ownerReferences" not in left["metadata"]
    for kind in (kinds.CONTROLLERREVISION, kinds.SERVICE, RAYSERVICE):
        (child,) = world.list(kind, namespace)
        assert "ownerReferences" not in child["metadata"], kind


def test_nobody_else_takes_the_owner_off_an_artifact(
    mallory: World, source: World, namespace: str, model: Object
) -> None:
    source.request("POST", SECRET.path(namespace), artifact(namespace, owned_by(model)))
    orphaned = {"metadata": {"ownerReferences": []}}
    refusal(mallory.merge, SECRET, namespace, "echo-src-00000000", orphaned)


def test_a_namespace_ends_with_all_that_is_in_it(
    world: World, both: Both, host: ArchiveHost, namespace: str
) -> None:
    deploy(world, host, namespace)
    run(world, namespace)
    world.delete(NAMESPACE, None, namespace)
    until(lambda: world.get(NAMESPACE, None, namespace) is None, "it is gone")


@pytest.fixture
def velero(world: World) -> World:
    """An account with the rights of Velero's: those of an administrator of the cluster."""
    world.namespace("velero")
    name = {"name": "velero", "namespace": "velero"}
    world.apply(SERVICE_ACCOUNT, {"metadata": name})
    return grant(world, "cluster-admin", {"kind": "ServiceAccount", **name}, None)


def restored(body: Object) -> Object:
    """What Velero (1.17) creates from a backup: without uid, version, owners and status."""
    lost = ("uid", "resourceVersion", "generation", "creationTimestamp", "ownerReferences")
    lost += ("managedFields",)
    metadata = {key: value for key, value in body["metadata"].items() if key not in lost}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def test_after_a_restore_the_code_is_fetched_again_and_no_artifact_is_taken_over(
    world: World, velero: World, both: Both, host: ArchiveHost, namespace: str
) -> None:
    credential = {"name": "git-token", "namespace": namespace}
    world.apply(SECRET, {"metadata": credential, "data": {}})
    deploy(world, host, namespace)
    run(world, namespace)
    (made,) = artifacts(world, namespace)
    backup = [(kind, each) for kind in (SECRET, MD) for each in world.list(kind, namespace)]
    world.delete(NAMESPACE, None, namespace)
    until(lambda: world.get(NAMESPACE, None, namespace) is None, "it is gone")

    velero.apply(NAMESPACE, {"metadata": {"name": namespace}})
    for kind, body in backup:
        manifest = {"apiVersion": kind.api_version, "kind": kind.name, **restored(body)}
        if body.get("type") == TYPE:
            refusal(velero.request, "POST", kind.path(namespace), manifest)
        else:
            velero.request("POST", kind.path(namespace), manifest)
    assert world.get(SECRET, namespace, "git-token") is not None
    run(world, namespace)
    (again,) = artifacts(world, namespace)
    assert again["data"] == made["data"]


def test_a_named_account_may_restore_artifacts(
    world: World, velero: World, namespace: str, model: Object
) -> None:
    admission(world, admissionPolicies={"artifactWriters": ["system:serviceaccount:velero:velero"]})
    try:
        velero.request("POST", SECRET.path(namespace), artifact(namespace, []))
    finally:
        admission(world)


def test_a_release_for_some_namespaces_leaves_the_artifacts_of_others_to_others(
    world: World, velero: World, namespace: str
) -> None:
    here, elsewhere = namespace, world.namespace(f"{namespace}-b")
    admission(world, operator={"namespaces": [here]})
    try:
        refusal(velero.request, "POST", SECRET.path(here), artifact(here, []))
        velero.request("POST", SECRET.path(elsewhere), artifact(elsewhere, []))
    finally:
        admission(world)
