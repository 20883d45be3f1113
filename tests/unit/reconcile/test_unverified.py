"""While the code of the spec is not verified nothing is started, and what is active goes on."""

import asyncio

import pytest

from bastaix.observe.verification import SOURCE_SECONDS
from bastaix.reconcile.cluster import Answer
from bastaix.reconcile.kinds import MODELDEPLOYMENT, RAYCLUSTER, RAYSERVICE, SERVICE
from bastaix.rollout.asks import SETTLE_SECONDS, UNREACHABLE_SECONDS
from tests.unit.bodies import with_field
from tests.unit.reconcile.fakes import status_of
from tests.unit.reconcile.stage import NAME, Stage, answering

COMMIT = "spec.source.git.commit"


def with_unverified_commit() -> Stage:
    """One revision answers, and the spec asks for a commit that nobody has checked yet."""
    stage = answering()
    stage.set(COMMIT, "b" * 40, checked=False)
    return stage


def digest_of(stage: Stage) -> str:
    digest: str = status_of(stage.cluster, NAME)["source"]["digest"]
    return digest


def test_nothing_is_started_before_the_code_is_verified() -> None:
    stage = Stage(checked=False)
    assert stage.run() == SOURCE_SECONDS
    assert stage.writes() == ["status ModelDeployment"]
    assert stage.ready["reason"] == "FetchingSource"
    assert stage.condition("Reconciling")["status"] == "True"
    stage.verify()
    stage.run()
    assert stage.writes()[:3] == ["create ControllerRevision", "apply Service", "apply RayService"]


def test_code_of_the_image_is_started_at_once() -> None:
    stage = Stage(checked=False, spec__source={"image": {}})
    stage.run()
    assert "apply RayService" in stage.writes()
    assert "bastaix-source" not in str(stage.rayservice)


@pytest.mark.parametrize(
    ("reason", "condition"), [("SecretNotFound", "Reconciling"), ("PathNotFound", "Stalled")]
)
def test_what_is_wrong_with_the_code_is_told_word_for_word(reason: str, condition: str) -> None:
    stage = Stage(checked=False)
    stage.refuse(reason, "what is wrong. What to do.")
    stage.run()
    assert stage.ready["reason"] == reason
    assert stage.ready["message"].startswith("what is wrong. What to do.")
    assert stage.condition(condition)["status"] == "True"


def test_the_active_revision_goes_on_while_another_is_not_verified() -> None:
    stage = with_unverified_commit()
    before = status_of(stage.cluster, NAME)
    stage.refuse("SourceNotFound", "no such commit")
    stage.run()
    assert stage.writes() == ["status ModelDeployment"]
    assert stage.ready["reason"] == "SourceNotFound"
    assert stage.condition("Serving")["status"] == "True"
    now = status_of(stage.cluster, NAME)
    assert (now["active"], now["replicas"]) == (before["active"], before["replicas"])
    stage.run()
    assert stage.writes() == []
    assert stage.probe.asked == 1


def test_after_a_restart_it_is_known_to_serve_and_is_not_asked() -> None:
    stage = with_unverified_commit()
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.condition("Serving")["status"] == "True"
    assert stage.probe.asked == 1


def test_it_is_repaired_and_scaled_meanwhile() -> None:
    stage = with_unverified_commit()
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6}, checked=False)
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "spec.selector.foo", "bar"))
    stage.run()
    assert stage.writes()[:3] == ["patch RayCluster", "apply Service", "apply RayService"]
    assert "foo" not in stage.cluster.body(SERVICE, NAME)["spec"]["selector"]
    (cluster,) = asyncio.run(stage.cluster.owned(RAYCLUSTER, NAME))
    assert cluster["spec"]["workerGroupSpecs"][0]["maxReplicas"] == 6
    assert stage.probe.asked == 2
    assert stage.ready["reason"] == "FetchingSource"


def test_it_is_scaled_by_the_name_that_its_own_app_gives_to_its_deployment() -> None:
    stage = with_unverified_commit()
    stage.set("spec.model.id", "larger", checked=False)
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6}, checked=False)
    stage.run()
    assert "LLMServer:smollm2" in stage.rayservice["spec"]["serveConfigV2"]
    assert "max_replicas: 6" in stage.rayservice["spec"]["serveConfigV2"]
    assert "larger" not in stage.rayservice["spec"]["serveConfigV2"]
    assert stage.condition("Serving")["status"] == "True"


