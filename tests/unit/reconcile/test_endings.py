"""The ends of Pods are remembered although the Pods are gone, each once, and not for ever."""

from datetime import timedelta
from typing import Any

from bastaix.observe.ends import SOON
from bastaix.observe.observed import Observed
from bastaix.reconcile.endings import MOST, MOST_NOTED, Endings
from bastaix.reconcile.kinds import JOB, POD, RAYCLUSTER
from tests.unit.bodies import body
from tests.unit.observe.scenes import running
from tests.unit.observe.test_ends import crashed
from tests.unit.reconcile.fakes import Clock
from tests.unit.reconcile.stage import Stage

NAME = ("demo", "smollm2")


class Room:
    def __init__(self) -> None:
        self.clock = Clock()
        self.endings = Endings(self.clock)

    def look(self, *pods: dict[str, Any]) -> list[str]:
        cluster = {"metadata": {"name": "smollm2-x", "uid": "uid-of-cluster"}}
        seen = Observed(md_body=body(), pods=pods, rayclusters=(cluster,))
        return [end.uid for end in self.endings.told(NAME, seen).ends]


def test_an_end_is_told_once_and_stays_when_the_pod_is_gone() -> None:
    room = Room()
    one, two = crashed(name="one"), crashed(name="two")
    assert room.look(one) == ["uid-of-one"]
    assert room.look(one, two) == ["uid-of-one", "uid-of-two"]
    assert room.look() == ["uid-of-one", "uid-of-two"]


def test_ends_are_forgotten_after_a_while_and_with_the_modeldeployment() -> None:
    room = Room()
    room.look(crashed(name="one"))
    room.clock.now += SOON + timedelta(seconds=1)
    assert room.look() == []
    room.look(crashed(name="two"))
    room.endings.forget(NAME)
    assert room.look() == []


def test_the_oldest_of_very_many_goes() -> None:
    room = Room()
    for number in range(MOST + 1):
        room.look(crashed(name=str(number)))
    found = room.look()
    assert len(found) == MOST
    assert "uid-of-0" not in found


def controlled(pod: dict[str, Any], uid: str = "uid-of-cluster") -> dict[str, Any]:
    owner = {"kind": "RayCluster", "name": "smollm2-x", "uid": uid, "controller": True}
    return {**pod, "metadata": {**pod["metadata"], "ownerReferences": [owner]}}


def test_an_end_that_nobody_looked_at_in_time_is_told() -> None:
    """The Pod was gone before the look that its end brought about."""
    room = Room()
    room.endings.note(POD, controlled(crashed(name="one")))
    assert room.look() == ["uid-of-one"]
    assert room.look() == ["uid-of-one"]


def test_a_pod_that_only_bears_the_label_tells_of_nothing() -> None:
    room = Room()
    room.endings.note(POD, crashed(name="one"))
    room.endings.note(POD, controlled(crashed(name="two"), "uid-of-another"))
    assert room.look() == []


def test_what_has_not_ended_is_not_noted_nor_anything_else_than_a_pod() -> None:
    room = Room()
    room.endings.note(POD, controlled(running("worker") | {"metadata": crashed()["metadata"]}))
    room.endings.note(JOB, controlled(crashed(name="two")))
    assert room.look() == []


def test_what_was_noted_of_a_modeldeployment_goes_with_it() -> None:
    room = Room()
    room.endings.note(POD, controlled(crashed(name="one")))
    room.endings.forget(NAME)
    assert room.look() == []


def test_one_namespace_does_not_push_out_what_was_noted_in_another() -> None:
    room = Room()
    room.endings.note(POD, controlled(crashed(name="one")))
    for number in range(MOST_NOTED + 10):
        other = controlled(crashed(name=f"other-{number}"))
        other["metadata"] = {**other["metadata"], "namespace": "loud"}
        room.endings.note(POD, other)
    assert room.look() == ["uid-of-one"]


def test_what_a_worker_died_of_is_told_though_it_was_gone_before_the_look() -> None:
    stage = Stage()
    stage.run()
    stage.bring_up()
    (cluster,) = stage.listed(RAYCLUSTER)
    (worker,) = (pod for pod in stage.listed(POD) if pod["metadata"]["name"].endswith("-worker"))
    killed = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": stage.clock.now.isoformat()}
    state = {"name": "ray-worker", "state": {"terminated": killed}}
    ended = {**worker, "status": {"phase": "Failed", "containerStatuses": [state]}}
    stage.reconciler._endings.note(POD, controlled(ended, cluster["metadata"]["uid"]))
    stage.cluster.vanish(POD, ("demo", worker["metadata"]["name"]))
    stage.run()
    assert stage.ready["reason"] == "OutOfMemory"
