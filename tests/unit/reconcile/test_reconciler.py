"""The story of one ModelDeployment, from its first apply to its deletion, without a cluster."""

import asyncio
from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile.answers import UNREACHED
from bastaix.reconcile.cluster import Answer, NoAnswer, Refused, is_transient
from bastaix.reconcile.holders import DRAINING_SECONDS
from bastaix.reconcile.kinds import (
    CONTROLLERREVISION,
    MODELDEPLOYMENT,
    POD,
    RAYCLUSTER,
    RAYSERVICE,
    SERVICE,
)
from bastaix.reconcile.refusals import DENIED_SECONDS, UNSUPPORTED_SECONDS
from bastaix.rollout.asks import (
    LONGEST_SECONDS,
    SETTLE_SECONDS,
    UNREACHABLE_SECONDS,
    WRONG_SECONDS,
)
from tests.unit.bodies import with_field
from tests.unit.reconcile.fakes import status_of
from tests.unit.reconcile.stage import NAME, Stage, answering


def by_type(status: dict[str, Any]) -> dict[str, Any]:
    return {**status, "conditions": {each["type"]: each for each in status["conditions"]}}


def test_the_first_look_writes_each_child_once_and_one_status() -> None:
    stage = Stage()
    assert stage.run() is None
    assert stage.writes() == [
        "create ControllerRevision",
        "status ModelDeployment",  # that it is remembered is seen before anything is started
        "apply Service",
        "apply RayService",
        "status ModelDeployment",
    ]
    assert stage.ready["reason"] == "StartingRay"


def test_a_second_look_writes_nothing() -> None:
    stage = Stage()
    stage.run()
    stage.writes()
    stage.run()
    stage.clock.forward(600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.writes() == []
    assert stage.notes.events == []


def test_what_fails_at_the_first_look_is_told_in_an_event_too() -> None:
    stage = Stage(checked=False)
    stage.refuse("SecretNotFound", "namespace demo has no Secret git-token")
    stage.run()
    assert stage.notes.events == [("SecretNotFound", False)]
    stage.run()
    assert len(stage.notes.events) == 1


def test_it_answers_once_and_is_ready() -> None:
    stage = Stage()
    stage.run()
    stage.clock.forward(100)
    stage.bring_up()
    assert stage.run() is None
    assert stage.ready["status"] == "True"
    assert stage.probe.asked == 1
    assert stage.notes.answers == [100]
    events = [("AwaitingAnswer", True), ("Promoted", True), ("Ready", True)]
    assert stage.notes.events == events
    assert len(stage.probe.candidates) == 1
    assert stage.notes.standings == {NAME: (True, "Ready")}
    stage.run()
    assert stage.probe.asked == 1


def test_after_a_restart_what_was_answered_is_known_from_the_status() -> None:
    stage = answering()
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.probe.asked == 1
    assert stage.writes() == []


def test_a_status_that_was_wiped_comes_back() -> None:
    stage = answering()
    stage.reconciler = stage.restarted()
    wiped = stage.cluster.body(MODELDEPLOYMENT, NAME)
    before = wiped.pop("status")
    stage.cluster.put(MODELDEPLOYMENT, wiped)
    stage.run()
    assert stage.ready["reason"] == "FetchingSource"
    stage.verify()
    stage.run()
    assert by_type(status_of(stage.cluster, NAME)) == by_type(before)
    assert stage.probe.asked == 2


def test_it_is_asked_again_after_its_pods_were_gone() -> None:
    stage = answering()
    stage.turn("worker", ready=False)
    stage.run()
    assert stage.ready["reason"] == "AwaitingAnswer"
    assert stage.probe.asked == 1
    stage.turn("worker", ready=True)
    stage.run()
    assert stage.ready["status"] == "True"
    assert stage.probe.asked == 2
    assert stage.notes.answers == [0]


def test_it_is_asked_again_after_the_selector_was_written() -> None:
    stage = answering()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "spec.selector", {"a": "b"}))
    stage.run()
    assert stage.writes()[0] == "apply Service"
    assert stage.probe.asked == 2


@pytest.mark.parametrize(
    ("outcome", "reason", "seconds"),
    [
        ("wrong", "WrongAnswer", WRONG_SECONDS),
        ("late", "AnswerLate", UNREACHABLE_SECONDS),
        ("unreachable", "AwaitingAnswer", UNREACHABLE_SECONDS),
    ],
)
def test_another_answer_is_told_and_asked_for_again(
    outcome: Any, reason: str, seconds: float
) -> None:
    stage = Stage()
    stage.probe.answer = Answer(outcome, "GET said no")
    stage.run()
    stage.bring_up()
    assert stage.run() == seconds
    assert stage.ready["reason"] == reason
    assert stage.ready["message"].startswith("GET said no")
    stage.clock.forward(seconds / 2)
    assert stage.run() == seconds / 2
    assert len(stage.probe.candidates) == 1
    stage.clock.forward(seconds / 2)
    stage.probe.answer = Answer("right", "")
    assert stage.run() is None
    assert stage.ready["status"] == "True"


