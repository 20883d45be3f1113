"""How one revision follows another: candidate, gate, promotion, drain, withdrawal."""

import pytest

from bastaix.api import names
from bastaix.reconcile.cluster import Answer
from bastaix.reconcile.kinds import POD, RAYSERVICE, SERVICE
from bastaix.reconcile.reconciler import LOOKS
from bastaix.rollout.roles import FIRST_RETRY_SECONDS
from tests.unit.bodies import with_field
from tests.unit.reconcile.fakes import status_of
from tests.unit.reconcile.rollouts import (
    COMMIT,
    FAILED,
    B,
    C,
    outcome,
    promoted,
    serves,
    there,
    with_candidate,
)
from tests.unit.reconcile.stage import NAME, Stage, answering


def test_the_candidate_starts_beside_the_active_revision_and_gets_nothing() -> None:
    stage, a, b = with_candidate()
    assert there(stage) == {a, b}
    assert stage.selected == a
    assert serves(stage)
    assert stage.ready["reason"] == "StartingRay"
    assert status_of(stage.cluster, NAME)["candidate"]["commit"] == B
    assert status_of(stage.cluster, NAME)["active"]["commit"] != B


def test_a_candidate_that_answers_through_its_own_service_gets_the_traffic_in_one_write() -> None:
    stage, a, b = with_candidate()
    stage.writes()
    stage.bring_up(b)
    stage.run()
    assert stage.writes().count("apply Service") == 1
    assert stage.selected == b
    assert stage.probe.candidates[-1] == f"{b}-serve-svc"
    assert stage.ready["status"] == "True"
    assert stage.condition("Promoted")["status"] == "True"
    assert there(stage) == {a, b}, "the one before is drained"
    assert "candidate" not in status_of(stage.cluster, NAME)


def test_the_revision_before_goes_when_it_has_been_drained() -> None:
    stage, a, b = promoted(spec__rollout={"drainSeconds": 90, "bakeSeconds": 30})
    stage.clock.forward(30)
    assert stage.run() == 60
    assert there(stage) == {a, b}
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {b}
    assert stage.ready["status"] == "True"


def test_a_candidate_that_serve_gives_up_is_withdrawn_and_the_active_one_stays() -> None:
    stage, a, b = with_candidate()
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    assert there(stage) == {a}
    assert stage.selected == a
    assert stage.ready["reason"] == "DependencyMissing"
    assert "No module named 'x'" in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"
    assert stage.condition("Promoted")["status"] == "False"
    assert serves(stage)
    assert outcome(stage, b).outcome == "Failed"
    (newest, *_) = status_of(stage.cluster, NAME)["history"]
    assert (newest["commit"], newest["outcome"], newest["reason"]) == (
        B,
        "Failed",
        "DependencyMissing",
    )


