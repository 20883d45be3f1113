"""When does a live object still hold what was meant?"""

from typing import Any

import pytest

from bastaix.reconcile.drift import contains, drifted, stamped

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
