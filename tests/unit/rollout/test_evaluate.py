"""How an evaluation ended, from what its Job, its Pod and an image of anybody's left behind."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bastaix.api import names
from bastaix.api.evaluation import EXIT_CODES, Outcome
from bastaix.rollout.evaluate import MAX_IDS_BYTES, Evaluation, ended_at, read, reported

DIGEST = f"sha256:{'5' * 64}"
RESULT = {
    "outcome": "Failed",
    "message": "pass rate 0.9 is 0.05 too low",
    "dataset": DIGEST,
    "cases": 10,
    "passRate": 0.9,
    "errorRate": 0.0,
    "ttftP95Seconds": 0.2,
    "failed": ["italy"],
}


def job(type: str | None = None, reason: str | None = None, **status: Any) -> dict[str, Any]:
    conditions = [{"type": type, "status": "True", "reason": reason}] if type else []
    return {
        "metadata": {"uid": "job-2"},
        "spec": {"activeDeadlineSeconds": 660},
        "status": {"conditions": conditions, **status},
    }


def over(code: int) -> dict[str, Any]:
    """As the Job controller leaves a Job whose one Pod has ended with this exit code."""
    if code == 0:
        return job("Complete", succeeded=1)
    return job("Failed", "BackoffLimitExceeded", failed=1)


def pod(owner: str = "job-2", name: str = "evaluator", **fields: Any) -> dict[str, Any]:
    state = fields.pop("state", None)
    labels = fields.pop("labels", {names.JOB_UID_LABEL: owner})
    containers = [{"name": name, "state": state}] if state else []
    status = {"containerStatuses": containers, **fields}
    owners = [{"uid": owner, "controller": True}]
    return {"metadata": {"ownerReferences": owners, "labels": labels}, "status": status}


def ended(
    code: int, message: Any = None, reason: str = "Error", name: str = "evaluator"
) -> dict[str, Any]:
    text = message if isinstance(message, str | None) else json.dumps(message)
    terminated = {"exitCode": code, "reason": reason, "message": text}
    return pod(name=name, state={"terminated": terminated})


def outcome(*pods: dict[str, Any], of: dict[str, Any] | None = None) -> Outcome:
    found = read(of or job(), pods)
    assert found is not None
    return found.outcome


def test_a_result_is_read_whole() -> None:
    assert read(over(1), [ended(1, RESULT)]) == Evaluation(
        outcome="Failed",
        message="pass rate 0.9 is 0.05 too low",
        pass_rate=0.9,
        cases=10,
        error_rate=0.0,
        ttft_p95_seconds=0.2,
        dataset=DIGEST,
        failed=("italy",),
    )


@pytest.mark.parametrize(
    "waiting",
    [
        [],
        [pod(phase="Pending")],
        [pod(state={"waiting": {"reason": "ImagePullBackOff"}})],
        [pod(state={"waiting": {"reason": "CreateContainerConfigError"}})],
        [pod(state={"running": {}})],
    ],
)
def test_what_waits_or_runs_has_not_ended(waiting: list[dict[str, Any]]) -> None:
    assert read(job(), waiting) is None


@pytest.mark.parametrize(
    "of",
    [
        job("Failed", "BackoffLimitExceeded", failed=1),
        job("Complete"),
        job("Complete", succeeded=2),
    ],
)
def test_a_pod_that_says_passed_where_its_job_does_not_is_an_error(of: dict[str, Any]) -> None:
    assert outcome(ended(0), of=of) == "Error"


def test_a_pod_that_says_failed_where_its_job_is_complete_is_an_error() -> None:
    assert outcome(ended(1), of=over(0)) == "Error"


@pytest.mark.parametrize("code", [0, 1, 3])
def test_no_pod_is_believed_before_its_job_is_over(code: int) -> None:
    assert read(job(), [ended(code)]) is None


def test_an_artifact_that_is_another_one_is_named() -> None:
    said = "the artifact has the sha256 1, and the revision names 2"
    ended = {"exitCode": names.MISMATCH_EXIT_CODE, "message": f"{said}\n"}
    check = {"name": names.SOURCE_CHECK_CONTAINER, "state": {"terminated": ended}}
    waits = {"name": "evaluator", "state": {"waiting": {"reason": "PodInitializing"}}}
    replaced = pod(phase="Failed", initContainerStatuses=[check])
    replaced["metadata"]["name"] = "eval-x"
    replaced["status"]["containerStatuses"] = [waits]
    found = read(over(1), [replaced])
    assert found is not None
    assert (found.outcome, found.message) == ("Error", f"ArtifactMismatch: Pod eval-x: {said}")


def test_two_pods_of_one_job_are_an_error_whatever_they_say() -> None:
    assert outcome(ended(0), ended(0), of=over(0)) == "Error"
    assert outcome(ended(0), pod(state={"running": {}})) == "Error"


def test_a_pod_without_the_job_controllers_label_does_not_count() -> None:
    forged = {**ended(0), "metadata": {**ended(0)["metadata"], "labels": {}}}
    assert read(job(), [forged]) is None
    assert outcome(ended(1), forged, of=over(1)) == "Failed"


def test_the_pod_of_an_earlier_attempt_does_not_count() -> None:
    assert read(job(), [pod(owner="job-1", state={"terminated": {"exitCode": 0}})]) is None


def test_what_somebody_puts_beside_it_does_not_count() -> None:
    assert read(job(), [pod(name="istio-proxy", state={"terminated": {"exitCode": 0}})]) is None


@pytest.mark.parametrize(
    ("code", "expected"),
    [(0, "Passed"), (1, "Failed"), (2, "Error"), (3, "Inconclusive"), (42, "Error")],
)
def test_an_image_of_the_users_may_say_nothing_but_its_exit_code(
    code: int, expected: Outcome
) -> None:
    assert outcome(ended(code), of=over(code)) == expected


@pytest.mark.parametrize("code", [0, 1, 2, 3, 143])
def test_ours_without_a_result_has_crashed(code: int) -> None:
    assert outcome(ended(code, name="bastaix-eval"), of=over(code)) == "Error"


@pytest.mark.parametrize("text", ["all is well", "[]", "1", "[" * 4000, '{"outcome": "Passed"'])
@pytest.mark.parametrize("code", [0, 1, 3])
def test_what_is_not_the_agreed_json_is_an_error_whatever_the_exit_code(
    code: int, text: str
) -> None:
    assert outcome(ended(code, text), of=over(code)) == "Error"


@pytest.mark.parametrize(
    ("said", "code"), [("Passed", 1), ("Passed", 2), ("Failed", 0), ("Error", 0), ("Failed", 3)]
)
def test_a_result_that_contradicts_the_exit_code_is_an_error(said: str, code: int) -> None:
    assert outcome(ended(code, {**RESULT, "outcome": said}), of=over(code)) == "Error"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("outcome", "passed"),
        ("outcome", ["Passed"]),
        ("message", 1),
        ("passRate", 1.5),
        ("passRate", -0.1),
        ("passRate", True),
        ("passRate", "1"),
        ("passRate", float("nan")),
        ("errorRate", 2),
        ("cases", float("inf")),
        ("cases", -1),
        ("ttftP95Seconds", "1s"),
        ("dataset", "golden.jsonl"),
        ("failed", "italy"),
        ("failed", [1]),
        ("failed", ["a\nb"]),
        ("failed", ["x" * 129]),
    ],
)
def test_a_field_that_is_wrong_is_an_error_that_names_it(key: str, value: Any) -> None:
    found = read(over(1), [ended(1, {**RESULT, key: value})])
    assert found is not None
    assert found.outcome == "Error"
    assert f"{key} must be" in found.message


def test_a_message_becomes_one_short_line_that_can_be_printed() -> None:
    found = read(over(0), [ended(0, {"message": "a\n\x1b[2Jb" + "x" * 999})])
    assert found is not None
    assert found.outcome == "Passed"
    assert found.message.startswith("a [2Jbxxx")
    assert len(found.message) == 300


def test_more_failed_ids_than_agreed_are_cut() -> None:
    found = read(over(1), [ended(1, {**RESULT, "failed": [str(n) for n in range(99)]})])
    assert found is not None
    assert len(found.failed) == 20


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([ended(137, RESULT, reason="OOMKilled")], "ran out of memory"),
        ([ended(128, reason="StartError")], "could not run: StartError"),
        ([ended(128, reason="Weird\nreason")], "could not run: unknown"),
        ([pod(phase="Failed", reason="Evicted")], "was ended: Evicted"),
        ([pod(phase="Succeeded")], "its result is not there"),
    ],
)
def test_what_the_infrastructure_ended_is_an_error(pods: list[dict[str, Any]], said: str) -> None:
    found = read(job(), pods)
    assert found is not None
    assert found.outcome == "Error"
    assert said in found.message


def test_a_job_that_took_too_long_is_an_error_with_what_may_be_wrong() -> None:
    found = read(job("Failed", "DeadlineExceeded"), [ended(143)])
    assert found is not None
    assert found.outcome == "Error"
    assert "had not ended after 660 s" in found.message
    assert outcome(of=job("Failed", "DeadlineExceeded")) == "Error"


def test_a_job_that_is_over_and_whose_pod_is_gone_is_an_error() -> None:
    assert outcome(of=job("Complete")) == "Error"
    assert outcome(of=job("Failed", "BackoffLimitExceeded")) == "Error"


def test_a_pod_that_is_seen_later_than_its_job_is_waited_for() -> None:
    assert read(job("Complete"), [pod(state={"running": {}})]) is None


PRINTABLE = st.characters(exclude_categories=["C", "Z"])
RATES = st.none() | st.floats(0, 1)
EVALUATIONS = st.builds(
    Evaluation,
    outcome=st.sampled_from(sorted(EXIT_CODES)),
    message=st.text(PRINTABLE, max_size=300),
    pass_rate=RATES,
    cases=st.none() | st.integers(0, 10_000),
    error_rate=RATES,
    ttft_p95_seconds=st.none() | st.floats(0, 1e6),
    dataset=st.none() | st.just(DIGEST),
    failed=st.lists(st.text(PRINTABLE, min_size=1, max_size=128), max_size=20).map(tuple),
)


def test_what_is_reported_has_the_form_that_came_but_for_the_message() -> None:
    found = read(over(1), [ended(1, json.dumps(RESULT))])
    assert found is not None
    assert reported(found) == {key: RESULT[key] for key in RESULT if key != "message"}


@given(EVALUATIONS)
def test_what_is_reported_has_the_first_ids_that_there_is_room_for(given: Evaluation) -> None:
    failed = reported(given).get("failed", [])
    assert len(json.dumps(failed)) <= MAX_IDS_BYTES
    assert failed == list(given.failed[: len(failed)])


def test_short_ids_are_reported_all() -> None:
    ids = tuple(f"case-{number}" for number in range(20))
    assert reported(Evaluation(outcome="Failed", message="", failed=ids))["failed"] == list(ids)


def test_when_it_ended_is_read_from_the_condition_that_says_so() -> None:
    at = "2026-01-01T12:00:00Z"
    over = {"type": "Failed", "status": "True", "lastTransitionTime": at}
    assert ended_at(job()) is None
    assert ended_at({**job(), "status": {"conditions": [over]}}) == datetime.fromisoformat(at)


@given(st.integers(-1, 255), st.text() | st.recursive(st.none(), st.lists).map(json.dumps))
def test_whatever_an_image_leaves_is_read_without_a_fault(code: int, text: str) -> None:
    found = read(over(code), [ended(code, text)])
    assert found is not None
    assert found.message.isprintable()