def test_what_is_not_reached_is_a_failure_only_after_some_times() -> None:
    stage = Stage()
    stage.probe.answer = Answer("unreachable", "no route")
    stage.run()
    stage.bring_up()
    told = []
    for _ in range(UNREACHED + 1):
        after = stage.run()
        assert after is not None
        told.append(stage.ready["reason"])
        stage.clock.forward(after)
    assert told == ["AwaitingAnswer"] * (UNREACHED - 1) + ["ProbeUnreachable"] * 2


def test_scaling_changes_both_and_no_revision() -> None:
    stage = answering()
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    stage.run()
    assert stage.writes() == ["patch RayCluster", "apply RayService", "status ModelDeployment"]
    (cluster,) = asyncio.run(stage.cluster.owned(RAYCLUSTER, NAME))
    assert cluster["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 6
    assert stage.probe.asked == 1


def test_a_kept_rendering_is_used_as_it_is() -> None:
    stage = Stage()
    stage.run()
    (kept,) = asyncio.run(stage.cluster.owned(CONTROLLERREVISION, NAME))
    version = "data.template.rayClusterConfig.rayVersion"
    stage.cluster.put(CONTROLLERREVISION, with_field(kept, version, "2.52.0"))
    stage.run()
    assert stage.rayservice["spec"]["rayClusterConfig"]["rayVersion"] == "2.52.0"


def test_suspending_deletes_the_rayservice_alone() -> None:
    stage = answering()
    stage.set("spec.suspend", True)
    stage.run()
    assert stage.writes() == ["delete RayService", "status ModelDeployment"]
    assert stage.ready["reason"] == "Suspended"
    assert stage.notes.events[-1] == ("Suspended", True)
    stage.run()
    assert stage.writes() == []


def test_without_kuberay_it_says_so_and_goes_on_when_it_comes() -> None:
    stage = Stage()
    stage.cluster.has_kuberay = False
    stage.run()
    assert stage.ready["reason"] == "KubeRayAbsent"
    assert "apply RayService" not in stage.writes()
    stage.cluster.has_kuberay = True
    stage.run()
    assert "apply RayService" in stage.writes()


@pytest.mark.parametrize("kind", [RAYSERVICE, SERVICE, CONTROLLERREVISION])
@pytest.mark.parametrize("labelled", [True, False])
def test_what_is_not_ours_is_never_written(kind: Any, labelled: bool) -> None:
    stage = Stage()
    sample = Stage()
    sample.run()
    (ours,) = asyncio.run(sample.cluster.owned(kind, NAME))
    stranger = with_field(ours, "metadata.ownerReferences", [])
    if not labelled:
        stranger["metadata"]["labels"] = {}
    stage.cluster.put(kind, stranger)
    assert stage.run() == 60
    assert stage.ready["reason"] == "NotOwned"
    assert f"{kind.name} {ours['metadata']['name']}" in stage.ready["message"]
    assert f"apply {kind}" not in stage.writes()


@pytest.mark.parametrize(
    ("refusal", "reason", "again"),
    [
        (
            Refused(500, "", ".spec.rayClusterConfig.authOptions: field not declared in schema"),
            "KubeRayUnsupported",
            UNSUPPORTED_SECONDS,
        ),
        (
            Refused(400, "BadRequest", 'strict decoding error: unknown field "spec.x"'),
            "KubeRayUnsupported",
            UNSUPPORTED_SECONDS,
        ),
        (Refused(422, "Invalid", "spec.y: too long"), "RayServiceRefused", None),
    ],
)
def test_a_refused_rayservice_is_explained(
    refusal: Refused, reason: str, again: float | None
) -> None:
    stage = Stage()
    stage.cluster.refusal = refusal
    assert stage.run() == again
    assert stage.ready["reason"] == reason
    assert refusal.message.split(":")[0] in stage.ready["message"]


def test_a_refusal_that_nobody_understands_is_told_and_tried_again() -> None:
    stage = Stage()
    stage.cluster.refusal = Refused(403, "Forbidden", "no rayservices here " + "x" * 1000)
    assert stage.run() == DENIED_SECONDS
    assert stage.ready["reason"] == "ApiRefused"
    assert "apply RayService" in stage.ready["message"]
    assert "no rayservices here" in stage.ready["message"]
    assert len(stage.ready["message"]) < 500
    stage.run()
    assert stage.ready["reason"] == "StartingRay"


TROUBLE = [
    Refused(401, "Unauthorized", "the token cannot be checked just now"),
    Refused(404, "", ""),  # of a proxy in between
    Refused(409, "AlreadyExists", "the object is being deleted"),
    Refused(410, "Expired", "the resource version is too old"),
    Refused(429, "TooManyRequests", "too much to do"),
    Refused(500, "InternalError", "etcdserver: leader changed"),
    Refused(502, "", ""),
    Refused(503, "ServiceUnavailable", "starting"),
    Refused(504, "Timeout", "the request did not complete in time"),
    NoAnswer("Connection reset by peer"),
]


@pytest.mark.parametrize("trouble", TROUBLE, ids=str)
def test_trouble_of_the_api_server_is_raised_for_the_queue_and_told_nobody(
    trouble: Refused | NoAnswer,
) -> None:
    stage = answering()
    stage.set("spec.source.git.commit", "b" * 40)
    before = stage.status
    stage.cluster.refusal = trouble
    with pytest.raises(type(trouble)):
        stage.run()
    assert stage.status == before
    assert is_transient(trouble)


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_refusal_that_comes_again_is_told(status: int) -> None:
    stage = Stage()
    stage.cluster.refusal = Refused(status, "Reason", "never like this")
    stage.run()
    assert "never like this" in stage.ready["message"]


def test_where_somebody_else_was_faster_it_looks_again_at_once_and_tells_nobody() -> None:
    stage = Stage()
    stage.cluster.refusal = Refused(409, "Conflict", "the object has been modified")
    stage.run()
    assert stage.ready["reason"] == "StartingRay"
    assert stage.writes().count("apply RayService") == 2
    assert stage.notes.events == []


def test_a_spec_that_cannot_be_rendered_is_named() -> None:
    stage = Stage(spec__model__source="ftp://x")
    assert stage.run() is None
    assert stage.ready["reason"] == "InvalidSpec"
    assert "ftp://x" in stage.ready["message"]
    assert stage.writes() == ["status ModelDeployment"]


def test_a_field_of_affinity_that_does_not_exist_is_the_users_to_correct() -> None:
    stage = Stage()
    path = ".spec.rayClusterConfig.headGroupSpec.template.spec.affinity.nodAffinity"
    stage.cluster.refusal = Refused(500, "", f"{path}: field not declared in schema")
    assert stage.run() is None
    assert stage.ready["reason"] == "InvalidSpec"
    assert "spec.runtime.affinity.nodAffinity" in stage.ready["message"]


@pytest.mark.parametrize("strategy", ["BlueGreen", "Recreate"])
def test_the_old_revision_stays_when_the_new_one_is_refused(strategy: str) -> None:
    stage = answering(spec__rollout={"strategy": strategy})
    old = stage.rayservice["metadata"]["name"]
    stage.set("spec.source.git.commit", "b" * 40)
    stage.cluster.refusal = Refused(422, "Invalid", "spec.y: too long")
    stage.run()
    assert stage.ready["reason"] == "RayServiceRefused"
    assert stage.rayservice["metadata"]["name"] == old
    assert "delete RayService" not in stage.writes()


def test_a_quota_that_the_old_revision_fills_does_not_keep_it() -> None:
    stage = answering(spec__rollout={"strategy": "Recreate"})
    stage.set("spec.source.git.commit", "b" * 40)
    stage.cluster.refusal = Refused(403, "Forbidden", "exceeded quota: one RayService")
    stage.run()
    assert "delete RayService" in stage.writes()


def test_an_answer_to_another_check_does_not_count() -> None:
    stage = answering()
    stage.clock.forward(SETTLE_SECONDS)
    stage.probe.answer = Answer("wrong", "GET said no")
    stage.set("spec.app.check", {"path": "/never"})
    stage.run()
    assert stage.probe.asked == 2
    assert stage.ready["reason"] == "WrongAnswer"


def test_after_a_restart_an_answer_to_another_generation_does_not_count() -> None:
    stage = answering()
    stage.reconciler = stage.restarted()
    stage.set("spec.app.check", {"path": "/never"})
    stage.run()
    assert stage.probe.asked == 2


def test_an_app_that_is_not_reached_is_asked_less_and_less_often() -> None:
    stage = Stage()
    stage.probe.answer = Answer("unreachable", "GET said nothing")
    stage.run()
    stage.bring_up()
    waits = []
    for _ in range(8):
        waits.append(stage.run() or 0)
        stage.clock.forward(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_SECONDS, LONGEST_SECONDS]


@pytest.mark.parametrize("kind", [RAYSERVICE, RAYCLUSTER, POD])
def test_what_only_bears_our_labels_holds_up_nothing_and_is_not_written(kind: Any) -> None:
    stage = answering()
    (ours, *_) = asyncio.run(stage.cluster.owned(kind, NAME))
    stray = with_field(ours, "metadata.ownerReferences", [])
    stray["metadata"] = {**stray["metadata"], "name": "stray", "uid": "stray"}
    former = {**stray["metadata"]["labels"], "serving.bastaix.dev/revision": "00000000"}
    stage.cluster.put(kind, with_field(stray, "metadata.labels", former))
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    stage.run()
    assert stage.ready["status"] == "True"
    assert stage.writes() == ["patch RayCluster", "apply RayService", "status ModelDeployment"]


def test_a_stray_raycluster_of_our_revision_is_not_scaled() -> None:
    stage = answering()
    (ours,) = asyncio.run(stage.cluster.owned(RAYCLUSTER, NAME))
    stray = with_field(ours, "metadata.ownerReferences", [])
    stray["metadata"] = {**stray["metadata"], "name": "stray", "uid": "stray"}
    stage.cluster.put(RAYCLUSTER, stray)
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    stage.run()
    assert stage.writes().count("patch RayCluster") == 1


@pytest.mark.parametrize("kind", [RAYSERVICE, SERVICE, CONTROLLERREVISION])
def test_what_is_left_of_one_that_had_the_name_before_is_waited_for(kind: Any) -> None:
    stage = answering()
    (ours,) = asyncio.run(stage.cluster.owned(kind, NAME))
    (owner,) = ours["metadata"]["ownerReferences"]
    left = with_field(ours, "metadata.ownerReferences", [{**owner, "uid": "another"}])
    stage.cluster.put(kind, left)
    assert stage.run() == DRAINING_SECONDS
    assert stage.ready["reason"] == "Draining"
    assert f"apply {kind}" not in stage.writes()


def test_a_selector_with_a_key_too_many_is_repaired_and_asked_through() -> None:
    stage = answering()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "spec.selector.foo", "bar"))
    stage.run()
    assert "foo" not in stage.cluster.body(SERVICE, NAME)["spec"]["selector"]
    assert stage.probe.asked == 2


