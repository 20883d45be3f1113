"""When does a live object still hold what was meant?"""

from typing import Any

import pytest

from bastaix.reconcile.drift import contains, drifted, leads, service_drifted, stamped, turned
from bastaix.render.service import Turn, service, service_spec
from tests.unit.bodies import with_field
from tests.unit.observe.scenes import HASH, MD

INTENT = {"kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}


@pytest.mark.parametrize(
    ("live", "intent", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        ({"a": [{"x": 1, "defaulted": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": [2, 1]}, {"a": [1, 2]}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": True}, {"a": 1}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {"a": {}}, False),
        ({"a": {}}, {"a": {}}, True),
    ],
)
def test_containing(live: Any, intent: Any, expected: bool) -> None:
    assert contains(live, intent) is expected


def test_what_is_missing_or_changed_has_drifted_and_what_was_added_has_not() -> None:
    intent = stamped(INTENT)
    assert drifted(None, intent)
    assert not drifted(intent, intent)
    assert not drifted({**intent, "status": {}}, intent)
    assert drifted({**intent, "spec": {"ports": [{"port": 81}]}}, intent)


def test_a_field_that_is_wanted_no_more_is_seen_by_the_stamp() -> None:
    before = stamped({**INTENT, "spec": {**INTENT["spec"], "old": 1}})  # type: ignore[dict-item]
    assert contains(before["spec"], INTENT["spec"])
    assert drifted(before, stamped(INTENT))


def test_the_stamp_does_not_depend_on_the_order_of_fields() -> None:
    other = dict(reversed(INTENT.items()))
    assert stamped(INTENT)["metadata"] == stamped(other)["metadata"]


SERVICE = stamped(service(MD, Turn(HASH), {}))
SPEC = service_spec(MD.name, HASH)


def as_served(spec: dict[str, Any]) -> dict[str, Any]:
    """As the API server gives it back: without what is empty, with its own defaults."""
    kept = {key: value for key, value in spec.items() if value not in ([], False, "")}
    return {**SERVICE, "spec": {**kept, "clusterIP": "10.96.0.7", "sessionAffinity": "None"}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "ExternalName"),
        ("type", "LoadBalancer"),
        ("type", "NodePort"),
        ("externalName", "left.example"),
        ("externalIPs", ["192.0.2.7"]),
        ("publishNotReadyAddresses", True),
        ("selector", {"app": "theirs"}),
        ("selector", {**SPEC["selector"], "more": "x"}),
        ("selector", None),
        ("ports", [{"port": 80, "protocol": "TCP", "targetPort": 9090}]),
        ("ports", []),
    ],
)
def test_whatever_makes_the_service_lead_elsewhere_is_drift(field: str, value: Any) -> None:
    live = with_field(as_served(SPEC), f"spec.{field}", value)
    assert service_drifted(live, SERVICE)
    assert turned(live, SERVICE)
    assert not leads(live, SPEC)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sessionAffinity", "ClientIP"),
        ("internalTrafficPolicy", "Local"),
        ("ports", [{"name": "theirs", "port": 81}, *SPEC["ports"]]),
    ],
)
def test_what_leads_to_the_same_pods_is_left_to_others(field: str, value: Any) -> None:
    live = with_field(as_served(SPEC), f"spec.{field}", value)
    assert not service_drifted(live, SERVICE)
    assert leads(live, SPEC)


def test_a_service_without_a_port_of_its_own_or_none_at_all_leads_nowhere() -> None:
    assert not leads(with_field(as_served(SPEC), "spec.clusterIP", "None"), SPEC)
    assert not leads(None, SPEC)
    assert not leads(as_served(SPEC), service_spec(MD.name, "ffffffff"))
