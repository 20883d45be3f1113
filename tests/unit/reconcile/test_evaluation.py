"""The evaluation in a rollout: when it is started, awaited, believed and tried again."""

from dataclasses import replace
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import Observed
from bastaix.reconcile.cluster import Answer, Refused
from bastaix.reconcile.index import Body
from bastaix.reconcile.kinds import JOB, MODELDEPLOYMENT, POD, SERVICE, Kind
from bastaix.render.evaluation import OwnImage
from bastaix.rollout import evaluations, record
from bastaix.rollout.evaluations import FIRST_WAIT_SECONDS
from bastaix.rollout.roles import roles
from tests.unit.bodies import with_field
from tests.unit.reconcile.evaluating import (
    FAILED,
    GATE,
    PASSED,
    args,
    end,
    evaluating,
    jobs,
    remember,
)
from tests.unit.reconcile.fakes import status_of
from tests.unit.reconcile.rollouts import COMMIT, C, ask_for, generation, serves, there
from tests.unit.reconcile.stage import IMAGE, NAME, Stage


def test_it_is_started_when_the_check_is_answered_and_not_before() -> None:
    stage = Stage(spec__rollout={"gate": GATE})
    stage.run()
    assert jobs(stage) == []
    stage.probe.answer = Answer("wrong", "GET answered 500")
    stage.bring_up()
    stage.run()
    assert jobs(stage) == []
    stage.probe.answer = Answer("right", "GET answered 200")
    stage.clock.forward(60)
    stage.run()
    assert len(jobs(stage)) == 1
    assert f"--url=http://{stage.rayservice['metadata']['name']}-serve-svc.demo.svc:8000" in args(
        stage
    )


def test_while_it_runs_the_candidate_gets_nothing_and_nothing_is_written_again() -> None:
    stage, a, b = evaluating()
    assert stage.selected == a
    assert serves(stage)
    assert status_of(stage.cluster, NAME)["candidate"]["phase"] == "Evaluating"
    stage.writes()
    stage.clock.forward(30)
    stage.run()
    assert stage.writes() == []
    assert there(stage) == {a, b}


def test_what_its_pod_waits_for_is_said() -> None:
    stage, _, b = evaluating()
    (job,) = [each for each in jobs(stage) if "status" not in each]
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    pod = {
        "metadata": {
            "namespace": "demo",
            "name": f"{b}-eval-x",
            "labels": {
                **job["metadata"]["labels"],
                names.JOB_UID_LABEL: job["metadata"]["uid"],
            },
            "ownerReferences": [{"kind": "Job", "uid": job["metadata"]["uid"], "controller": True}],
        },
        "spec": {"containers": [{"name": "bastaix-eval", "image": IMAGE}]},
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {"name": "bastaix-eval", "image": IMAGE, "state": {"waiting": waiting}}
            ],
        },
    }
    stage.cluster.put(POD, pod)
    stage.run()
    assert stage.ready["reason"] == "Evaluating"
    assert stage.ready["message"] == (
        f"Job {b}-eval waits: Pod {b}-eval-x cannot get image {IMAGE}: no such image"
    )


def test_one_that_is_passed_promotes_in_the_write_that_remembers_it() -> None:
    stage, _, b = evaluating()
    end(stage, PASSED)
    stage.writes()
    stage.run()
    assert stage.selected == b
    assert stage.writes().count("apply Service") == 1
    newest = status_of(stage.cluster, NAME)["history"][0]
    assert newest["evaluation"] == {"outcome": "Passed", "passRate": 1.0, "cases": 5}


def test_a_pod_that_claims_to_be_of_the_job_gets_nobody_promoted() -> None:
    """Its container is called like ours, and has left a result that was passed."""
    stage, a, b = evaluating()
    (running,) = [each for each in jobs(stage) if "status" not in each]
    end(stage, PASSED)
    stage.cluster.put(JOB, running)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Evaluating"
    end(stage, FAILED)
    (claiming,) = [each for each in stage.listed(POD) if each["metadata"]["name"] == f"{b}-eval-x"]
    stage.cluster.put(POD, with_field(claiming, "metadata.name", f"{b}-eval-y"))
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "EvaluationError"


