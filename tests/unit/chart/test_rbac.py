"""What the operator and the users may do: exactly this, and Secrets never."""

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
    ("", "pods"): READ,
    ("events.k8s.io", "events"): {"create"},
}
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
def test_no_role_reaches_a_secret_or_uses_a_wildcard(values: dict[str, Any]) -> None:
    found = list(roles(render(values)))
    assert found
    for role in found:
        for rule in role["rules"]:
            words = {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            assert words.isdisjoint({"*", "secrets", "escalate", "bind", "impersonate"})


def test_cluster_wide_the_operator_has_the_minimum_in_one_cluster_role() -> None:
    objects = render()
    assert granted(only(objects, "ClusterRole", "bastaix")) == MINIMUM
    assert of_kind(objects, "Role") == []
    binding = only(objects, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "bastaix"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "bastaix", "namespace": NAMESPACE}
    ]


def test_namespaced_the_operator_has_the_same_in_each_namespace_and_nothing_else() -> None:
    objects = render(NAMESPACED)
    for namespace in ("demo", "prod"):
        here = [found for found in objects if found["metadata"].get("namespace") == namespace]
        assert granted(only(here, "Role")) == MINIMUM
        binding = only(here, "RoleBinding")
        assert binding["roleRef"]["kind"] == "Role"
        assert binding["roleRef"]["name"] == only(here, "Role")["metadata"]["name"]
        assert binding["subjects"][0]["namespace"] == NAMESPACE
    assert len(of_kind(objects, "Role")) == 2
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


def test_users_never_write_the_status() -> None:
    for name in ("bastaix-view", "bastaix-edit"):
        verbs = granted(only(render(), "ClusterRole", name))
        assert verbs["serving.bastaix.dev", "modeldeployments/status"] <= READ


def test_only_the_operators_pod_gets_the_accounts_token() -> None:
    objects = render()
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    pod = only(objects, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
