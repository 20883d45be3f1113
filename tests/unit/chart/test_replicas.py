"""One of each runs, or several of which a Lease lets one work."""

from __future__ import annotations

from typing import Any

import pytest

from bastaix import settings
from tests.unit.chart.rendered import (
    NAMESPACE,
    Manifest,
    attempt,
    of_kind,
    only,
    render,
    with_image,
)

PARTS = {"bastaix": "operator", "bastaix-source": "source"}
BOTH: dict[str, Any] = {"operator": {"replicas": 2}, "source": {"replicas": 3}}


def spec_of(name: str, values: dict[str, Any] | None = None) -> Manifest:
    found: Manifest = only(render(values), "Deployment", name)["spec"]
    return found


@pytest.mark.parametrize("name", PARTS)
def test_a_single_one_has_gone_before_the_next_starts(name: str) -> None:
    spec = spec_of(name)
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "topologySpreadConstraints" not in spec["template"]["spec"]


def test_no_budget_over_a_single_one_blocks_the_drain_of_its_node() -> None:
    assert of_kind(render(), "PodDisruptionBudget") == []


@pytest.mark.parametrize(("name", "replicas"), [("bastaix", 2), ("bastaix-source", 3)])
def test_several_are_spread_replaced_one_by_one_and_kept_by_a_budget(
    name: str, replicas: int
) -> None:
    spec = spec_of(name, BOTH)
    assert spec["replicas"] == replicas
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
    }
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    budget = only(render(BOTH), "PodDisruptionBudget", name)["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]
    assert spread["labelSelector"] == spec["selector"]


@pytest.mark.parametrize("name", PARTS)
def test_each_replica_holds_the_lease_of_its_part_by_the_name_of_its_pod(name: str) -> None:
    (container,) = spec_of(name)["template"]["spec"]["containers"]
    variables = {one["name"]: one for one in container["env"]}
    given = {key: one["value"] for key, one in variables.items() if "value" in one}
    assert settings.read({}, given).lease == (NAMESPACE, name)
    field = variables["BASTAIX_LEASE_HOLDER"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "metadata.name"


@pytest.mark.parametrize("values", [{}, {"operator": {"namespaces": ["demo", NAMESPACE]}}])
@pytest.mark.parametrize("name", PARTS)
def test_each_may_hold_its_own_lease_in_the_releases_namespace_alone(
    name: str, values: dict[str, Any]
) -> None:
    objects = render(values)
    role = only(objects, "Role", f"{name}-lease")
    assert role["metadata"]["namespace"] == NAMESPACE
    create, own = role["rules"]
    assert (create["verbs"], own["verbs"]) == (["create"], ["get", "update"])
    assert own["resourceNames"] == [name]
    binding = only(objects, "RoleBinding", f"{name}-lease")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}]
    others = of_kind(objects, "Role") + of_kind(objects, "ClusterRole")
    with_leases = [one for one in others if "coordination.k8s.io" in str(one["rules"])]
    assert {one["metadata"]["name"] for one in with_leases} == {f"{part}-lease" for part in PARTS}


@pytest.mark.parametrize("part", PARTS.values())
@pytest.mark.parametrize("replicas", [0, 6, "2"])
def test_no_replica_and_too_many_are_refused(part: str, replicas: Any) -> None:
    assert attempt(with_image({part: {"replicas": replicas}})).returncode != 0
