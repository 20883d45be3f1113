"""An evaluation that is made again, or need not be: after an error, another gate, a return."""

from bastaix.api import names
from bastaix.reconcile.kinds import JOB
from bastaix.rollout.evaluations import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, MOST_ATTEMPTS
from tests.unit.reconcile.evaluating import FAILED, PASSED, args, end, evaluating, jobs
from tests.unit.reconcile.rollouts import COMMIT, C, ask_for, generation, outcome, there


def test_an_error_is_tried_again_after_ever_longer_waits_until_the_deadline() -> None:
    stage, a, b = evaluating(progressDeadlineSeconds=1800)
    wait = FIRST_WAIT_SECONDS
    for attempt in range(1, 6):
        (job,) = [each for each in jobs(stage) if each["metadata"]["name"] == f"{b}-eval"]
        assert job["metadata"]["annotations"][names.ATTEMPT_ANNOTATION] == str(attempt)
        end(stage, {"outcome": "Error", "message": "5 of 5 requests were not answered"})
        assert stage.run() == wait
        assert stage.ready["reason"] == "EvaluationError"
        assert "next try at" in stage.ready["message"]
        assert stage.condition("Reconciling")["status"] == "True"
        stage.clock.forward(wait)
        stage.run()
        assert stage.ready["reason"] == "Evaluating"
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)
    stage.clock.forward(1800)
    stage.run()
    assert there(stage) == {a, b}, "one that is under way has a limit of its own"
    end(stage, {"outcome": "Error", "message": "no answer"})
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "DeadlineExceeded"
    assert "EvaluationError" in stage.ready["message"]


def test_an_error_before_a_restart_is_not_forgotten() -> None:
    stage, _, b = evaluating()
    end(stage, {"outcome": "Error", "message": "no answer"})
    stage.run()
    stage.reconciler = stage.restarted()
    stage.clock.forward(FIRST_WAIT_SECONDS)
    stage.run()
    assert outcome(stage, b).attempts == 1
    (job,) = [each for each in jobs(stage) if each["metadata"]["name"] == f"{b}-eval"]
    assert job["metadata"]["annotations"][names.ATTEMPT_ANNOTATION] == "2"


def test_a_retry_is_evaluated_anew_and_the_job_of_before_decides_nothing() -> None:
    stage, a, b = evaluating()
    end(stage, FAILED)
    stage.run()
    stage.take_down()
    ask_for(stage, f"retry@{generation(stage)}")
    stage.clock.forward(60)
    stage.run()
    assert there(stage) == {a, b}
    stage.bring_up(b)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Evaluating"
    end(stage, PASSED)
    stage.run()
    assert stage.selected == b


def test_another_gate_while_it_runs_is_evaluated_by_that_one() -> None:
    stage, _, b = evaluating()
    assert "--min-pass-rate=0.9" in args(stage)
    stage.set("spec.rollout.gate.minPassRate", 0.5)
    stage.run()
    stage.run()
    assert "--min-pass-rate=0.5" in args(stage)
    end(stage, PASSED)
    stage.run()
    assert stage.selected == b


def test_a_gate_that_is_taken_away_lets_the_check_decide() -> None:
    stage, _, b = evaluating()
    stage.set("spec.rollout", {})
    stage.run()
    assert stage.selected == b


def test_another_commit_while_it_runs_ends_it() -> None:
    stage, _, b = evaluating()
    stage.set(COMMIT, C)
    stage.run()
    assert b not in there(stage)
    assert f"{b}-eval" not in [job["metadata"]["name"] for job in jobs(stage)]


def test_a_pod_that_ends_before_its_job_does_makes_no_status_flap() -> None:
    stage, _, b = evaluating()
    end(stage, {"outcome": "Error", "message": "no answer"})
    (job,) = [each for each in jobs(stage) if each["metadata"]["name"] == f"{b}-eval"]
    stage.cluster.put(JOB, {**job, "status": {}})
    stage.run()
    assert stage.ready["reason"] == "EvaluationError"
    stage.writes()
    stage.clock.forward(3)
    stage.run()
    assert stage.writes() == []


def test_one_that_always_ends_in_an_error_ends_the_trial_of_a_paused_candidate_too() -> None:
    stage, a, b = evaluating(pauseBeforePromotion=True)
    end(stage, PASSED)
    stage.run()
    assert stage.ready["reason"] == "Paused"
    stage.clock.forward(24 * 3600)
    stage.set("spec.rollout.gate.minPassRate", 0.5)
    for _ in range(MOST_ATTEMPTS):
        stage.clock.forward(LONGEST_WAIT_SECONDS)
        stage.run()
        stage.run()
        assert there(stage) == {a, b}
        end(stage, {"outcome": "Error", "message": "no answer"})
        stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "EvaluationError"


def test_another_data_set_for_the_same_code_leaves_the_candidate_alone() -> None:
    stage, a, b = evaluating()
    stage.set("spec.rollout.gate.dataset", {"path": "other.jsonl"}, checked=False)
    stage.run()
    assert there(stage) == {a, b}
    stage.verify()
    stage.run()
    stage.run()
    assert "--dataset=other.jsonl" in args(stage)
    end(stage, PASSED)
    stage.run()
    assert stage.selected == b


def test_one_that_was_passed_is_not_made_again_when_a_revision_comes_back() -> None:
    stage, a, b = evaluating()
    end(stage, PASSED)
    stage.run()
    stage.clock.forward(3600)
    stage.run()
    stage.take_down()
    stage.set(COMMIT, "3f9c2a1d" * 5)
    stage.run()
    assert there(stage) == {a, b}
    stage.bring_up(a)
    stage.run()
    assert stage.selected == a
    assert [each for each in jobs(stage) if "status" not in each] == []
