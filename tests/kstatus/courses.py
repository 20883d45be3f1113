"""What becomes of a ModelDeployment, up to one moment: the object as it is then, named by it."""

from typing import Any

from bastaix.reconcile.cluster import Answer, Refused
from bastaix.reconcile.kinds import MODELDEPLOYMENT, SERVICE
from bastaix.rollout.gates import BAKE_CHECK_SECONDS, BAKE_FAILURES
from tests.unit.reconcile import evaluating
from tests.unit.reconcile.rollouts import (
    COMMIT,
    B,
    C,
    ask_for,
    generation,
    promoted,
    unplaced,
    with_candidate,
)
from tests.unit.reconcile.stage import NAME, Stage, answering

RECREATE = {"strategy": "Recreate"}
FAILED = {"status": "DEPLOY_FAILED", "message": "KeyError: 1"}


def now(stage: Stage, reason: str | None = None) -> dict[str, Any]:
    """The object as it is, after a look at it; `reason`: why it is not ready, so that a course
    that takes another turn is no silent success."""
    if reason is not None:
        stage.run()
        assert stage.ready["reason"] == reason, stage.ready
    return dict(stage.cluster.body(MODELDEPLOYMENT, NAME))


def just_applied() -> dict[str, Any]:
    return now(Stage(checked=False))


def source_is_fetched_and_the_operator_has_not_looked() -> dict[str, Any]:
    return now(Stage())


def source_is_awaited() -> dict[str, Any]:
    return now(Stage(checked=False), "FetchingSource")


def source_may_heal() -> dict[str, Any]:
    return _refused(Stage(checked=False), "SecretNotFound")


def source_is_refused() -> dict[str, Any]:
    return _refused(Stage(checked=False), "PathNotFound")


def source_of_another_commit_is_refused_while_one_serves() -> dict[str, Any]:
    stage = answering()
    stage.set(COMMIT, B, checked=False)
    return _refused(stage, "PathNotFound")


def _refused(stage: Stage, reason: str) -> dict[str, Any]:
    stage.refuse(reason, "what is wrong")
    return now(stage, reason)


def spec_is_invalid() -> dict[str, Any]:
    return now(Stage(spec__model__source="ftp://x"), "InvalidSpec")


def spec_has_become_invalid_while_one_serves() -> dict[str, Any]:
    stage = answering()
    stage.set("spec.app", {}, checked=False)
    return now(stage, "InvalidSpec")


def first_revision_starts() -> dict[str, Any]:
    return now(Stage(), "StartingRay")


def first_revision_answers() -> dict[str, Any]:
    return now(answering(), "Ready")


def first_revision_has_failed() -> dict[str, Any]:
    stage = Stage()
    stage.run()
    stage.bring_up()
    stage.say(FAILED)
    return now(stage, "ServeFailed")


def pods_are_gone() -> dict[str, Any]:
    stage = answering()
    stage.turn("worker", ready=False)
    return now(stage, "AwaitingAnswer")


def kuberay_is_absent() -> dict[str, Any]:
    stage = Stage()
    stage.cluster.has_kuberay = False
    return now(stage, "KubeRayAbsent")


def service_is_somebody_elses() -> dict[str, Any]:
    stage = Stage()
    stage.cluster.put(SERVICE, {"metadata": {"namespace": NAME[0], "name": NAME[1]}})
    return now(stage, "NotOwned")


def api_server_denies() -> dict[str, Any]:
    stage = Stage()
    stage.cluster.refusal = Refused(403, "Forbidden", "exceeded quota")
    return now(stage, "ApiRefused")


def another_generation_was_not_looked_at() -> dict[str, Any]:
    stage = answering()
    stage.set(COMMIT, B)
    assert stage.ready["status"] == "True"
    return now(stage)


def another_generation_after_a_failure_was_not_looked_at() -> dict[str, Any]:
    stage = _with_failed()
    stage.set(COMMIT, C)
    assert stage.condition("Stalled")["status"] == "True"
    return now(stage)


def another_generation_of_the_same_revision_was_looked_at() -> dict[str, Any]:
    stage = answering()
    stage.set("spec.rollout.drainSeconds", 90)
    return now(stage, "Ready")


def candidate_starts() -> dict[str, Any]:
    stage, _, _ = with_candidate()
    return now(stage, "StartingRay")


def candidate_waits_for_a_drain() -> dict[str, Any]:
    stage, _, _ = promoted()
    stage.set(COMMIT, C)
    return now(stage, "Draining")


