"""What is made of a watch's events."""

import pytest

from benchmarks.watched import Event, first, last, seconds_without_endpoint


def endpoint_slice(at: float, *ready: bool | None, name: str = "a", deleted: bool = False) -> Event:
    endpoints = [{"conditions": {} if one is None else {"ready": one}} for one in ready]
    return Event(at, deleted, {"metadata": {"name": name}, "endpoints": endpoints or None})


def test_first_and_last_are_of_what_matches() -> None:
    events = [endpoint_slice(1.0), endpoint_slice(2.0, name="b"), endpoint_slice(3.0, name="b")]
    assert first(events, lambda event: event.name == "b") == 2.0
    assert last(events, lambda event: event.name == "b") == 3.0
    assert first(events, lambda event: event.deleted) is None
    assert last(events, lambda event: event.deleted) is None


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ([endpoint_slice(0, True)], 0),
        ([endpoint_slice(0, None)], 0),
        ([endpoint_slice(0, True), endpoint_slice(13, True, True), endpoint_slice(14, True)], 0),
        ([], 10),
        ([endpoint_slice(0)], 10),
        ([endpoint_slice(12, True)], 2),
        ([endpoint_slice(0, True), endpoint_slice(15, False), endpoint_slice(16, True)], 1),
        ([endpoint_slice(0, True), endpoint_slice(15), endpoint_slice(25, True)], 5),
        ([endpoint_slice(0, True), endpoint_slice(17, True, deleted=True)], 3),
        # before the beginning, and after the end
        ([endpoint_slice(0), endpoint_slice(5, True), endpoint_slice(22)], 0),
        # another slice has one
        ([endpoint_slice(0, True), endpoint_slice(1, True, name="b"), endpoint_slice(15)], 0),
    ],
)
def test_seconds_without_endpoint_are_those_in_which_no_slice_has_a_ready_one(
    events: list[Event], seconds: float
) -> None:
    assert seconds_without_endpoint(events, 10, 20) == pytest.approx(seconds)
