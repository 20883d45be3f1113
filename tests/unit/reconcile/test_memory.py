"""What the operator remembers stands where its tenants cannot write, and decides nothing else."""

import json
import logging
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.reconcile.kinds import CONTROLLERREVISION, JOB, MODELDEPLOYMENT, POD, SERVICE
from bastaix.reconcile.refusals import OUTDATED_SECONDS
from bastaix.render.evaluation import evaluation_job
from bastaix.render.revision import from_controller_revision
from tests.unit.reconcile.evaluating import FAILED as TOO_BAD
from tests.unit.reconcile.evaluating import GATE, PASSED, end, evaluating, jobs
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
    with_candidate,
)
from tests.unit.reconcile.stage import NAME, Stage, answering

REVISION = names.REVISION_LABEL


def hash_of(name: str) -> str:
    return name.rpartition("-")[2]


def annotate(stage: Stage, **annotations: str | None) -> None:
    """As whoever may edit Services: None takes one away."""
    service = stage.cluster.body(SERVICE, NAME)
    given = {f"{names.GROUP}/{key}": text for key, text in annotations.items()}
    changed = {**service["metadata"]["annotations"], **given}
    kept = {key: text for key, text in changed.items() if text is not None}
    stage.cluster.put(
        SERVICE, {**service, "metadata": {**service["metadata"], "annotations": kept}}
    )


def turn(stage: Stage, name: str) -> None:
    service = stage.cluster.body(SERVICE, NAME)
    service["spec"]["selector"][REVISION] = hash_of(name)
    stage.cluster.put(SERVICE, service)


def lose_memory(stage: Stage) -> None:
    body = stage.cluster.body(MODELDEPLOYMENT, NAME)
    del body["status"]["rollout"]
    stage.cluster.put(MODELDEPLOYMENT, body)
    stage.reconciler = stage.restarted()


def withdrawn() -> tuple[Stage, str, str]:
    """B was given up for good, and A serves."""
    stage, a, b = with_candidate()
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    assert there(stage) == {a}
    assert outcome(stage, b).failed
    return stage, a, b


def test_a_failure_stands_in_the_status_before_its_pods_go() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.writes()
    stage.run()
    writes = stage.writes()
    assert writes.index("status ModelDeployment") < writes.index("delete RayService")


def test_a_promotion_is_noted_before_it_is_one_write_of_the_service() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.writes()
    stage.run()
    writes = stage.writes()
    assert writes.count("apply Service") == 1
    assert writes[writes.index("apply Service") - 1] == "status ModelDeployment"
    assert stage.memory.turn is not None
    assert stage.memory.turn.revision == hash_of(b)


@pytest.mark.parametrize("records", ["{}", None, "[", '{"a": {"failures": "x"}}'])
def test_who_edits_the_annotations_erases_no_failure(records: str | None) -> None:
    stage, a, b = withdrawn()
    history = stage.status["history"]
    annotate(stage, records=records, wish=None)
    stage.reconciler = stage.restarted()
    stage.clock.forward(3600)
    stage.run()
    assert there(stage) == {a}, "what failed is not tried again"
    assert stage.status["history"] == history
    assert outcome(stage, b).failed


def test_who_deletes_the_service_erases_no_failure_and_gets_it_back_as_it_was() -> None:
    stage, a, _ = withdrawn()
    before, history = stage.cluster.body(SERVICE, NAME), stage.status["history"]
    stage.cluster.vanish(SERVICE, NAME)
    stage.reconciler = stage.restarted()
    stage.run()
    assert there(stage) == {a}
    assert stage.cluster.body(SERVICE, NAME)["spec"] == before["spec"]
    assert stage.status["history"] == history