def _with_failed(**rollout: Any) -> Stage:
    stage, _, b = with_candidate(spec__rollout=rollout)
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    return stage


def candidate_has_failed() -> dict[str, Any]:
    return now(_with_failed(), "ServeFailed")


def candidate_is_held() -> dict[str, Any]:
    stage = _with_failed(onFailure="Hold")
    assert stage.status["candidate"]["phase"] == "Held"
    return now(stage, "ServeFailed")


def _paused() -> Stage:
    stage, _, b = with_candidate(spec__rollout={"pauseBeforePromotion": True})
    stage.bring_up(b)
    return stage


def candidate_is_paused() -> dict[str, Any]:
    return now(_paused(), "Paused")


def candidate_was_paused_and_is_promoted() -> dict[str, Any]:
    stage = _paused()
    stage.run()
    ask_for(stage, f"promote@{generation(stage)}")
    return now(stage, "Ready")


def candidate_is_late_and_tried_again() -> dict[str, Any]:
    stage, _, _ = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    stage.clock.forward(600)
    return now(stage, "DeadlineExceeded")


def candidate_finds_no_room() -> dict[str, Any]:
    stage, _, b = with_candidate(spec__rollout={"progressDeadlineSeconds": 600})
    unplaced(stage, b)
    stage.clock.forward(600)
    return now(stage, "InsufficientCapacity")


def candidate_is_evaluated() -> dict[str, Any]:
    stage, _, _ = evaluating.evaluating()
    return now(stage, "Evaluating")


def evaluation_is_failed() -> dict[str, Any]:
    stage, _, _ = evaluating.evaluating()
    evaluating.end(stage, evaluating.FAILED)
    return now(stage, "EvaluationFailed")


def evaluation_says_nothing() -> dict[str, Any]:
    stage, _, _ = evaluating.evaluating()
    evaluating.end(stage, {"outcome": "Inconclusive", "message": "no request was answered"})
    return now(stage, "EvaluationInconclusive")


def recreate_removes_what_served() -> dict[str, Any]:
    stage, _, _ = with_candidate(spec__rollout=RECREATE)
    return now(stage, "Draining")


def _recreating() -> Stage:
    stage, _, _ = with_candidate(spec__rollout=RECREATE)
    stage.take_down()
    stage.run()
    return stage


def recreate_starts() -> dict[str, Any]:
    return now(_recreating(), "StartingRay")


def recreate_has_failed() -> dict[str, Any]:
    stage = _recreating()
    stage.bring_up()
    stage.say(FAILED)
    stage.run()
    stage.take_down()
    stage.run()
    stage.bring_up()
    return now(stage, "ServeFailed")


def traffic_is_being_turned() -> dict[str, Any]:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.probe.behind[NAME[1]] = Answer("wrong", "POST answered 404, not 200")
    return now(stage, "AwaitingAnswer")


def promoted_and_in_the_bake() -> dict[str, Any]:
    stage, _, _ = promoted()
    return now(stage, "Ready")


def bake_has_failed() -> dict[str, Any]:
    stage, _, _ = promoted()
    stage.probe.behind[NAME[1]] = Answer("wrong", "POST answered 500, not 200")
    for _ in range(BAKE_FAILURES):
        stage.clock.forward(BAKE_CHECK_SECONDS)
        stage.run()
    return now(stage, "WrongAnswer")


def _returning() -> tuple[Stage, str]:
    stage, a, _ = promoted()
    stage.clock.forward(60)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback@{generation(stage)}")
    return stage, a


def return_that_was_asked_for_starts() -> dict[str, Any]:
    stage, _ = _returning()
    return now(stage, "StartingRay")


def returned_as_was_asked_for() -> dict[str, Any]:
    stage, a = _returning()
    stage.run()
    stage.bring_up(a)
    stage.run()
    assert stage.selected == a
    return now(stage, "RolledBack")


def suspended() -> dict[str, Any]:
    stage = answering()
    stage.set("spec.suspend", True)
    return now(stage, "Suspended")


def suspended_before_the_first_revision() -> dict[str, Any]:
    return now(Stage(checked=False, spec__suspend=True), "Suspended")


def suspension_was_not_looked_at() -> dict[str, Any]:
    stage = answering()
    stage.set("spec.suspend", True)
    return now(stage)


def resumed() -> dict[str, Any]:
    stage = answering()
    stage.set("spec.suspend", True)
    stage.run()
    stage.take_down()
    stage.set("spec.suspend", False)
    return now(stage, "StartingRay")
