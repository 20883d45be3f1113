"""The admission policies as rendered; what they refuse is tested on a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.chart.rendered import NAMESPACE, Manifest, of_kind, render

POLICY, BINDING = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"
NAMES = {"bastaix", "bastaix-scaling", "bastaix-source", "bastaix-source-artifacts"}
OPERATOR = f"system:serviceaccount:{NAMESPACE}:bastaix"
SOURCE = f"{OPERATOR}-source"
COLLECTORS = (
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",
)


def policies(values: dict[str, Any] | None = None) -> dict[str, Manifest]:
    """By name, without the namespace in it."""
    found = of_kind(render(values), POLICY)
    return {policy["metadata"]["name"].rpartition(".")[0]: policy["spec"] for policy in found}


def test_each_policy_is_there_by_default_and_bound_to_refuse() -> None:
    objects = render()
    assert set(policies()) == NAMES
    bound = {binding["spec"]["policyName"]: binding for binding in of_kind(objects, BINDING)}
    assert set(bound) == {f"{name}.{NAMESPACE}" for name in NAMES}
    assert all(each["spec"]["validationActions"] == ["Deny"] for each in bound.values())
    assert all(policy["failurePolicy"] == "Fail" for policy in policies().values())


def test_they_can_be_left_out() -> None:
    objects = render({"admissionPolicies": {"create": False}})
    assert of_kind(objects, POLICY) == of_kind(objects, BINDING) == []


@pytest.mark.parametrize(
    ("policy", "values", "account"),
    [
        ("bastaix", {}, OPERATOR),
        ("bastaix-scaling", {}, OPERATOR),
        ("bastaix-source", {}, SOURCE),
        (
            "bastaix",
            {"serviceAccount": {"name": "mine"}},
            f"system:serviceaccount:{NAMESPACE}:mine",
        ),
    ],
)
def test_a_controller_is_bound_by_the_name_of_its_account(
    policy: str, values: dict[str, Any], account: str
) -> None:
    (condition,) = policies(values)[policy]["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username == '{account}'"


def test_who_else_may_write_artifacts_is_a_value() -> None:
    velero = "system:serviceaccount:velero:velero"
    others = policies({"admissionPolicies": {"artifactWriters": [velero]}})[
        "bastaix-source-artifacts"
    ]["matchConditions"][0]["expression"]
    named = ", ".join(f"'{name}'" for name in (SOURCE, *COLLECTORS, velero))
    assert others == f"!(request.userInfo.username in [{named}])"


def test_a_release_for_some_namespaces_guards_artifacts_in_these_alone() -> None:
    """Another release writes them in its own."""
    spec = policies({"operator": {"namespaces": ["team-a", "team-b"]}})["bastaix-source-artifacts"]
    (expression,) = spec["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert expression == {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["team-a", "team-b"],
    }
    for unbounded in policies().values():
        assert "namespaceSelector" not in unbounded["matchConstraints"]


def test_the_namespace_of_the_release_is_closed_as_the_source_controllers_account_is_there() -> (
    None
):
    (rule,) = [
        rule for rule in policies()["bastaix"]["validations"] if "namespace" in rule["message"]
    ]
    assert f"'{NAMESPACE}'" in rule["expression"]


def test_no_namespace_is_closed_when_the_value_says_so() -> None:
    open_all = {"closedNamespaces": [], "serveInReleaseNamespace": True}
    spec = policies({"admissionPolicies": open_all})["bastaix"]
    assert not [rule for rule in spec["validations"] if "namespace" in rule["message"]]


def test_every_kind_that_the_operator_writes_is_in_its_policy() -> None:
    """Besides status and Events, which say something and do nothing; RayClusters have a policy
    of their own."""
    role = next(
        role for role in of_kind(render(), "ClusterRole") if role["metadata"]["name"] == "bastaix"
    )
    writing = {"create", "update", "patch", "delete"}
    written = {
        (group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if writing & set(rule["verbs"])
    }
    guarded = {
        (group, resource)
        for name in ("bastaix", "bastaix-scaling")
        for rule in policies()[name]["matchConstraints"]["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    words = {("serving.bastaix.dev", "modeldeployments/status"), ("events.k8s.io", "events")}
    assert written - guarded == words
