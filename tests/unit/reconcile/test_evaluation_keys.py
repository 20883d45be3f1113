"""By which key an evaluation is known: whole, and of an earlier version by its first digits."""

from typing import Any

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.reconcile.kinds import CONTROLLERREVISION, JOB, MODELDEPLOYMENT
from bastaix.render.evaluation import evaluation_key
from bastaix.render.revision import from_controller_revision
from tests.unit.reconcile.evaluating import PASSED, end, evaluating, jobs, remember
from tests.unit.reconcile.stage import NAME, Stage

STRICT = 0.95


def trial(**rollout: Any) -> tuple[Stage, str, str, dict[str, Any]]:
    """With the Job of the candidate."""
    stage, a, b = evaluating(**rollout)
    (job,) = [each for each in jobs(stage) if "status" not in each]
    return stage, a, b, job


def record(stage: Stage, name: str) -> dict[str, Any]:
    entries = stage.status["rollout"]["revisions"]
    (found,) = [each for each in entries if each["revision"] == name.rpartition("-")[2]]
    return dict(found)


def alike(key: str) -> str:
    """Another key, of the same first digits."""
    return key[:16].ljust(64, "0")


def test_both_forms_are_remembered_as_the_digits_are_all_that_an_operator_of_before_reads() -> None:
    stage, _, b, job = trial()
    annotations = job["metadata"]["annotations"]
    whole = annotations[names.KEY_SHA256_ANNOTATION]
    assert record(stage, b)["evaluationJobSha256"] == whole
    end(stage, PASSED)
    stage.run()
    assert stage.selected == b
    assert record(stage, b)["evaluationSha256"] == whole
    assert record(stage, b)["evaluationKey"] == whole[:16] == annotations[names.KEY_ANNOTATION]


def test_what_was_passed_with_an_earlier_version_is_not_evaluated_again() -> None:
    stage, _, b, _ = trial(pauseBeforePromotion=True)
    end(stage, PASSED)
    stage.run()
    assert stage.ready["reason"] == "Paused"
    remember(stage, b, evaluated_sha256=None, job_sha256=None)
    before = [job["metadata"]["uid"] for job in jobs(stage)]
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.ready["reason"] == "Paused"
    assert [job["metadata"]["uid"] for job in jobs(stage)] == before


def test_a_job_that_an_earlier_version_made_goes_on() -> None:
    stage, _, b, job = trial()
    annotations = dict(job["metadata"]["annotations"])
    del annotations[names.KEY_SHA256_ANNOTATION]
    stage.cluster.put(JOB, {**job, "metadata": {**job["metadata"], "annotations": annotations}})
    remember(stage, b, job_sha256=None)
    stage.reconciler = stage.restarted()
    stage.run()
    (found,) = [each for each in jobs(stage) if "status" not in each]
    assert found["metadata"]["uid"] == job["metadata"]["uid"]
    end(stage, PASSED)
    stage.run()
    assert stage.selected == b


def test_a_gate_of_the_same_first_digits_that_was_passed_passes_no_other() -> None:
    stage, a, b, job = trial()
    key = job["metadata"]["annotations"][names.KEY_SHA256_ANNOTATION]
    remember(stage, b, evaluated=key[:16], evaluated_sha256=alike(key))
    stage.run()
    assert (stage.selected, stage.ready["reason"]) == (a, "Evaluating")


def test_a_job_of_a_gate_of_the_same_first_digits_decides_nothing() -> None:
    stage, a, b, job = trial()
    key = job["metadata"]["annotations"][names.KEY_SHA256_ANNOTATION]
    remember(stage, b, job_sha256=alike(key))
    end(stage, PASSED)
    stage.run()
    assert stage.selected == a
    assert job["metadata"]["uid"] not in {each["metadata"]["uid"] for each in jobs(stage)}


def test_who_changes_the_annotations_of_a_job_does_not_make_it_one_of_another_gate() -> None:
    stage, a, b, job = trial()
    stage.set("spec.rollout.gate.minPassRate", STRICT)
    md = ModelDeployment.from_body(stage.cluster.body(MODELDEPLOYMENT, NAME))
    kept = from_controller_revision(stage.cluster.body(CONTROLLERREVISION, (NAME[0], b)))
    assert kept is not None
    key = evaluation_key(md, kept)
    annotations = {
        **job["metadata"]["annotations"],
        names.KEY_ANNOTATION: key[:16],
        names.KEY_SHA256_ANNOTATION: key,
    }
    stage.cluster.put(JOB, {**job, "metadata": {**job["metadata"], "annotations": annotations}})
    end(stage, PASSED)
    stage.run()
    assert stage.selected == a
    assert job["metadata"]["uid"] not in {each["metadata"]["uid"] for each in jobs(stage)}
