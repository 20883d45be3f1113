"""RayServices that the API server does not take, or that are on their way out."""

import asyncio
from dataclasses import replace

import pytest

from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import RAYSERVICE, SERVICE
from bastaix.reconcile.refusals import DENIED_SECONDS
from tests.unit.bodies import with_field
from tests.unit.reconcile.fakes import FakeProbe
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
from tests.unit.reconcile.stage import NAME, answering

RECREATE = {"strategy": "Recreate"}


@pytest.mark.parametrize(("status", "reason"), [(422, "RayServiceRefused"), (403, "ApiRefused")])
def test_a_recreate_whose_rayservice_is_refused_in_the_end_brings_the_old_one_back(
    status: int, reason: str
) -> None:
    stage, a, b = with_candidate(spec__rollout=RECREATE)
    assert there(stage) == set(), "it was acceptable when it was rehearsed"
    b = f"{NAME[1]}-{stage.status['candidate']['revision']}"
    stage.take_down()
    stage.cluster.refusal = Refused(status, "", "no more RayServices today")
    stage.run()
    assert there(stage) == {a}
    assert outcome(stage, b).outcome == "Failed"
    assert stage.ready["reason"] == reason
    assert f"revision {a.rpartition('-')[2]} stays active" in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"


def test_trouble_of_the_api_server_ends_no_recreate() -> None:
    stage, _, _ = with_candidate(spec__rollout=RECREATE)
    stage.take_down()
    stage.cluster.refusal = Refused(500, "InternalError", "etcdserver: request timed out")
    with pytest.raises(Refused):
        stage.run()
    stage.run()
    assert len(there(stage)) == 1
    assert stage.ready["reason"] == "StartingRay"


@pytest.mark.parametrize("strategy", ["BlueGreen", "Recreate"])
def test_while_a_candidate_is_refused_the_active_revision_is_looked_after(strategy: str) -> None:
    stage = answering(spec__rollout={"strategy": strategy})
    a = stage.rayservice["metadata"]["name"]
    stage.turn("worker", ready=False)
    stage.run()
    assert not serves(stage)
    stage.set(COMMIT, B)
    stage.turn("worker", ready=True)
    stage.cluster.refusal = Refused(403, "Forbidden", "no more RayServices today")
    assert stage.run() == DENIED_SECONDS
    assert there(stage) == {a}
    assert serves(stage), "it was asked"
    assert stage.ready["reason"] == "ApiRefused"


def test_a_rayservice_on_its_way_out_is_nothing_to_turn_to() -> None:
    stage, a, b = promoted()
    leaving = with_field(
        stage.cluster.body(RAYSERVICE, ("demo", a)), "metadata.deletionTimestamp", "2026-01-01"
    )
    stage.cluster.put(RAYSERVICE, leaving)
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    assert stage.selected == b, "its Pods are ready, and about to go"
    stage.cluster.vanish(RAYSERVICE, ("demo", a))
    stage.take_down()
    stage.run()
    assert there(stage) == {a, b}, "it is made anew"
    assert "deletionTimestamp" not in stage.cluster.body(RAYSERVICE, ("demo", a))["metadata"]


def test_a_return_for_which_the_active_one_made_room_has_it_for_itself() -> None:
    rollout = {"strategy": "Auto", "capacityGraceSeconds": 60}
    stage, a, _ = promoted(spec__rollout=rollout)
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback@{generation(stage)}")
    stage.run()
    unplaced(stage, a)
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {a}
    for _ in range(3):
        stage.take_down()
        stage.run()
        assert there(stage) == {a}
    stage.bring_up(a)
    stage.run()
    assert stage.selected == a


class Deaf(FakeProbe):
    """Apps that hang: each question ends when all are being asked, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.together = asyncio.Barrier(2)

    async def ask(self, *given):  # type: ignore[no-untyped-def]
        async with asyncio.timeout(5):
            await self.together.wait()
        return replace(await super().ask(*given), outcome="unreachable")


def test_two_apps_that_hang_are_waited_for_together_and_once() -> None:
    stage, a, b = with_candidate()
    stage.turn("worker", ready=False, name=a)
    stage.run()
    stage.turn("worker", ready=True, name=a)
    stage.bring_up(b)
    stage.probe = Deaf()
    stage.reconciler = stage.restarted()
    body = stage.cluster.body(SERVICE, NAME)
    assert stage.run() == 1.0
    assert (stage.probe.asked, len(stage.probe.candidates)) == (1, 1)
    assert stage.cluster.body(SERVICE, NAME)["spec"] == body["spec"]


def test_no_pods_go_by_a_service_that_is_not_what_it_was() -> None:
    stage, a, b = promoted()
    stage.clock.forward(60)
    stale = stage.cluster.body(SERVICE, NAME)
    newer = with_field(stale, "spec.selector", {**stale["spec"]["selector"]})
    newer["spec"]["selector"]["serving.bastaix.dev/revision"] = a.rpartition("-")[2]
    stage.cluster.behind = newer
    stage.run()
    assert there(stage) == {a, b}, "somebody has turned it back meanwhile"


def test_a_failure_makes_one_event() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.say({"status": "DEPLOY_FAILED", "message": "ImportError"}, b)
    stage.notes.events.clear()
    stage.run()
    assert [reason for reason, _ in stage.notes.events].count("ServeFailed") == 1