def test_one_that_is_failed_withdraws_the_candidate_for_good_and_its_log_stays() -> None:
    stage, a, b = evaluating()
    end(stage, FAILED)
    stage.run()
    assert stage.selected == a
    assert there(stage) == {a}
    assert serves(stage)
    assert stage.ready["reason"] == "EvaluationFailed"
    assert "pass rate 0.2 is 0.7 too low (italy, japan, sum, …)" in stage.ready["message"]
    assert stage.condition("Stalled")["status"] == "True"
    assert status_of(stage.cluster, NAME)["history"][0]["evaluation"]["passRate"] == 0.2
    stage.take_down()
    stage.clock.forward(24 * 3600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert there(stage) == {a}
    assert f"{b}-eval" in [job["metadata"]["name"] for job in jobs(stage)]


def test_one_that_says_nothing_promotes_nobody() -> None:
    stage, a, _ = evaluating()
    end(stage, {"outcome": "Inconclusive", "message": "no request was answered: 5x HTTP 404"})
    stage.run()
    assert there(stage) == {a}
    assert stage.ready["reason"] == "EvaluationInconclusive"
    assert "5x HTTP 404" in stage.ready["message"]


def test_a_paused_candidate_is_evaluated_and_waits_then() -> None:
    stage, a, b = evaluating(pauseBeforePromotion=True)
    end(stage, PASSED)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Paused"
    ask_for(stage, f"promote@{generation(stage)}")
    stage.run()
    assert stage.selected == b


def test_the_candidate_is_compared_with_what_serves_and_by_what_is_known_of_it() -> None:
    stage, a, _ = evaluating(gate={"maxRegression": 0.1})
    given = args(stage)
    assert "--max-regression=0.1" in given
    assert f"--baseline-url=http://{a}-serve-svc.demo.svc:8000" in given
    assert "--baseline-model=smollm2" in given


def test_an_active_revision_that_does_not_answer_holds_no_candidate_up() -> None:
    stage, a, b = evaluating(gate={"maxRegression": 0.1})
    end(stage, {"outcome": "Error", "message": "the baseline could not be measured"})
    stage.run()
    stage.turn("worker", ready=False, name=a)
    stage.clock.forward(FIRST_WAIT_SECONDS)
    stage.run()
    assert not any(each.startswith("--baseline-url") for each in args(stage))
    end(stage, PASSED)
    stage.run()
    assert stage.selected == b


def test_an_evaluation_that_is_passed_waits_for_a_candidate_that_answers() -> None:
    stage, a, b = evaluating()
    stage.turn("worker", ready=False, name=b)
    end(stage, PASSED)
    stage.run()
    assert stage.selected == a
    stage.turn("worker", ready=True, name=b)
    stage.run()
    assert stage.selected == b


def test_what_is_known_of_the_active_revision_is_handed_on_unless_it_was_an_error() -> None:
    digest = f"sha256:{'7' * 64}"
    for outcome_of_a, is_known in (("Passed", True), ("Error", False)):
        stage, a, _ = evaluating(gate={"maxRegression": 0.1})
        stage.set(COMMIT, C)
        record = {"outcome": outcome_of_a, "passRate": 0.5, "dataset": digest}
        remember(stage, a, evaluation=record)
        stage.run()
        stage.take_down()
        stage.run()
        stage.bring_up()
        stage.run()
        assert (f"--baseline={digest}=0.500000" in args(stage)) == is_known


def test_a_candidate_whose_rendering_is_not_seen_is_not_promoted() -> None:
    stage, _, b = evaluating()
    md = ModelDeployment.from_body(stage.cluster.body(MODELDEPLOYMENT, NAME))
    observed = Observed(
        md_body=stage.cluster.body(MODELDEPLOYMENT, NAME),
        rayservices=tuple(stage.rayservices),
        service=stage.cluster.body(SERVICE, NAME),
        image=OwnImage(IMAGE),
    )
    parts = replace(roles(md, observed, None, stage.clock.now), wanted=b.rpartition("-")[2])
    found = evaluations.standing(md, observed, parts, record.Record(), stage.clock.now)
    assert found.lacks is not None


def test_while_the_job_is_refused_everything_else_goes_on() -> None:
    stage = Stage(spec__rollout={"gate": GATE})
    stage.run()
    name = stage.rayservice["metadata"]["name"]
    stage.cluster.put(JOB, {"metadata": {"namespace": "demo", "name": f"{name}-eval"}})
    stage.bring_up()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "spec.selector.foo", "bar"))
    stage.run()
    assert stage.ready["reason"] == "NotOwned"
    assert "foo" not in stage.cluster.body(SERVICE, NAME)["spec"]["selector"]


def test_a_job_that_could_not_be_made_for_a_conflict_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = Stage(spec__rollout={"gate": GATE})
    stage.run()
    stage.bring_up()

    async def create(kind: Kind, *_: Any, **__: Any) -> Body:
        assert kind == JOB
        raise Refused(409, "Conflict", "the API server could not do it")

    with monkeypatch.context() as patch:
        patch.setattr(stage.cluster, "create", create)
        with pytest.raises(Refused, match="could not do it"):
            stage.run()
    stage.run()
    assert len(jobs(stage)) == 1


def test_suspending_ends_it() -> None:
    stage, _, _ = evaluating()
    stage.set("spec.suspend", True)
    stage.run()
    assert jobs(stage) == []


def test_the_image_that_is_missing_is_said_and_an_image_of_the_users_needs_none() -> None:
    stage = Stage(spec__rollout={"gate": GATE})
    stage.image = None
    stage.reconciler = stage.restarted()
    stage.run()
    stage.bring_up()
    stage.run()
    assert jobs(stage) == []
    assert "BASTAIX_EVALUATION_IMAGE" in stage.ready["message"]
    stage.set("spec.rollout.gate.evaluator", {"image": "own:1"})
    stage.run()
    (job,) = jobs(stage)
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "own:1"


def test_a_job_of_somebody_else_is_neither_believed_nor_removed() -> None:
    stage = Stage(spec__rollout={"gate": GATE})
    stage.run()
    name = stage.rayservice["metadata"]["name"]
    stranger = {"metadata": {"namespace": "demo", "name": f"{name}-eval"}}
    stage.cluster.put(JOB, stranger)
    stage.bring_up()
    stage.run()
    assert stage.ready["reason"] == "NotOwned"
    assert f"{name}-eval" in stage.ready["message"]
    assert "delete Job" not in stage.writes()
