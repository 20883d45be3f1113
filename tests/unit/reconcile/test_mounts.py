"""When the Events of a Pod are read: while its volumes are not mounted, now and then."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bastaix.observe.mounting import FIRST_SECONDS, LONGEST_SECONDS, MOST_PODS, every
from bastaix.observe.observed import Observed
from bastaix.reconcile.cluster import NoAnswer, Refused
from bastaix.reconcile.index import Body
from bastaix.reconcile.mounts import Mounts
from tests.unit.bodies import body
from tests.unit.observe.scenes import container, pod
from tests.unit.reconcile.fakes import Clock, FakeCluster
from tests.unit.reconcile.stage import Stage

NAME = ("demo", "smollm2")
ABSENT = {"reason": "FailedMount", "message": 'secret "data" not found', "lastTimestamp": "1"}


@dataclass
class Counting(FakeCluster):
    asked: int = 0
    denied: bool = False
    is_cut_off: bool = False
    hangs: bool = False

    async def events(self, body: Any) -> list[Body]:
        self.asked += 1
        if self.denied:
            raise Refused(403, "Forbidden", "events is forbidden")
        if self.is_cut_off:
            raise NoAnswer("Connection reset by peer")
        if self.hangs:
            await asyncio.Event().wait()
        return [dict(ABSENT)]


@dataclass
class Room:
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.cluster = Counting(self.clock)
        self.mounts = Mounts(self.cluster, self.clock)
        placed = {
            "type": "PodScheduled",
            "status": "True",
            "lastTransitionTime": self.clock.now.isoformat(),
        }
        self.pod = pod("head", conditions=[placed])
        self.pod["metadata"]["uid"] = "one"

    def look(self, after: float = 0, **status: Any) -> dict[str, str]:
        self.clock.now += timedelta(seconds=after)
        seen = {**self.pod, "status": {**self.pod["status"], **status}}
        told = asyncio.run(self.mounts.told(NAME, Observed(md_body=body(), pods=(seen,))))
        return dict(told.unmounted)


def test_events_are_read_once_a_pod_has_waited_and_the_more_seldom_the_longer() -> None:
    room = Room()
    assert room.look() == {}
    assert room.cluster.asked == 0
    assert room.look(FIRST_SECONDS) == {"one": ABSENT["message"]}
    room.look(FIRST_SECONDS / 2)
    assert room.cluster.asked == 1
    room.look(FIRST_SECONDS)
    assert room.cluster.asked == 2
    assert every(100) == 25
    assert every(6000) == LONGEST_SECONDS


def test_a_pod_in_which_something_started_is_not_asked_about() -> None:
    room = Room()
    room.look(FIRST_SECONDS)
    started = [container(running={})]
    assert room.look(60, containerStatuses=started) == {}
    assert room.cluster.asked == 1


def test_what_was_read_stays_known_when_it_cannot_be_read_again() -> None:
    room = Room()
    room.look(FIRST_SECONDS)
    room.cluster.denied = True
    assert room.look(60) == {"one": ABSENT["message"]}
    assert room.cluster.asked == 2


def test_a_connection_that_is_cut_off_while_events_are_read_ends_no_look() -> None:
    room = Room()
    room.look(FIRST_SECONDS)
    room.cluster.is_cut_off = True
    assert room.look(60) == {"one": ABSENT["message"]}


async def test_a_look_that_is_cancelled_while_events_are_read_forgets_nothing() -> None:
    room = Room()
    room.clock.forward(FIRST_SECONDS)
    observed = Observed(md_body=body(), pods=(room.pod,))
    await room.mounts.told(NAME, observed)
    room.clock.forward(60)
    room.cluster.hangs = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await room.mounts.told(NAME, observed)
    room.clock.forward(-60)
    assert (await room.mounts.told(NAME, observed)).unmounted == {"one": ABSENT["message"]}


def test_of_many_pods_that_wait_a_few_are_asked_about_and_none_that_is_to_go() -> None:
    room = Room()
    room.clock.now += timedelta(seconds=FIRST_SECONDS)
    pods = []
    for n in range(MOST_PODS + 2):
        one = {**room.pod, "metadata": {**room.pod["metadata"], "uid": str(n)}}
        pods.append(one)
    pods[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    observed = Observed(md_body=body(), pods=tuple(pods))
    told = asyncio.run(room.mounts.told(NAME, observed)).unmounted
    assert set(told) == {str(n) for n in range(1, MOST_PODS + 1)}


def test_events_that_may_not_be_read_are_none() -> None:
    room = Room()
    room.cluster.denied = True
    assert room.look(FIRST_SECONDS) == {}


def test_a_pod_that_has_just_got_its_node_is_looked_at_again_in_time() -> None:
    stage = Stage()
    stage.run()
    since = stage.clock.now.isoformat()
    placed = {"type": "PodScheduled", "status": "True", "lastTransitionTime": since}
    stage.make_pod("head", {"phase": "Pending", "conditions": [placed]})
    assert stage.run() == FIRST_SECONDS
    name = f"{stage.rayservice['metadata']['name']}-head"
    stage.cluster.told[name] = [dict(ABSENT)]
    stage.clock.forward(FIRST_SECONDS)
    stage.run()
    assert stage.ready["reason"] == "VolumeMissing"


def claiming(room: Room, phase: str) -> dict[str, Any]:
    """A Pod without a node, made just now, and its claim in this phase."""
    metadata = {"namespace": "demo", "name": "models", "uid": "uid-of-models"}
    room.cluster.claims["models"] = {"metadata": metadata, "status": {"phase": phase}}
    made = {**room.pod["metadata"], "creationTimestamp": room.clock.now.isoformat()}
    spec = {**room.pod["spec"], "volumes": [{"persistentVolumeClaim": {"claimName": "models"}}]}
    return {**room.pod, "metadata": made, "spec": spec, "status": {"phase": "Pending"}}


def test_a_claim_is_read_for_a_pod_that_waits_for_it_and_no_more_when_it_is_bound() -> None:
    room = Room()
    waiting = claiming(room, "Pending")
    seen = Observed(md_body=body(), pods=(waiting,))
    assert asyncio.run(room.mounts.told(NAME, seen)).unbound == {}
    room.clock.forward(FIRST_SECONDS)
    told = asyncio.run(room.mounts.told(NAME, seen)).unbound
    assert told == {"one": "claim models is not bound yet"}
    claiming(room, "Bound")
    room.clock.forward(FIRST_SECONDS)
    assert asyncio.run(room.mounts.told(NAME, seen)).unbound == {}


def test_a_claim_that_may_not_be_read_is_not_missed() -> None:
    room = Room()
    waiting = claiming(room, "Pending")
    room.cluster.denied = True
    room.clock.forward(FIRST_SECONDS)
    seen = Observed(md_body=body(), pods=(waiting,))
    assert asyncio.run(room.mounts.told(NAME, seen)).unbound == {}
