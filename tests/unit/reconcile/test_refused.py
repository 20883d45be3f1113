"""RayServices that the API server does not take, or that are on their way out."""

import asyncio
from dataclasses import replace

import pytest

from bastaix.reconcile.cluster import Refused
from bastaix.reconcile.kinds import MODELDEPLOYMENT, RAYSERVICE, SERVICE
from bastaix.reconcile.refusals import DENIED_SECONDS, REFUSED_SECONDS
from bastaix.render.service import Turn
from bastaix.rollout.memory import fields, recorded
from bastaix.rollout.record import Record
from tests.unit.bodies import with_field
from tests.unit.reconcile.fakes import FakeProbe
from tests.unit.reconcile.rollouts import (
    COMMIT,
    FAILED,
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

RECREATE = {"strategy": "Recreate"}


def made_room() -> tuple[Stage, str, str]:
    """A has gone, for B, which was acceptable when it was rehearsed."""
    stage, a, _ = with_candidate(spec__rollout=RECREATE)
    assert there(stage) == set()
    stage.take_down()
    return stage, a, f"{NAME[1]}-{stage.status['candidate']['revision']}"


def test_a_recreate_whose_rayservice_is_refused_in_the_end_brings_the_old_one_back() -> None:
    stage, a, b = made_room()
    stage.cluster.refusal = Refused(422, "", "no more RayServices today")
    stage.run()
    assert there(stage) == {a}
    assert outcome(stage, b).outcome == "Failed"
    assert stage.ready["reason"] == "RayServiceRefused"
    assert f"revision {a.rpartition('-')[2]} stays active" in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"


def test_what_may_be_allowed_by_itself_is_tried_for_a_while_before_the_old_one_comes_back() -> None:
    stage, a, b = made_room()
    denied = Refused(403, "Forbidden", "exceeded quota: used 1 of 1 RayServices")
    for _ in range(2):
        stage.cluster.refusal = denied
        assert stage.run() == DENIED_SECONDS
        assert there(stage) == set()
        assert stage.ready["reason"] == "ApiRefused"
        assert stage.condition("Reconciling")["status"] == "True"
        stage.clock.forward(DENIED_SECONDS)
    stage.cluster.refusal = denied
    stage.run()
    assert there(stage) == {a}
    assert outcome(stage, b).reason == "ApiRefused"


def test_a_refusal_that_is_over_is_forgotten() -> None:
    stage, _, b = made_room()
    for refusal in (Refused(403, "Forbidden", "quota"), None, Refused(403, "Forbidden", "quota")):
        stage.cluster.refusal = refusal
        stage.run()
        stage.clock.forward(REFUSED_SECONDS)
        if refusal is None:
            assert there(stage) == {b}
            stage.cluster.vanish(RAYSERVICE, ("demo", b))
    assert stage.ready["reason"] == "ApiRefused", "it was taken in between"
    assert stage.condition("Reconciling")["status"] == "True"


def test_while_all_is_refused_what_was_taken_once_is_tried_again_and_again() -> None:
    stage, a, _ = made_room()
    stage.cluster.refusal = Refused(400, "", "denied by a policy")
    stage.run()
    stage.cluster.vanish(RAYSERVICE, ("demo", a))
    for _ in range(3):
        stage.cluster.refusal = Refused(400, "", "denied by a policy")
        assert stage.run() == REFUSED_SECONDS
        assert there(stage) == set()
    stage.run()
    assert there(stage) == {a}


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


def test_no_pods_go_by_a_status_that_is_not_what_it_was() -> None:
    """Another operator has returned to A meanwhile, of which this one has not heard."""
    stage, a, b = promoted()
    stage.clock.forward(60)
    service, body = (stage.cluster.body(kind, NAME) for kind in (SERVICE, MODELDEPLOYMENT))
    hash, since = a.rpartition("-")[2], "2026-01-01T13:00:30Z"
    service["spec"]["selector"]["serving.bastaix.dev/revision"] = hash
    service["metadata"]["annotations"]["serving.bastaix.dev/since"] = since
    known = recorded(body)
    assert known is not None
    turn = Turn(hash, since)
    failed = Record(outcome="RolledBack", reason="WrongAnswer", at=since, generation=2)
    records = {**known.records, b.rpartition("-")[2]: failed}
    body["status"]["rollout"] = fields(replace(known, turn=turn, records=records))
    stage.cluster.behind = {SERVICE: service, MODELDEPLOYMENT: body}
    stage.run()
    assert stage.selected == a
    assert a in there(stage)


def test_a_service_that_somebody_has_turned_is_turned_back_before_any_pods_go() -> None:
    stage, a, b = promoted()
    stage.clock.forward(60)
    service = stage.cluster.body(SERVICE, NAME)
    service["spec"]["selector"]["serving.bastaix.dev/revision"] = a.rpartition("-")[2]
    stage.cluster.put(SERVICE, service)
    stage.writes()
    stage.run()
    assert stage.selected == b
    assert there(stage) == {b}
    writes = [each for each in stage.writes() if not each.startswith("status")]
    assert writes == ["apply Service", "delete RayService"]


@pytest.mark.parametrize("suspend", [False, True])
def test_a_service_that_lost_its_label_gets_it_back_and_holds_up_nothing(suspend: bool) -> None:
    stage, _, b = promoted()
    lost = with_field(stage.cluster.body(SERVICE, NAME), "metadata.labels", {})
    stage.cluster.vanish(SERVICE, NAME)
    stage.cluster.put(SERVICE, lost)
    stage.clock.forward(60)
    stage.set("spec.suspend", suspend)
    assert stage.run() != 0.0
    stage.run()
    assert there(stage) == (set() if suspend else {b})


def test_a_return_that_was_started_anew_has_to_answer_like_any_other() -> None:
    stage, a, b = promoted()
    stage.clock.forward(120)
    stage.run()
    stage.take_down()
    stage.set("spec.rollout", RECREATE)
    stage.run()
    ask_for(stage, f"rollback@{generation(stage)}")
    for _ in range(2):
        stage.run()
        stage.take_down()
    assert there(stage) == {a}
    stage.bring_up(a)
    stage.say(FAILED, a)
    for _ in range(2):
        stage.run()
        stage.take_down()
    assert outcome(stage, a).outcome == "Failed"
    assert there(stage) == {b}, "it comes back"


def test_a_failure_makes_one_event() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.say(
        {"status": "DEPLOY_FAILED", "message": "ModuleNotFoundError: No module named 'tiktoken'"}, b
    )
    stage.notes.events.clear()
    stage.run()
    assert [reason for reason, _ in stage.notes.events].count("DependencyMissing") == 1
