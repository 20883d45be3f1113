"""What a user sees of the kind through kubectl: mistakes that are named, and a table."""

import copy
from typing import Any

import pytest

from tests.api.conftest import Kubectl
from tests.api.crd_cases import MINIMAL, with_field

MISTAKES = [
    ("spec.source.git.commit", "main", "must be a full commit hash"),
    ("spec.source.git.commit", "3f9c2a1", "`git rev-parse NAME` prints the full hash"),
    ("spec.replicas", 2, 'unknown field "spec.replicas"'),
    ("metadata.name", "a" * 39, "metadata.name must have at most 38 characters"),
    ("spec.scaling", {"minReplicas": 3, "maxReplicas": 2}, "minReplicas must not be above"),
    ("spec.resources", {"memory": "-8Gi"}, "must be a quantity above zero, such as"),
]


@pytest.mark.parametrize(("field", "value", "says"), MISTAKES)
def test_apply_refuses_a_mistake_and_says_what_is_right(
    kubectl: Kubectl, field: str, value: Any, says: str
) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, field, value)
    refused = kubectl("apply", "--filename", "-", manifest=body, check=False)
    assert refused.returncode != 0
    assert says in refused.stderr


def test_get_shows_readiness_reason_commit_url_and_age(kubectl: Kubectl) -> None:
    body = copy.deepcopy(MINIMAL)
    with_field(body, "metadata.name", "table")
    kubectl("apply", "--filename", "-", manifest=body)
    try:
        body["status"] = {
            "url": "http://table.default.svc/v1",
            "active": {"revision": "1a2b3c4d", "commit": "3f9c2a1d" * 5},
            "conditions": [
                {
                    "type": "Ready",
                    "status": "False",
                    "reason": "LoadingModel",
                    "message": "Ray Serve builds the app",
                    "lastTransitionTime": "2026-01-01T00:00:00Z",
                }
            ],
        }
        kubectl("replace", "--subresource=status", "--filename", "-", manifest=body)
        table = kubectl("get", "md", "table").stdout.splitlines()
    finally:
        kubectl("delete", "md", "table", "--wait=false")
    assert table[0].split() == ["NAME", "READY", "REASON", "COMMIT", "URL", "AGE"]
    assert table[1].split()[:5] == [
        "table",
        "False",
        "LoadingModel",
        "3f9c2a1d" * 5,
        "http://table.default.svc/v1",
    ]