def test_it_is_asked_again_after_its_pods_were_gone_meanwhile() -> None:
    stage = with_unverified_commit()
    stage.turn("worker", ready=False)
    stage.run()
    assert stage.condition("Serving")["status"] == "False"
    stage.turn("worker", ready=True)
    stage.run()
    assert stage.condition("Serving")["status"] == "True"
    assert stage.probe.asked == 2


def test_one_that_is_not_reached_is_asked_sooner_than_the_source_is_looked_at() -> None:
    stage = with_unverified_commit()
    stage.clock.forward(SETTLE_SECONDS)
    stage.turn("worker", ready=False)
    stage.run()
    stage.turn("worker", ready=True)
    stage.probe.answer = Answer("unreachable", "GET said nothing")
    assert stage.run() == UNREACHABLE_SECONDS
    stage.probe.answer = Answer("right", "")
    stage.clock.forward(UNREACHABLE_SECONDS)
    assert stage.run() == SOURCE_SECONDS
    assert stage.condition("Serving")["status"] == "True"


def test_after_a_restart_another_check_is_asked_once_the_code_is_verified() -> None:
    stage = answering()
    same = digest_of(stage)
    stage.set("spec.app.check", {"path": "/other"}, checked=False)
    stage.set(COMMIT, "b" * 40, checked=False)
    stage.reconciler = stage.restarted()
    stage.run()
    assert stage.condition("Serving")["status"] == "True"
    assert stage.probe.asked == 1
    stage.verify(same)
    stage.run()
    assert stage.probe.asked == 2


def test_a_rayservice_that_is_gone_is_made_again_meanwhile() -> None:
    stage = with_unverified_commit()
    active = stage.rayservice["metadata"]["name"]
    stage.cluster.vanish(RAYSERVICE, ("demo", active))
    stage.take_down()
    stage.run()
    assert stage.rayservice["metadata"]["name"] == active
    assert stage.condition("Serving")["status"] == "False"


def test_another_commit_of_the_same_content_restarts_nothing() -> None:
    stage = answering()
    same = digest_of(stage)
    stage.set(COMMIT, "b" * 40, checked=False)
    stage.verify(same)
    stage.run()
    assert stage.writes() == ["status ModelDeployment"]
    assert stage.ready["status"] == "True"
    assert status_of(stage.cluster, NAME)["active"]["commit"] == "b" * 40
    assert stage.probe.asked == 1


def test_suspending_waits_for_nobody() -> None:
    stage = with_unverified_commit()
    stage.set("spec.suspend", True, checked=False)
    stage.run()
    assert stage.writes() == ["delete RayService", "status ModelDeployment"]
    assert stage.ready["reason"] == "Suspended"


def test_resuming_with_code_that_is_not_verified_brings_the_active_revision_back() -> None:
    stage = answering()
    active = stage.rayservice["metadata"]["name"]
    stage.set("spec.suspend", True)
    stage.run()
    stage.take_down()
    stage.set(COMMIT, "b" * 40, checked=False)
    stage.set("spec.suspend", False, checked=False)
    stage.run()
    assert stage.rayservice["metadata"]["name"] == active
    assert stage.ready["reason"] == "FetchingSource"


def test_a_spec_that_cannot_be_rendered_takes_nothing_from_what_serves() -> None:
    stage = answering()
    stage.set("spec.model.source", "ftp://x")
    stage.run()
    assert stage.writes() == ["status ModelDeployment"]
    assert stage.ready["reason"] == "InvalidSpec"
    assert stage.condition("Serving")["status"] == "True"


def test_what_the_source_controller_said_stays_in_the_status() -> None:
    stage = answering()
    said = stage.condition("SourceVerified")
    stage.set("spec.suspend", True)
    stage.run()
    assert stage.condition("SourceVerified")["reason"] == said["reason"]
    assert digest_of(stage).startswith("sha256:")


def test_what_the_source_controller_says_anew_alone_makes_nothing_be_written() -> None:
    stage = answering()
    found = stage.cluster.body(MODELDEPLOYMENT, NAME)
    stage.cluster.put(MODELDEPLOYMENT, with_field(found, "status.source.files", 4))
    stage.run()
    assert stage.writes() == []


def test_a_service_that_is_not_ours_is_not_touched_meanwhile_and_all_else_goes_on() -> None:
    stage = with_unverified_commit()
    service = stage.cluster.body(SERVICE, NAME)
    stage.cluster.put(SERVICE, with_field(service, "metadata.ownerReferences", []))
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6}, checked=False)
    stage.run()
    assert stage.writes() == ["patch RayCluster", "apply RayService", "status ModelDeployment"]