def test_what_failed_for_good_is_not_tried_again_before_the_spec_changes() -> None:
    stage, a, b = with_candidate()
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.take_down()
    stage.clock.forward(24 * 3600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert there(stage) == {a}
    stage.set("spec.app.check", {"path": "/v1/models"})
    stage.run()
    assert there(stage) == {a, b}


def test_a_first_revision_that_fails_is_withdrawn_too() -> None:
    stage = Stage()
    stage.run()
    name = stage.rayservice["metadata"]["name"]
    stage.bring_up()
    stage.say(FAILED)
    stage.run()
    assert there(stage) == set()
    assert outcome(stage, name).outcome == "Failed"
    assert stage.ready["reason"] == "DependencyMissing"
    assert stage.selected == f"{NAME[1]}-none"
    stage.take_down()
    stage.writes()
    stage.run()
    assert stage.writes() == []


def test_a_held_candidate_stays_off_the_traffic() -> None:
    stage, a, b = with_candidate(spec__rollout={"onFailure": "Hold"})
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    assert there(stage) == {a, b}
    assert stage.selected == a
    assert "held" in stage.ready["message"]
    assert status_of(stage.cluster, NAME)["candidate"]["phase"] == "Held"
    assert stage.condition("Stalled")["status"] == "True"
    stage.set(COMMIT, C)
    stage.run()
    assert there(stage) == {a}, "a held one makes room for another spec"


def test_what_may_heal_has_until_the_deadline_and_is_then_tried_again_later() -> None:
    stage, a, b = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    assert stage.run() == 600
    stage.clock.forward(600)
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "DeadlineExceeded"
    assert "StartingRay" in stage.ready["message"]
    assert "next try at" in stage.ready["message"]
    assert stage.condition("Reconciling")["status"] == "True"
    stage.take_down()
    assert stage.run() == FIRST_RETRY_SECONDS
    stage.clock.forward(FIRST_RETRY_SECONDS)
    stage.run()
    assert there(stage) == {a, b}


def test_each_try_that_fails_is_followed_by_a_longer_wait() -> None:
    stage, _, b = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    waits = []
    for _ in range(7):
        stage.clock.forward(600)
        stage.run()
        waits.append(stage.run() or 0)
        assert b not in there(stage)
        stage.clock.forward(waits[-1])
        stage.run()
        assert b in there(stage)
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_recreate_removes_the_active_one_first_and_says_what_it_costs() -> None:
    stage, a, _ = with_candidate(spec__rollout={"strategy": "Recreate"})
    assert there(stage) == set()
    assert stage.selected == a
    assert "nothing serves meanwhile" in stage.ready["message"]
    stage.take_down()
    stage.run()
    (b,) = there(stage)
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"


def test_a_recreate_that_fails_brings_the_last_good_revision_back() -> None:
    stage, a, _ = with_candidate(spec__rollout={"strategy": "Recreate"})
    stage.take_down()
    stage.run()
    (b,) = there(stage)
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    assert there(stage) == set(), "its Pods are not gone yet"
    stage.take_down()
    stage.run()
    assert there(stage) == {a}
    stage.bring_up(a)
    stage.run()
    assert serves(stage)
    assert stage.ready["reason"] == "DependencyMissing"
    assert stage.condition("Stalled")["status"] == "True"


def test_a_recreate_that_failed_is_not_tried_again_by_itself() -> None:
    """Each try would take what serves away."""
    recreate = {"strategy": "Recreate", "progressDeadlineSeconds": 600}
    stage, a, _ = with_candidate(spec__rollout=recreate)
    stage.take_down()
    stage.run()
    stage.clock.forward(600)
    stage.run()
    stage.take_down()
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "DeadlineExceeded"
    assert stage.condition("Stalled")["status"] == "True"
    stage.bring_up(a)
    stage.clock.forward(24 * 3600)
    stage.run()
    assert there(stage) == {a}


@pytest.mark.parametrize("phase", ["starting", "unready", "answering"])
def test_a_newer_spec_replaces_the_candidate_after_its_pods_are_gone(phase: str) -> None:
    stage, a, b = with_candidate()
    if phase != "starting":
        stage.bring_up(b)
        stage.turn("worker", ready=phase == "answering", name=b)
        stage.probe.behind[f"{b}-serve-svc"] = Answer("wrong", "no")
        stage.run()
    stage.set(COMMIT, C)
    stage.run()
    if phase != "starting":
        assert there(stage) == {a}
        assert stage.ready["reason"] == "Draining"
        stage.take_down()
    stage.run()
    c = next(iter(there(stage) - {a}))
    assert c != b
    assert there(stage) == {a, c}
    assert serves(stage)


@pytest.mark.parametrize("phase", ["starting", "unready", "failed"])
def test_the_spec_of_before_gives_back_its_revision_at_once(phase: str) -> None:
    stage, a, b = with_candidate()
    first = outcome(stage, a)
    if phase != "starting":
        stage.bring_up(b)
        stage.turn("worker", ready=False, name=b)
    if phase == "failed":
        stage.say(FAILED, b)
    stage.run()
    stage.set(COMMIT, "3f9c2a1d" * 5)
    stage.run()
    assert there(stage) == {a}
    assert stage.selected == a
    assert stage.ready["status"] == "True"
    assert outcome(stage, a) == first


def test_what_is_left_of_a_rayservice_that_somebody_deleted_is_said_to_be_its_own() -> None:
    stage = answering()
    stage.cluster.vanish(RAYSERVICE, ("demo", stage.rayservice["metadata"]["name"]))
    stage.run()
    assert stage.ready["reason"] == "Draining"
    assert "of its RayService before is being removed" in stage.ready["message"]
    stage.take_down()
    stage.run()
    assert stage.ready["reason"] == "StartingRay"


def test_while_the_one_before_is_drained_a_third_waits() -> None:
    stage, a, b = promoted()
    stage.set(COMMIT, C)
    stage.run()
    assert there(stage) == {a, b}
    assert stage.ready["reason"] == "Draining"
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {b}
    stage.take_down()
    stage.run()
    assert len(there(stage)) == 2
    assert stage.selected == b


def test_the_active_revision_is_asked_its_own_check_and_not_the_next_ones() -> None:
    stage = answering()
    stage.clock.forward(3600)
    stage.set("spec.model.id", "larger")
    stage.run()
    stage.turn("worker", ready=False, name=stage.selected)
    stage.run()
    stage.turn("worker", ready=True, name=stage.selected)
    stage.run()
    body = stage.probe.checks[-1].body
    assert body is not None
    assert body["model"] == "smollm2"
    assert serves(stage)


def test_a_service_that_lost_its_selector_leads_to_the_last_promoted_revision_again() -> None:
    stage, a, b = with_candidate()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "spec.selector", {"app": "other"}))
    stage.run()
    assert stage.selected == a
    assert there(stage) == {a, b}
    stage.cluster.vanish(SERVICE, NAME)
    stage.run()
    assert stage.selected == a


def test_a_service_that_an_older_operator_made_gets_its_date() -> None:
    stage = answering()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "metadata.annotations", {}))
    stage.reconciler = stage.restarted()
    stage.run()
    annotations = stage.cluster.body(SERVICE, NAME)["metadata"]["annotations"]
    assert annotations[names.SINCE_ANNOTATION]
    assert outcome(stage, stage.selected).outcome == "Promoted"


def test_resuming_brings_the_active_revision_back_and_tries_another_beside_it() -> None:
    stage = answering()
    stage.clock.forward(3600)
    stage.set("spec.suspend", True)
    stage.run()
    stage.take_down()
    stage.set(COMMIT, B)
    stage.set("spec.suspend", False)
    stage.run()
    assert len(there(stage)) == 2


def test_a_look_never_turns_in_circles() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.writes()
    stage.run()
    assert len(stage.writes()) < LOOKS
    stage.run()
    assert stage.writes() == []


def test_never_more_than_two_revisions_hold_pods() -> None:
    stage, _, _ = with_candidate()
    for number in range(12):
        for found in stage.rayservices:
            stage.bring_up(found["metadata"]["name"])
        stage.run()
        stage.set(COMMIT, f"{number:040x}")
        stage.clock.forward(17)
        stage.run()
        holders = {pod["metadata"]["labels"][names.REVISION_LABEL] for pod in stage.listed(POD)}
        assert len(holders | {each.rpartition("-")[2] for each in there(stage)}) <= 2
        stage.take_down()
        assert serves(stage)
