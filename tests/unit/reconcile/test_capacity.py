"""A candidate needs room, and as many replicas as what it is to replace."""

from typing import Any

import pytest

from bastaix.reconcile.kinds import POD, RAYCLUSTER, RAYSERVICE
from tests.unit.reconcile.fakes import status_of
from tests.unit.reconcile.rollouts import (
    COMMIT,
    B,
    ask_for,
    generation,
    outcome,
    promoted,
    serves,
    there,
    unplaced,
    with_candidate,
)
from tests.unit.reconcile.stage import NAME, Stage, answering


def test_blue_green_says_what_there_is_no_room_for_and_leaves_the_active_one_alone() -> None:
    stage, a, b = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    unplaced(stage, b)
    stage.clock.forward(600)
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "InsufficientCapacity"
    assert "Insufficient memory" in stage.ready["message"]
    assert serves(stage)


def test_auto_recreates_when_there_is_no_room_for_both() -> None:
    stage, a, b = with_candidate(spec__rollout={"strategy": "Auto", "capacityGraceSeconds": 60})
    unplaced(stage, b)
    assert stage.run() == 60
    assert there(stage) == {a, b}
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {b}
    assert ("InsufficientCapacity", False) in stage.notes.events
    stage.take_down()
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"


def test_a_return_that_found_no_room_is_known_to_need_it_when_it_is_asked_for_again() -> None:
    stage, a, b = promoted(spec__rollout={"strategy": "Auto", "capacityGraceSeconds": 60})
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    assert there(stage) == {a, b}
    unplaced(stage, a)
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {a}
    ask_for(stage, f"rollback:{b.rpartition('-')[2]}@{generation(stage)}")
    stage.run()
    stage.take_down()
    stage.run()
    assert there(stage) == {b}
    assert outcome(stage, a).promoted
    assert outcome(stage, a).recreate


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("spec.model.source", "pvc://not-there/m", "its head Pods mount other volumes"),
        ("spec.runtime.runtimeClassName", "gvisor", "the runtimeClassName of its head Pods"),
        ("spec.resources.memory", "500Gi", "its worker Pods ask for more memory"),
        ("spec.runtime.head.resources", {"cpu": "9"}, "its head Pods ask for more cpu"),
        ("spec.resources.gpu", {"count": 1}, "its worker Pods ask for more nvidia.com/gpu"),
        ("spec.runtime.nodeSelector", {"a": "b"}, "the nodeSelector of its head Pods is another"),
    ],
)
def test_auto_takes_nothing_away_for_what_may_not_fit_in_its_place(
    field: str, value: Any, says: str
) -> None:
    stage = answering(spec__rollout={"strategy": "Auto", "capacityGraceSeconds": 60})
    (a,) = there(stage)
    stage.set(field, value)
    stage.set(COMMIT, B)
    stage.run()
    (b,) = there(stage) - {a}
    unplaced(stage, b)
    stage.run()
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {a}
    assert serves(stage)
    assert stage.ready["reason"] == "InsufficientCapacity"
    assert says in stage.ready["message"]
    assert not outcome(stage, b).recreate


def grown(replicas: int) -> tuple[Stage, str, str]:
    """A has been scaled by its traffic; B is there, and its first worker is ready."""
    stage, a, b = with_candidate(
        spec__scaling={"minReplicas": 1, "maxReplicas": 4}, spec__rollout={"strategy": "Auto"}
    )
    add_workers(stage, a, replicas - 1)
    stage.run()
    stage.bring_up(b)
    stage.run()
    return stage, a, b


def least(stage: Stage, name: str) -> int:
    spec = stage.cluster.body(RAYSERVICE, ("demo", name))["spec"]["rayClusterConfig"]
    return int(spec["workerGroupSpecs"][0]["minReplicas"])


def add_workers(stage: Stage, name: str, count: int) -> None:
    for number in range(count):
        condition = {"type": "Ready", "status": "True"}
        status = {"phase": "Running", "conditions": [condition]}
        stage.make_pod("worker", status, name, suffix=f"-{number}")


def test_a_candidate_has_as_many_replicas_as_the_active_revision_before_it_gets_the_traffic() -> (
    None
):
    stage, a, b = grown(3)
    assert (least(stage, a), least(stage, b)) == (1, 3)
    assert stage.selected == a
    assert stage.ready["reason"] == "Scheduling"
    assert "1 of 3 replicas are ready" in stage.ready["message"]
    add_workers(stage, b, 2)
    stage.run()
    assert stage.selected == b


@pytest.mark.parametrize("strategy", ["Auto", "BlueGreen"])
def test_where_there_is_no_room_for_all_it_goes_on_with_its_least_replicas(strategy: str) -> None:
    stage, a, b = grown(3)
    stage.set("spec.rollout", {"strategy": strategy, "capacityGraceSeconds": 60})
    unplaced(stage, b, suffix="-x")
    stage.run()
    assert stage.selected == a
    stage.clock.forward(60)
    stage.run()
    assert stage.selected == b
    assert there(stage) == {a, b}
    assert serves(stage)


def test_its_bounds_are_those_of_the_spec_again_when_the_one_before_is_gone() -> None:
    stage, _, b = grown(3)
    add_workers(stage, b, 2)
    stage.run()
    assert least(stage, b) == 3
    stage.clock.forward(60)
    stage.run()
    stage.run()
    assert there(stage) == {b}
    assert least(stage, b) == 1
    (cluster,) = [each for each in stage.listed(RAYCLUSTER) if each["metadata"]["name"] == b]
    assert cluster["spec"]["workerGroupSpecs"][0]["minReplicas"] == 1
    assert status_of(stage.cluster, NAME)["replicas"]["ready"] == 3


def test_no_more_replicas_are_asked_for_than_the_spec_allows() -> None:
    stage, _, b = grown(9)
    assert least(stage, b) == 4


def test_a_revision_that_is_returned_to_waits_for_no_more_than_its_first_replica() -> None:
    stage, a, b = grown(3)
    add_workers(stage, b, 2)
    stage.run()
    stage.clock.forward(3600)
    stage.run()
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    stage.bring_up(a)
    stage.run()
    assert stage.selected == a


@pytest.mark.parametrize(
    "message",
    [
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
        '0/1 nodes are available: persistentvolumeclaim "data" not found. not found',
    ],
)
def test_a_volume_that_is_waited_for_is_no_want_of_room(message: str) -> None:
    stage, a, b = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    unplaced(stage, b)
    (pod,) = (pod for pod in stage.listed(POD) if pod["metadata"]["name"] == f"{b}-worker")
    pod["status"]["conditions"][0]["message"] = message
    stage.cluster.put(POD, pod)
    stage.clock.forward(601)
    stage.run()
    assert outcome(stage, b).reason == "DeadlineExceeded"
    assert stage.selected == a
