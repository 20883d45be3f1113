"""Volumes that a node cannot mount: what Events say of a Pod, and of which Pods they are asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.observe.diagnose import diagnose
from bastaix.observe.mounting import LATE_SECONDS, complaint, waited
from tests.unit.observe.scenes import HASH, container, pod, rayservice, scene

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLACED = {
    "type": "PodScheduled",
    "status": "True",
    "lastTransitionTime": (AT - timedelta(seconds=7)).isoformat(),
}
ABSENT = 'MountVolume.SetUp failed for volume "data" : secret "data" not found'
DRIVER = "driver name ebs.csi.aws.com not found in the list of registered CSI drivers"
SLOW = 'MountVolume.SetUp failed for volume "data" : timed out waiting for the condition'


def event(reason: str, message: str, second: int = 0) -> dict[str, Any]:
    at = AT + timedelta(seconds=second)
    return {"reason": reason, "message": message, "lastTimestamp": at.isoformat()}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (pod("head", conditions=[PLACED]), 7),
        (
            pod(
                "head",
                conditions=[PLACED],
                containerStatuses=[container(waiting={"reason": "ContainerCreating"})],
            ),
            7,
        ),
        (pod("head", conditions=[{**PLACED, "status": "False"}]), None),
        (pod("head", conditions=[PLACED], containerStatuses=[container(running={})]), None),
        (
            pod(
                "head",
                conditions=[PLACED],
                containerStatuses=[container(waiting={"reason": "ErrImagePull"})],
            ),
            None,
        ),
        (pod("head", conditions=[PLACED], phase="Running"), None),
        (pod("head"), None),
    ],
    ids=["nothing said", "creating", "on no node", "runs", "no image", "running", "just made"],
)
def test_a_pod_waits_on_its_node_until_something_has_started_in_it(
    seen: dict[str, Any], expected: float | None
) -> None:
    assert waited(seen, AT) == expected


def test_what_is_absent_is_told_at_once_and_what_may_be_slow_only_when_it_is_late() -> None:
    assert complaint([event("FailedMount", ABSENT)], 2) == ABSENT
    assert complaint([event("FailedMount", SLOW)], LATE_SECONDS - 1) is None
    assert complaint([event("FailedMount", DRIVER)], LATE_SECONDS - 1) is None
    assert complaint([event("FailedMount", SLOW)], LATE_SECONDS) == SLOW


def test_what_came_after_it_means_that_it_was_mounted() -> None:
    events = [event("Pulling", "pulling image ray:1", 9), event("FailedMount", ABSENT, 3)]
    assert complaint(events, 60) is None
    assert complaint([], 60) is None


def test_a_volume_that_events_say_is_missing_is_what_a_pod_waits_for() -> None:
    waiting = pod("head", conditions=[PLACED])
    waiting["metadata"]["uid"] = "uid-of-head"
    seen = scene(rayservice=rayservice(), pods=(waiting,), unmounted={"uid-of-head": ABSENT})
    found = diagnose(seen, HASH)
    assert found.reason == reasons.VOLUME_MISSING
    assert found.message == f"head Pod p-head: {ABSENT}"
    assert found.object == "Pod/p-head"