def forgery(name: str, key: str | None = None) -> str:
    record = {
        "outcome": "Promoted",
        "at": "2026-01-01T12:00:00Z",
        "promoted": "2026-01-01T12:00:00Z",
        "evaluation": {"outcome": "Passed", "passRate": 1.0, "cases": 500},
        "evaluated": key,
        "check": {"method": "GET", "path": "/forged", "body": None, "expect": {"status": 200}},
    }
    return json.dumps({hash_of(name): record})


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_forged_record_passes_no_gate_and_enters_no_history(is_lost: bool) -> None:
    stage, a, b = evaluating()
    (job,) = [each for each in jobs(stage) if "status" not in each]
    key = job["metadata"]["annotations"][names.KEY_ANNOTATION]
    annotate(stage, records=forgery(b, key))
    if is_lost:
        lose_memory(stage)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Evaluating"
    assert hash_of(b) not in {each["revision"] for each in stage.status["history"]}


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_forged_check_is_never_asked(is_lost: bool) -> None:
    stage, a, _ = with_candidate()
    annotate(stage, records=forgery(a))
    if is_lost:
        lose_memory(stage)
    stage.turn("worker", ready=False, name=a)
    stage.run()
    stage.turn("worker", ready=True, name=a)
    stage.run()
    assert "/forged" not in {check.path for check in stage.probe.checks}


@pytest.mark.parametrize("since", [None, "2026-01-01T12:00:00", "2099-01-01T00:00:00Z", "x"])
def test_who_edits_the_dates_of_the_service_changes_nothing(since: str | None) -> None:
    stage, _, b = promoted()
    before = stage.cluster.body(SERVICE, NAME)["metadata"]["annotations"]
    annotate(stage, since=since, previous=None)
    stage.run()
    after = stage.cluster.body(SERVICE, NAME)["metadata"]["annotations"]
    assert after == before
    stage.clock.forward(61)
    stage.run()
    assert there(stage) == {b}


def test_who_turns_the_service_to_a_candidate_promotes_nothing() -> None:
    stage, a, b = evaluating()
    turn(stage, b)
    stage.run()
    assert stage.selected == a
    assert stage.ready["reason"] == "Evaluating"
    assert stage.memory.turn is not None
    assert stage.memory.turn.revision == hash_of(a)


def test_who_turns_the_service_back_to_what_was_turned_away_from_does_not_bring_it_back() -> None:
    stage, a, b = promoted()
    stage.say(FAILED, b)
    stage.turn("worker", ready=False, name=b)
    stage.clock.forward(40)
    stage.run()
    assert stage.selected == a
    for since in (None, "2026-01-01T13:00:00Z"):
        turn(stage, b)
        annotate(stage, since=since)
        stage.run()
        assert stage.selected == a


def test_a_promotion_of_an_older_operator_is_understood() -> None:
    stage, _, b = promoted()
    lose_memory(stage)
    stage.run()
    assert (stage.selected, serves(stage)) == (b, True)
    assert stage.status["active"]["revision"] == hash_of(b)


def test_a_memory_that_was_lost_costs_nothing_that_serves() -> None:
    stage = answering()
    name, before = stage.selected, stage.status["history"]
    lose_memory(stage)
    service = stage.cluster.body(SERVICE, NAME)
    service["metadata"]["annotations"] = {}
    stage.cluster.put(SERVICE, service)
    stage.run()
    assert (stage.selected, stage.ready["status"], serves(stage)) == (name, "True", True)
    assert [each["outcome"] for each in stage.status["history"]] == [
        each["outcome"] for each in before
    ]


def test_after_an_upgrade_what_had_failed_is_not_started_again() -> None:
    stage, a, b = withdrawn()
    lose_memory(stage)
    stage.clock.forward(7200)
    stage.run()
    assert there(stage) == {a}
    assert outcome(stage, b).failed
    assert stage.condition("Stalled")["reason"] == "DependencyMissing"


def test_a_job_that_somebody_else_has_made_is_no_evaluation() -> None:
    """It has the name, the owner, the labels and the annotations of the one to come."""
    stage = Stage(spec__rollout={"gate": GATE})
    stage.run()
    forged = made_beforehand(stage)
    stage.cluster.put(JOB, forged)
    end(stage, PASSED)
    stage.bring_up()
    stage.run()
    assert stage.ready["reason"] == "Evaluating"
    (job,) = jobs(stage)
    assert job["metadata"]["uid"] != "forged"
    assert job["metadata"]["uid"] == next(iter(stage.memory.records.values())).job