def test_a_port_that_somebody_added_is_left_alone() -> None:
    stage = answering()
    service = stage.cluster.body(SERVICE, NAME)
    ports = [{"name": "theirs", "port": 81}, *service["spec"]["ports"]]
    stage.cluster.put(SERVICE, with_field(service, "spec.ports", ports))
    stage.run()
    assert stage.writes() == []


def test_a_service_that_led_right_all_the_time_is_repaired_without_asking() -> None:
    stage = answering()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "metadata.annotations", {}))
    stage.run()
    assert stage.writes() == ["apply Service"]
    assert stage.probe.asked == 1


def test_suspended_pods_are_told_of_until_they_are_gone() -> None:
    stage = answering()
    stage.set("spec.suspend", True)
    stage.run()
    stage.run()
    assert "being removed" in stage.ready["message"]
    stage.take_down()
    stage.run()
    assert "no Pods run" in stage.ready["message"]


def test_a_spec_that_cannot_be_read_is_named() -> None:
    stage = Stage(checked=False, spec__model=None)
    assert stage.run() is None
    assert stage.ready["reason"] == "InvalidSpec"
    assert "spec.scaling.deployment" in stage.ready["message"]
    assert stage.writes() == ["status ModelDeployment"]


def test_of_old_renderings_ten_are_kept_and_the_current_is_among_them() -> None:
    stage = Stage()
    for number in range(13):
        stage.set("spec.source.git.commit", f"{number:040x}")
        stage.clock.forward(60)
        stage.run()
        stage.run()
    kept = asyncio.run(stage.cluster.owned(CONTROLLERREVISION, NAME))
    commits = {each["data"]["commit"] for each in kept}
    assert commits == {f"{number:040x}" for number in range(3, 13)}


@pytest.mark.parametrize("deleted", [True, False])
def test_what_is_deleted_is_left_alone_and_forgotten(deleted: bool) -> None:
    stage = answering()
    if deleted:
        stage.cluster.vanish(MODELDEPLOYMENT, NAME)
    else:
        stage.set("metadata.deletionTimestamp", "2026-01-01T00:00:00Z")
    assert stage.run() is None
    assert stage.writes() == []
    assert stage.notes.standings == {}


def test_every_applied_child_is_stamped_and_labelled() -> None:
    stage = Stage()
    stage.run()
    for kind in (RAYSERVICE, SERVICE):
        (child,) = asyncio.run(stage.cluster.owned(kind, NAME))
        metadata = child["metadata"]
        assert len(metadata["annotations"][names.APPLIED_ANNOTATION]) == 16
        assert metadata["labels"][names.MANAGED_BY_LABEL] == names.MANAGED_BY
