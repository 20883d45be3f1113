"""Just after a promotion: the new revision is watched, and the one before may come back."""

from typing import Any

from bastaix.api import names
from bastaix.reconcile.cluster import Answer
from bastaix.reconcile.kinds import RAYSERVICE, SERVICE
from bastaix.rollout.asks import SETTLING_SECONDS
from bastaix.rollout.gates import BAKE_CHECK_SECONDS, BAKE_FAILURES, UNREADY_SECONDS
from tests.unit.bodies import with_field
from tests.unit.reconcile.rollouts import (
    COMMIT,
    FAILED,
    C,
    outcome,
    promoted,
    serves,
    there,
    unplaced,
    with_candidate,
)
from tests.unit.reconcile.stage import NAME, Stage, answering


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
    stage.clock.forward(BAKE_CHECK_SECONDS)
    stage.run()
    assert stage.selected == a
    assert outcome(stage, b).outcome == "RolledBack"
    assert stage.ready["reason"] == "WrongAnswer"
    assert stage.ready["message"].startswith("3 times without a right one: POST")
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


def _unready(stage: Stage, name: str) -> None:
    """Its worker runs, and has just stopped answering its probe."""
    since = stage.clock.now.isoformat()
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": since}
    stage.make_pod("worker", {"phase": "Running", "conditions": [condition]}, name)


def test_a_worker_that_is_busy_for_a_moment_is_no_reason_to_return() -> None:
    stage, _, b = promoted()
    _unready(stage, b)
    after = stage.run()
    assert after is not None
    assert 0 < after <= UNREADY_SECONDS
    assert stage.selected == b
    assert stage.ready["reason"] == "AwaitingAnswer"
    stage.turn("worker", ready=True, name=b)
    stage.run()
    assert stage.ready["status"] == "True"


def test_a_worker_whose_app_is_known_to_be_broken_is_not_waited_for() -> None:
    stage, a, b = promoted()
    _unready(stage, b)
    stage.say({"status": "UNHEALTHY", "message": "no"}, b)
    stage.run()
    assert stage.selected == a


def test_a_worker_that_stays_away_is_one() -> None:
    stage, a, b = promoted()
    _unready(stage, b)
    stage.run()
    stage.clock.forward(UNREADY_SECONDS)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "NoEndpoint"


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


def test_the_revision_before_stays_until_the_active_one_is_known_to_answer() -> None:
    """The operator was down, and the promoted revision lost its Pods meanwhile."""
    stage, a, b = promoted(spec__rollout={"drainSeconds": 60, "bakeSeconds": 60})
    stage.turn("worker", ready=False, name=b)
    stage.clock.forward(3600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert a in there(stage)
    assert stage.selected == a
    assert stage.ready["reason"] == "NoEndpoint"


def test_one_that_breaks_after_the_bake_is_left_while_the_one_before_lives() -> None:
    stage, a, b = promoted(spec__rollout={"drainSeconds": 600, "bakeSeconds": 60})
    stage.clock.forward(61)
    stage.run()
    stage.turn("worker", ready=False, name=b)
    stage.clock.forward(1)
    stage.run()
    assert stage.selected == a


def test_while_the_one_before_is_kept_for_want_of_an_answer_nobody_is_in_a_hurry() -> None:
    stage, a, _ = promoted(spec__rollout={"drainSeconds": 60, "bakeSeconds": 15})
    stage.clock.forward(20)
    stage.run()
    stage.probe.behind[NAME[1]] = Answer("wrong", "no")
    stage.set("spec.app.check", {"path": "/other"})
    stage.clock.forward(50)
    after = stage.run()
    assert a in there(stage)
    assert after is not None
    assert after > 0


def test_the_bake_ends_with_a_right_answer_and_not_before() -> None:
    stage, a, _ = promoted(spec__rollout={"drainSeconds": 15, "bakeSeconds": 15})
    stage.probe.behind[NAME[1]] = Answer("wrong", "no")
    stage.clock.forward(14)
    stage.run()
    for _ in range(4):
        stage.clock.forward(5)
        stage.run()
    assert stage.selected == a
    assert a in there(stage)


def test_a_third_commit_in_the_bake_does_not_end_the_watch() -> None:
    stage, a, b = promoted(spec__rollout={"drainSeconds": 60, "bakeSeconds": 60})
    stage.set(COMMIT, C)
    stage.run()
    stage.turn("worker", ready=False, name=b)
    stage.run()
    assert stage.selected == a
    assert a in there(stage)


def test_a_revision_that_is_returned_to_has_a_deadline_of_its_own() -> None:
    stage, a, b = promoted(spec__rollout={"drainSeconds": 60, "bakeSeconds": 60})
    stage.turn("worker", ready=False, name=a)
    stage.turn("worker", ready=False, name=b)
    stage.run()
    assert a in there(stage)
    assert not outcome(stage, a).failed
    stage.turn("worker", ready=True, name=a)
    stage.run()
    assert stage.selected == a


def test_the_traffic_never_seems_gone_while_it_is_turned() -> None:
    stage, _, b = with_candidate()
    seen: list[str] = []
    write = stage.cluster.apply_status

    async def noted(kind: Any, manifest: Any) -> None:
        conditions = manifest["status"]["conditions"]
        seen.extend(each["status"] for each in conditions if each["type"] == "Serving")
        await write(kind, manifest)

    stage.cluster.apply_status = noted  # type: ignore[method-assign]
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    assert set(seen) == {"True"}


def test_a_candidate_that_nobody_has_asked_yet_is_not_failed_for_its_age() -> None:
    """The operator was down for longer than the deadline."""
    stage, a, b = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    stage.bring_up(b)
    stage.clock.forward(3600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.selected == b
    assert there(stage) == {a, b}


def test_a_selector_that_names_nothing_is_no_active_revision() -> None:
    stage = answering()
    (a,) = there(stage)
    service = stage.cluster.body(SERVICE, NAME)
    selector = {**service["spec"]["selector"], names.REVISION_LABEL: "deadbeef"}
    stage.cluster.put(SERVICE, with_field(service, "spec.selector", selector))
    stage.clock.forward(3600)
    stage.run()
    assert stage.selected == a
    assert there(stage) == {a}


def test_what_made_room_is_neither_held_nor_paused() -> None:
    for rollout, app in (
        ({"onFailure": "Hold"}, FAILED),
        ({"pauseBeforePromotion": True}, None),
    ):
        stage, a, b = with_candidate(
            spec__rollout={"strategy": "Auto", "capacityGraceSeconds": 60, **rollout}
        )
        unplaced(stage, b)
        stage.clock.forward(60)
        stage.run()
        stage.take_down()
        stage.run()
        assert there(stage) == {b}
        stage.bring_up(b)
        if app is not None:
            stage.say(app, b)
        stage.run()
        stage.take_down()
        stage.run()
        assert there(stage) == ({a} if app is not None else {b})
        assert app is not None or stage.selected == b
