"""A condition's time moves when its status does, and only then."""

from datetime import UTC, datetime, timedelta, timezone

from bastaix.api.conditions import drop_condition, find_condition, set_condition, timestamp

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
T1 = T0 + timedelta(minutes=1)


def test_keeps_the_time_while_the_status_stays() -> None:
    first = set_condition([], "Ready", "False", "StartingRay", "a", 1, T0)
    second = set_condition(first, "Ready", "False", "LoadingModel", "b", 2, T1)
    assert second == [
        {
            "type": "Ready",
            "status": "False",
            "reason": "LoadingModel",
            "message": "b",
            "observedGeneration": 2,
            "lastTransitionTime": "2026-01-01T12:00:00Z",
        }
    ]


def test_moves_the_time_with_the_status() -> None:
    first = set_condition([], "Ready", "False", "StartingRay", "", 1, T0)
    second = set_condition(first, "Ready", "True", "Ready", "", 1, T1)
    assert second[0]["lastTransitionTime"] == "2026-01-01T12:01:00Z"


def test_leaves_other_conditions_and_the_order_alone() -> None:
    first = set_condition([], "Ready", "False", "a", "", 1, T0)
    first = set_condition(first, "Serving", "False", "b", "", 1, T0)
    second = set_condition(first, "Ready", "True", "c", "", 1, T1)
    assert [each["type"] for each in second] == ["Ready", "Serving"]
    assert second[1] == first[1]


def test_changes_no_list_that_it_was_given() -> None:
    first = set_condition([], "Ready", "False", "a", "", 1, T0)
    set_condition(first, "Ready", "True", "c", "", 1, T1)
    assert first[0]["status"] == "False"


def test_drops_by_type() -> None:
    first = set_condition([], "Stalled", "True", "a", "", 1, T0)
    assert drop_condition(first, "Stalled") == []
    assert find_condition(first, "Ready") is None


def test_writes_time_in_utc_whatever_the_zone() -> None:
    local = T0.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert timestamp(local) == "2026-01-01T12:00:00Z"
