"""Verified means verified, without the admission policies too: forged and replaced artifacts.

A real API server with the chart's rights, the source controller as a process with its account, and
a Git host that serves real archives. `mallory` may create and delete Secrets and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.sources import EARLIER_DIGITS, content_fields, content_key
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.kube.secrets import SECRET
from bastaix.reconcile.kinds import CONTROLLERREVISION, MODELDEPLOYMENT
from bastaix.source.keeping import TYPE
from cluster.control_plane import ControlPlane
from tests.api.archives import APP, ArchiveHost, archive_host
from tests.api.operator_process import SourceProcess, until
from tests.api.rights import RBAC, RIGHTS, restricted
from tests.api.world import Object, World, modeldeployment

MD = MODELDEPLOYMENT
FORGED = b"PK import os; os.system('id')"
DOWN = (503, {}, b"")

_numbers = itertools.count()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as control_plane:
        world = World(control_plane)
        world.namespace("demo")
        world.install_ours()
        yield world


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveHost]:
    with archive_host(tmp_path_factory.mktemp("repository")) as running:
        yield running


@pytest.fixture
def host(git: ArchiveHost) -> Iterator[ArchiveHost]:
    yield git
    git.instead = None
    git.asked.clear()


@pytest.fixture(scope="module")
def controller(
    world: World, git: ArchiveHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SourceProcess]:
    folder = tmp_path_factory.mktemp("source")
    (folder / "work").mkdir()
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(restricted(world, "bastaix-source")))
    settings = {
        "BASTAIX_SOURCE_HOSTS": f"{git.netloc}=http+private",
        "BASTAIX_SOURCE_WORK": str(folder / "work"),
    }
    with SourceProcess(kubeconfig, folder / "log", settings=settings) as running:
        until(lambda: running.page("/readyz")[0] == 200, "it is ready")
        yield running


@pytest.fixture
def namespace(world: World, controller: SourceProcess) -> str:
    return world.namespace(f"artifacts-{next(_numbers)}")


@pytest.fixture
def mallory(world: World, namespace: str) -> World:
    role = {"metadata": {"name": "secrets", "namespace": namespace}}
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "delete"]}
    world.apply(RIGHTS["Role"], {**role, "rules": [rule]})
    reference = {"apiGroup": RBAC, "kind": "Role", "name": "secrets"}
    subjects = [{"kind": "User", "name": "mallory", "apiGroup": RBAC}]
    world.apply(RIGHTS["RoleBinding"], {**role, "roleRef": reference, "subjects": subjects})
    return world.acting_as("mallory")


def verified(world: World, namespace: str, controller: SourceProcess) -> Object:
    """`status.source` once the spec that there is now is verified."""

    def is_so() -> bool:
        found = world.get(MD, namespace, "echo") or {}
        said = condition(world, namespace)
        current = said.get("observedGeneration") == found["metadata"]["generation"]
        return current and said.get("reason") == "Verified"

    try:
        until(is_so, "it is verified", seconds=30)
    except AssertionError as error:
        said = condition(world, namespace)
        raise AssertionError(f"{error}: {said}\n{controller.log}") from None
    return dict(world.status(namespace)["source"])


def condition(world: World, namespace: str) -> Object:
    return world.condition("SourceVerified", namespace)


def artifact(model: Object, code: bytes, *, name: str = "", **more: Any) -> Object:
    """As the source controller makes it, with the annotation that versions before looked for."""
    digest = f"sha256:{hashlib.sha256(code).hexdigest()}"
    metadata = model["metadata"]
    content = content_key(ModelDeployment.from_body(model).spec.source) or ""
    owner = {"apiVersion": MD.api_version, "kind": MD.name, "controller": True}
    return {
        "metadata": {
            "name": name or names.artifact_name("echo", digest),
            "namespace": metadata["namespace"],
            "labels": {
                names.NAME_LABEL: "echo",
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                names.ARTIFACT_LABEL: names.artifact_label(digest),
            },
            "annotations": {
                f"{names.GROUP}/source-{content[:EARLIER_DIGITS]}": "x 2026-01-01T00:00:00Z"
            },
            "ownerReferences": [{**owner, "name": "echo", "uid": metadata["uid"]}],
        },
        "type": TYPE,
        "immutable": True,
        "data": {names.artifact_file(digest): base64.b64encode(code).decode()},
        **more,
    }


def held(world: World, namespace: str, digest: str) -> str | None:
    """The sha256 of what Pods that mount this artifact get."""
    secret = world.get(SECRET, namespace, names.artifact_name("echo", digest))
    if secret is None:
        return None
    (text,) = secret["data"].values()
    return f"sha256:{hashlib.sha256(base64.b64decode(text)).hexdigest()}"


def test_a_secret_made_before_its_commit_was_pinned_is_not_taken_for_it(
    world: World, mallory: World, host: ArchiveHost, controller: SourceProcess, namespace: str
) -> None:
    first, second = host.commit({"app.py": APP}), host.commit({"app.py": APP + "# 2\n"})
    model = world.apply(MD, modeldeployment(namespace, source=host.source(first)))
    verified(world, namespace, controller)
    to_come = {**model, **modeldeployment(namespace, source=host.source(second))}
    to_come["metadata"] = model["metadata"]
    forged = artifact(to_come, FORGED)
    mallory.request("POST", SECRET.path(namespace), forged)
    world.apply(MD, modeldeployment(namespace, source=host.source(second)))
    source = verified(world, namespace, controller)
    assert source["commit"] == second
    assert host.asked_for(second) == 1
    assert held(world, namespace, source["digest"]) == source["digest"]


def test_an_artifact_that_was_replaced_is_made_again(
    world: World, mallory: World, host: ArchiveHost, controller: SourceProcess, namespace: str
) -> None:
    source = host.source(host.commit({"app.py": APP}))
    model = world.apply(MD, modeldeployment(namespace, source=source))
    digest = verified(world, namespace, controller)["digest"]
    name = names.artifact_name("echo", digest)
    mallory.delete(SECRET, namespace, name)
    mallory.request("POST", SECRET.path(namespace), artifact(model, FORGED, name=name))
    world.apply(MD, modeldeployment(namespace, source=source, scaling={"maxReplicas": 3}))
    until(lambda: held(world, namespace, digest) == digest, "the code is there again", seconds=30)
    assert verified(world, namespace, controller)["digest"] == digest


def test_a_secret_that_only_has_the_name_is_named_and_left(
    world: World, mallory: World, host: ArchiveHost, controller: SourceProcess, namespace: str
) -> None:
    source = host.source(host.commit({"app.py": APP}))
    model = world.apply(MD, modeldeployment(namespace, source=source))
    digest = verified(world, namespace, controller)["digest"]
    name = names.artifact_name("echo", digest)
    mallory.delete(SECRET, namespace, name)
    squatter = artifact(model, FORGED, name=name, type="Opaque")
    mallory.request("POST", SECRET.path(namespace), squatter)
    world.apply(MD, modeldeployment(namespace, source=source, scaling={"maxReplicas": 3}))
    until(lambda: condition(world, namespace).get("reason") == "NotOwned", "it is named")
    assert f"kubectl delete secret {name}" in condition(world, namespace)["message"]
    assert held(world, namespace, digest) != digest


def test_with_the_status_lost_and_the_host_down_a_revision_says_what_was_verified(
    world: World, host: ArchiveHost, controller: SourceProcess, namespace: str
) -> None:
    commit = host.commit({"app.py": APP})
    model = world.apply(MD, modeldeployment(namespace, source=host.source(commit)))
    digest = verified(world, namespace, controller)["digest"]
    keep_revision(world, model, digest, commit)
    host.instead = DOWN
    controller.stop()
    path = f"{MD.path(namespace, 'echo')}/status"
    empty = {"status": {"source": None, "conditions": None}}
    world.request("PATCH", path, empty, "application/merge-patch+json")
    controller.start()
    assert verified(world, namespace, controller)["digest"] == digest


def keep_revision(world: World, model: Object, digest: str, commit: str) -> None:
    """What the operator keeps of a revision that it has made of this source."""
    namespace = model["metadata"]["namespace"]
    labels = {names.NAME_LABEL: "echo", names.ARTIFACT_LABEL: names.artifact_label(digest)}
    metadata = {"name": "echo-1", "namespace": namespace, "labels": labels}
    metadata["ownerReferences"] = artifact(model, FORGED)["metadata"]["ownerReferences"]
    content = content_key(ModelDeployment.from_body(model).spec.source)
    data = {**content_fields(content), "digest": digest, "commit": commit}
    world.apply(CONTROLLERREVISION, {"metadata": metadata, "revision": 1, "data": data})


def test_a_deleted_artifact_of_an_earlier_revision_is_made_again(
    world: World, mallory: World, host: ArchiveHost, controller: SourceProcess, namespace: str
) -> None:
    # its entry point is not that of the commit that is asked for later
    first, second = host.commit({"app.py": APP}), host.commit({"other.py": APP})
    model = world.apply(MD, modeldeployment(namespace, source=host.source(first)))
    digest = verified(world, namespace, controller)["digest"]
    keep_revision(world, model, digest, first)
    app = {"importPath": "other:build"}
    world.apply(MD, modeldeployment(namespace, source=host.source(second), app=app))
    assert verified(world, namespace, controller)["commit"] == second
    mallory.delete(SECRET, namespace, names.artifact_name("echo", digest))
    asked = host.asked_for(first)
    # what the operator says of a new Pod of the earlier revision, which is what serves
    finding = {"reason": "VolumeMissing", "message": "a Pod waits for it"}
    status = {"metadata": {"name": "echo", "namespace": namespace}, "status": {"finding": finding}}
    world.apply(MD, status, "status", manager="operator")
    until(lambda: held(world, namespace, digest) == digest, "the code is there again", seconds=30)
    assert host.asked_for(first) == asked + 1
    assert condition(world, namespace)["reason"] == "Verified"
