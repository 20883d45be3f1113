"""The story of one ModelDeployment, from its first apply to its deletion, without a cluster."""

import asyncio
from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile.answers import Answers
from bastaix.reconcile.cluster import Answer, Refused
from bastaix.reconcile.kinds import (
    CONTROLLERREVISION,
    MODELDEPLOYMENT,
    POD,
    RAYCLUSTER,
    RAYSERVICE,
    SERVICE,
)
from bastaix.reconcile.plan import UNREACHABLE_SECONDS, WRONG_SECONDS
from bastaix.reconcile.reconciler import UNSUPPORTED_SECONDS, Reconciler
from tests.unit.bodies import body, with_field
from tests.unit.reconcile.fakes import Clock, FakeCluster, FakeProbe, Notebook, status_of

NAME = ("demo", "smollm2")


class Stage:
    """One ModelDeployment, the reconciler and all that is around it."""

    def __init__(self, **fields: Any) -> None:
        self.clock = Clock()
        self.cluster = FakeCluster(self.clock)
        self.probe = FakeProbe()
        self.notes = Notebook()
        self.reconciler = self.restarted()
        given = body()
        for field, value in fields.items():
            given = with_field(given, field.replace("__", "."), value)
        self.cluster.put(MODELDEPLOYMENT, given)

    def restarted(self) -> Reconciler:
        """A reconciler that remembers nothing."""
        answers = Answers(self.probe, self.notes, self.clock)
        return Reconciler(self.cluster, answers, self.notes, self.notes, self.clock)

    def run(self) -> float | None:
        return asyncio.run(self.reconciler.reconcile(NAME))

    def set(self, field: str, value: Any) -> None:
        before = self.cluster.body(MODELDEPLOYMENT, NAME)
        before["metadata"]["generation"] += 1
        self.cluster.put(MODELDEPLOYMENT, with_field(before, field, value))

    @property
    def rayservice(self) -> dict[str, Any]:
        (found,) = asyncio.run(self.cluster.owned(RAYSERVICE, NAME))
        return found

    @property
    def ready(self) -> dict[str, Any]:
        conditions = status_of(self.cluster, NAME)["conditions"]
        (found,) = [each for each in conditions if each["type"] == "Ready"]
        return dict(found)

    def writes(self) -> list[str]:
        """What was written since it was asked last."""
        written, self.cluster.writes = self.cluster.writes, []
        return written

    def bring_up(self) -> None:
        """What KubeRay and Kubernetes do once the RayService is there."""
        rayservice = self.rayservice
        name, labels = rayservice["metadata"]["name"], rayservice["metadata"]["labels"]
        one = {"status": "RUNNING", "message": ""}
        status = {"activeServiceStatus": {"applicationStatuses": {"app": one}}}
        self.cluster.put(RAYSERVICE, {**rayservice, "status": status})
        metadata = {"namespace": "demo", "name": name, "labels": labels}
        spec = rayservice["spec"]["rayClusterConfig"]
        self.cluster.put(RAYCLUSTER, {"metadata": metadata, "spec": spec})
        for role in ("head", "worker"):
            self.turn(role, ready=True)

    def turn(self, role: str, *, ready: bool) -> None:
        metadata = self.rayservice["metadata"]
        serves = "true" if role == "worker" else "false"
        labels = {"ray.io/node-type": role, "ray.io/serve": serves, **metadata["labels"]}
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        pod = {
            "metadata": {"namespace": "demo", "name": role, "labels": labels},
            "spec": {"containers": [{"name": "ray", "image": "x"}]},
            "status": {"phase": "Running", "conditions": [condition]},
        }
        self.cluster.put(POD, pod)

    def take_down(self) -> None:
        """What garbage collection does once a RayService is gone."""
        for kind in (RAYCLUSTER, POD):
            for found in asyncio.run(self.cluster.owned(kind, NAME)):
                self.cluster.vanish(kind, ("demo", found["metadata"]["name"]))


def answering() -> Stage:
    stage = Stage()
    stage.run()
    stage.bring_up()
    stage.run()
    assert stage.ready["status"] == "True"
    stage.writes()
    return stage


def test_the_first_look_writes_each_child_once_and_one_status() -> None:
    stage = Stage()
    assert stage.run() is None
    assert stage.writes() == [
        "create ControllerRevision",
        "apply RayService",
        "apply Service",
        "status ModelDeployment",
    ]
    assert stage.ready["reason"] == "StartingRay"


def test_a_second_look_writes_nothing() -> None:
    stage = Stage()
    stage.run()
    stage.writes()
    stage.run()
    stage.clock.forward(3600)
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.writes() == []
    assert stage.notes.events == []


def test_it_answers_once_and_is_ready() -> None:
    stage = Stage()
    stage.run()
    stage.clock.forward(100)
    stage.bring_up()
    assert stage.run() is None
    assert stage.ready["status"] == "True"
    assert stage.probe.asked == 1
    assert stage.notes.answers == [100]
    assert stage.notes.events == [("Ready", True)]
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
    assert status_of(stage.cluster, NAME) == before
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
        ("unreachable", "ProbeUnreachable", UNREACHABLE_SECONDS),
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
    stage.clock.forward(seconds - 1)
    assert stage.run() == 1
    assert stage.probe.asked == 1
    stage.clock.forward(1)
    stage.probe.answer = Answer("right", "")
    assert stage.run() is None
    assert stage.ready["status"] == "True"


def test_another_spec_waits_until_the_old_revision_is_gone() -> None:
    stage = answering()
    old = stage.rayservice["metadata"]["name"]
    stage.set("spec.source.git.commit", "b" * 40)
    stage.run()
    assert stage.writes() == [
        "create ControllerRevision",
        "delete RayService",
        "status ModelDeployment",
    ]
    stage.run()
    assert stage.ready["reason"] == "Draining"
    assert stage.writes() == []
    stage.take_down()
    stage.run()
    assert stage.writes() == ["apply RayService", "apply Service", "status ModelDeployment"]
    assert stage.rayservice["metadata"]["name"] != old
    stage.bring_up()
    stage.run()
    assert stage.ready["status"] == "True"
    assert stage.probe.asked == 2


def test_scaling_changes_both_and_no_revision() -> None:
    stage = answering()
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    stage.run()
    assert stage.writes() == ["apply RayService", "patch RayCluster", "status ModelDeployment"]
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


def test_a_refusal_that_nobody_understands_is_raised_for_the_queue() -> None:
    stage = Stage()
    stage.cluster.refusal = Refused(503, "ServiceUnavailable", "etcd is away")
    with pytest.raises(Refused):
        stage.run()


def test_a_spec_that_cannot_be_read_is_named() -> None:
    stage = Stage(spec__model=None)
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