def test_a_job_without_our_label_that_has_its_name_is_no_evaluation_either() -> None:
    stage = Stage(spec__rollout={"gate": GATE})
    stage.run()
    forged = made_beforehand(stage)
    forged["metadata"]["labels"] = {}
    stage.cluster.put(JOB, forged)
    stage.bring_up()
    stage.run()
    stage.run()
    assert stage.ready["reason"] == "Evaluating"
    assert [each["metadata"]["uid"] == "forged" for each in jobs(stage)] == [False]


def made_beforehand(stage: Stage) -> dict[str, Any]:
    body = stage.cluster.body(MODELDEPLOYMENT, NAME)
    (kept,) = stage.listed(CONTROLLERREVISION)
    job = evaluation_job(
        ModelDeployment.from_body(body),
        from_controller_revision(kept),
        baseline=None,
        image=stage.image,
        trial=stage.rayservice["metadata"]["uid"],
        attempt=1,
    )
    return {**job, "metadata": {**job["metadata"], "uid": "forged"}}


def outdated(stage: Stage) -> None:
    """The operator is newer than the CRD."""
    stage.cluster.has_memory = False
    lose_memory(stage)


def test_with_an_older_crd_what_serves_goes_on_and_is_ready() -> None:
    stage = answering()
    outdated(stage)
    for _ in range(3):
        stage.clock.forward(OUTDATED_SECONDS)
        stage.run()
        assert (stage.ready["status"], serves(stage)) == ("True", True)


def test_with_an_older_crd_no_candidate_is_started_and_ready_says_why() -> None:
    stage = answering()
    before = there(stage)
    outdated(stage)
    stage.set(COMMIT, B)
    assert stage.run() is not None
    assert there(stage) == before
    assert (stage.ready["status"], stage.ready["reason"]) == ("False", "CRDOutdated")
    assert "crds/modeldeployments.yaml" in stage.ready["message"]
    assert serves(stage)


def test_with_an_older_crd_nothing_is_promoted_until_the_crd_is_there() -> None:
    stage, a, b = with_candidate()
    outdated(stage)
    stage.bring_up(b)
    stage.run()
    assert (stage.selected, stage.ready["reason"]) == (a, "CRDOutdated")
    assert there(stage) == {a, b}
    stage.cluster.has_memory = True
    stage.clock.forward(OUTDATED_SECONDS)
    stage.run()
    assert (stage.selected, stage.ready["status"]) == (b, "True")


def test_with_an_older_crd_what_serves_makes_no_room() -> None:
    stage = answering(spec__rollout={"strategy": "Recreate"})
    before = there(stage)
    outdated(stage)
    stage.set(COMMIT, B)
    stage.run()
    assert there(stage) == before
    assert serves(stage)


def test_with_an_older_crd_what_fails_is_withdrawn_and_not_started_again() -> None:
    stage, a, b = with_candidate()
    outdated(stage)
    stage.bring_up(b)
    stage.say(FAILED, b)
    stage.run()
    stage.clock.forward(7200)
    stage.run()
    assert there(stage) == {a}
    assert stage.condition("Stalled")["reason"] == "DependencyMissing"


def test_with_an_older_crd_it_is_not_written_to_at_every_look() -> None:
    stage = answering()
    outdated(stage)
    stage.run()
    stage.writes()
    for _ in range(5):
        stage.run()
    assert stage.writes() == []


@pytest.mark.parametrize("field", ["startup", "active.commit", "history.outcome"])
def test_what_an_older_crd_lacks_is_tried_once_a_minute_and_not_at_every_look(field: str) -> None:
    stage, _, b = with_candidate()
    stage.cluster.lacking = frozenset({field})
    stage.bring_up(b)
    for _ in range(3):
        stage.run()
    stage.writes()
    for _ in range(5):
        stage.clock.forward(1)
        stage.run()
    assert stage.writes() == []
    stage.cluster.lacking = frozenset()
    stage.clock.forward(OUTDATED_SECONDS)
    stage.run()
    assert "status ModelDeployment" in stage.writes()
    assert field.partition(".")[0] in stage.status


