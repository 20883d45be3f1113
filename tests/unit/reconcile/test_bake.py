"""Just after a promotion: the new revision is watched, and the one before may come back."""

from bastaix.reconcile.cluster import Answer
from bastaix.reconcile.kinds import RAYSERVICE
from bastaix.rollout.asks import SETTLING_SECONDS
from bastaix.rollout.gates import BAKE_CHECK_SECONDS, BAKE_FAILURES
from tests.unit.bodies import with_field
from tests.unit.reconcile.rollouts import (
    outcome,
    promoted,
    serves,
    there,
    with_candidate,
)
from tests.unit.reconcile.stage import NAME


def test_after_the_bake_nobody_is_asked_any_more() -> None:
    stage, _, _ = promoted()
    asked = stage.probe.asked
    stage.clock.forward(BAKE_CHECK_SECONDS)
    stage.run()
    assert stage.probe.asked == asked + 1
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    for _ in range(3):
        stage.clock.forward(60)
        assert stage.run() is None
    assert stage.probe.asked == asked + 1


def test_three_wrong_answers_in_a_row_bring_the_one_before_back_at_once() -> None:
    stage, a, b = promoted()
    stage.probe.behind[NAME[1]] = Answer("wrong", "POST answered 500, not 200")
    for _ in range(BAKE_FAILURES - 1):
        stage.clock.forward(BAKE_CHECK_SECONDS)
        stage.run()
        assert stage.selected == b
    stage.probe.behind.clear()
    stage.probe.answer = Answer("wrong", "POST answered 500, not 200")
    stage.clock.forward(BAKE_CHECK_SECONDS)
    stage.run()
    assert stage.selected == a
    assert outcome(stage, b).outcome == "RolledBack"
    assert stage.ready["reason"] == "WrongAnswer"
    assert "3 times in a row" in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"


def test_a_returned_revision_serves_and_the_one_that_failed_goes_and_is_not_tried_again() -> None:
    stage, a, b = promoted()
    stage.turn("worker", ready=False, name=b)
    stage.run()
    assert stage.selected == a
    assert serves(stage)
    assert stage.ready["reason"] == "NoEndpoint"
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {a}
    stage.clock.forward(3600)
    stage.run()
    assert there(stage) == {a}


def test_what_is_answered_while_the_nodes_follow_the_turn_is_no_failure() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.probe.behind[NAME[1]] = Answer("wrong", "POST answered 404, not 200")
    for _ in range(2 * BAKE_FAILURES):
        assert stage.run() == SETTLING_SECONDS
        assert stage.ready["reason"] == "AwaitingAnswer"
        stage.clock.forward(SETTLING_SECONDS)
    stage.probe.behind.clear()
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"


def test_a_candidate_is_not_asked_before_kuberay_has_made_its_service() -> None:
    """A name that is looked up too early stays unknown to the cluster's DNS for some seconds."""
    stage, _, b = with_candidate()
    stage.bring_up(b)
    asked = len(stage.probe.candidates)
    early = with_field(stage.cluster.body(RAYSERVICE, ("demo", b)), "status.numServeEndpoints", 0)
    stage.cluster.put(RAYSERVICE, early)
    stage.run()
    assert len(stage.probe.candidates) == asked
    stage.say({"status": "RUNNING", "message": ""}, b)
    stage.run()
    assert stage.selected == b


def test_one_wrong_answer_is_no_reason_to_return() -> None:
    stage, _, b = promoted()
    stage.probe.answer = Answer("wrong", "no")
    for _ in range(BAKE_FAILURES - 1):
        stage.clock.forward(BAKE_CHECK_SECONDS)
        stage.run()
    stage.probe.answer = Answer("right", "yes")
    stage.clock.forward(BAKE_CHECK_SECONDS)
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"
