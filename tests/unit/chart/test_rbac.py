"""What each controller and the users may do: exactly this; Secrets the source one alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.chart.rendered import NAMESPACE, Manifest, of_kind, only, render

READ = {"get", "list", "watch"}
WRITE = READ | {"create", "patch", "delete"}
MINIMUM = {
    ("serving.bastaix.dev", "modeldeployments"): READ,
    ("serving.bastaix.dev", "modeldeployments/status"): {"patch"},
    ("ray.io", "rayservices"): WRITE,
    ("ray.io", "rayclusters"): READ | {"patch"},
    ("", "services"): READ | {"create", "patch"},
    ("apps", "controllerrevisions"): READ | {"create", "delete"},
    ("batch", "jobs"): READ | {"create", "delete"},
    ("networking.k8s.io", "networkpolicies"): WRITE,
    ("", "pods"): READ,
    ("", "pods/log"): {"get"},
    ("", "events"): {"list"},
    ("", "persistentvolumeclaims"): {"get"},
    ("events.k8s.io", "events"): {"create", "patch"},
}
SOURCE_MINIMUM = {
    ("serving.bastaix.dev", "modeldeployments"): READ,
    ("serving.bastaix.dev", "modeldeployments/status"): {"patch"},
    ("", "secrets"): {"get", "list", "create", "delete"},
    ("apps", "controllerrevisions"): {"list"},
}
PARTS = {"bastaix": MINIMUM, "bastaix-source": SOURCE_MINIMUM}
LEASES = {f"{part}-lease" for part in PARTS}
"""In the release's namespace (see test_replicas)."""
NAMESPACED = {"operator": {"namespaces": ["demo", "prod"]}}
VARIANTS: list[dict[str, Any]] = [{}, NAMESPACED, {"podMonitors": {"create": "always"}}]


def granted(role: Manifest) -> dict[tuple[str, str], set[str]]:
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def roles(objects: list[Manifest]) -> Iterator[Manifest]:
    yield from of_kind(objects, "Role")
    yield from of_kind(objects, "ClusterRole")


@pytest.mark.parametrize("values", VARIANTS, ids=["cluster-wide", "namespaced", "monitored"])
def test_only_the_source_controller_reaches_secrets_and_nobody_uses_a_wildcard(
    values: dict[str, Any],
) -> None:
    found = list(roles(render(values)))
    assert found
    for role in found:
        for rule in role["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert words.isdisjoint({"*", "escalate", "bind", "impersonate"})
            if role["metadata"]["name"] != "bastaix-source":
                assert "secrets" not in words


@pytest.mark.parametrize("part", PARTS)
def test_cluster_wide_each_controller_has_the_minimum_in_one_cluster_role(part: str) -> None:
    objects = render()
    assert granted(only(objects, "ClusterRole", part)) == PARTS[part]
    assert {role["metadata"]["name"] for role in of_kind(objects, "Role")} == LEASES
    binding = only(objects, "ClusterRoleBinding", part)
    assert binding["roleRef"]["name"] == part
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": part, "namespace": NAMESPACE}]


@pytest.mark.parametrize("part", PARTS)
def test_namespaced_each_controller_has_the_same_in_each_namespace_and_nothing_else(
    part: str,
) -> None:
    objects = render(NAMESPACED)
    for namespace in ("demo", "prod"):
        here = [found for found in objects if found["metadata"].get("namespace") == namespace]
        assert granted(only(here, "Role", part)) == PARTS[part]
        binding = only(here, "RoleBinding", part)
        assert binding["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": part,
        }
        assert binding["subjects"][0]["namespace"] == NAMESPACE
    assert len(of_kind(objects, "Role")) == 2 * len(PARTS) + len(LEASES)
    assert of_kind(objects, "ClusterRoleBinding") == []
    unbound = {role["metadata"]["name"] for role in of_kind(objects, "ClusterRole")}
    assert unbound == {"bastaix-view", "bastaix-edit"}


def test_rbac_can_be_left_to_somebody_else() -> None:
    objects = render({"rbac": {"create": False, "aggregateToUsers": False}})
    assert list(roles(objects)) == []
    assert of_kind(objects, "ClusterRoleBinding") == []


def test_viewers_read_and_editors_write_modeldeployments() -> None:
    objects = render()
    view = only(objects, "ClusterRole", "bastaix-view")
    edit = only(objects, "ClusterRole", "bastaix-edit")
    aggregate = "rbac.authorization.k8s.io/aggregate-to-"
    assert view["metadata"]["labels"][aggregate + "view"] == "true"
    assert edit["metadata"]["labels"][aggregate + "edit"] == "true"
    assert edit["metadata"]["labels"][aggregate + "admin"] == "true"
    assert granted(view)["serving.bastaix.dev", "modeldeployments"] == READ
    writing = granted(edit)["serving.bastaix.dev", "modeldeployments"]
    assert writing == WRITE | {"update", "deletecollection"}


def test_viewers_read_what_why_shows_and_of_kuberays_kinds_users_write_nothing() -> None:
    """Pods, their logs, Events, Jobs and ControllerRevisions are in `view` by Kubernetes itself."""
    objects = render()
    view = granted(only(objects, "ClusterRole", "bastaix-view"))
    edit = granted(only(objects, "ClusterRole", "bastaix-edit"))
    assert {key: verbs for key, verbs in view.items() if key[0] == "ray.io"} == {
        ("ray.io", "rayservices"): READ,
        ("ray.io", "rayclusters"): READ,
    }
    assert not [group for group, _ in edit if group == "ray.io"]


def test_users_never_write_the_status() -> None:
    for name in ("bastaix-view", "bastaix-edit"):
        verbs = granted(only(render(), "ClusterRole", name))
        assert verbs["serving.bastaix.dev", "modeldeployments/status"] <= READ


@pytest.mark.parametrize("part", PARTS)
def test_only_the_controllers_own_container_gets_the_accounts_token(part: str) -> None:
    objects = render()
    assert only(objects, "ServiceAccount", part)["automountServiceAccountToken"] is False
    pod = only(objects, "Deployment", part)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == part
    if pod["automountServiceAccountToken"]:
        assert len(pod["containers"]) == 1
        assert "initContainers" not in pod
    else:
        containers = (*pod["containers"], *pod["initContainers"])
        holders = [
            container["name"]
            for container in containers
            if "token" in [mount["name"] for mount in container["volumeMounts"]]
        ]
        assert holders == ["source"]