def test_who_turns_the_service_back_with_the_date_that_it_had_undoes_no_return() -> None:
    """B was turned back from; the memory knows since when it had the traffic."""
    stage, a, b = promoted()
    since = stage.cluster.body(SERVICE, NAME)["metadata"]["annotations"][names.SINCE_ANNOTATION]
    stage.clock.forward(10)
    stage.turn("worker", ready=False, name=b)
    stage.run()
    assert stage.selected == a
    decided = stage.memory.turn
    stage.clock.forward(20)
    stage.turn("worker", ready=True, name=b)
    turn(stage, b)
    annotate(stage, since=since)
    stage.run()
    assert stage.selected == a, "turned back"
    assert stage.status["active"]["revision"] == hash_of(a)
    assert stage.memory.turn == decided, "nothing was decided anew"


def test_a_promotion_that_was_not_carried_out_for_long_is_so_before_anything_else() -> None:
    """As after an operator that was killed between the two writes, and started a day later."""
    stage, a, b = promoted()
    service = stage.cluster.body(SERVICE, NAME)
    body = stage.cluster.body(MODELDEPLOYMENT, NAME)
    turned = stage.memory.turn
    assert turned is not None
    earlier = "2026-01-01T12:00:00Z"
    body["status"]["rollout"]["traffic"]["previousSince"] = earlier
    stage.cluster.put(MODELDEPLOYMENT, body)
    service["spec"]["selector"][REVISION] = hash_of(a)
    service["metadata"]["annotations"][names.SINCE_ANNOTATION] = earlier
    stage.cluster.put(SERVICE, service)
    stage.clock.forward(3600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.selected == b
    assert stage.memory.turn == turned


def test_a_promotion_that_was_decided_on_an_older_service_is_decided_once_more() -> None:
    stage, _, b = with_candidate()
    stage.bring_up(b)
    stage.cluster.behind[SERVICE] = stage.cluster.body(SERVICE, NAME)
    stage.writes()
    stage.run()
    assert SERVICE not in stage.cluster.behind, "it was read again"
    assert stage.writes().count("apply Service") == 2, "the first one was refused"


def test_a_stale_operator_promotes_nothing_that_another_one_has_seen_fail() -> None:
    stage, a, b = with_candidate()
    stage.bring_up(b)
    body = stage.cluster.body(MODELDEPLOYMENT, NAME)
    failed = {"revision": hash_of(b), "outcome": "Failed", "reason": "ServeFailed"}
    failed |= {"at": "2026-01-01T13:00:01Z", "generation": generation(stage)}
    kept = [each for each in body["status"]["rollout"]["revisions"] if a.endswith(each["revision"])]
    body["status"]["rollout"]["revisions"] = [*kept, failed]
    stage.cluster.behind[MODELDEPLOYMENT] = body
    stage.clock.forward(5)
    stage.run()
    assert stage.selected == a
    assert outcome(stage, b).failed


def test_each_transition_leaves_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bastaix.reconcile.transitions")
    stage, a, b = promoted()
    for _ in range(2):
        stage.clock.forward(61)
        stage.run()
        stage.take_down()
    stage.set(COMMIT, "c" * 40)
    stage.run()
    (c,) = there(stage) - {b}
    stage.bring_up(c)
    stage.say(FAILED, c)
    stage.run()
    stage.take_down()
    ask_for(stage, f"rollback:{hash_of(a)}@{generation(stage)}")
    stage.run()
    stage.bring_up(a)
    stage.run()
    lines = [record.getMessage() for record in caplog.records]
    wanted = [
        (f"promotion revision={hash_of(a)} reason=Promoted", 1),
        (f"promotion revision={hash_of(b)} reason=Promoted", 2),
        (f"removal revision={hash_of(a)} reason=Superseded", 2),
        (f"failure revision={hash_of(c)} reason=DependencyMissing", 3),
        (f"withdrawal revision={hash_of(c)} reason=DependencyMissing", 3),
        (f"rollback revision={hash_of(a)} reason=RolledBack", 3),
    ]
    assert len(lines) == len(wanted), lines
    for line, (text, number) in zip(lines, wanted, strict=True):
        assert line.startswith(f"demo/smollm2: {text} generation={number}: ")


def test_an_evaluation_that_ended_too_badly_is_believed_of_our_job_alone() -> None:
    stage, a, b = evaluating()
    end(stage, TOO_BAD)
    stage.run()
    assert outcome(stage, b).reason == "EvaluationFailed"
    assert [each for each in stage.listed(POD) if "eval" in each["metadata"]["name"]]
    assert there(stage) == {a}
