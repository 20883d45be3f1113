"""What bears our labels, or has a name that we need, and is not ours: it stops nothing else."""

import asyncio
import copy
from typing import Any

import pytest

from bastaix.api import names
from bastaix.reconcile.kinds import JOB, POD, RAYCLUSTER, RAYSERVICE, SERVICE, Kind
from bastaix.reconcile.strays import LEFTOVER_SECONDS
from tests.unit.bodies import with_field
from tests.unit.reconcile.rollouts import COMMIT, B, promoted, serves, there, with_candidate
from tests.unit.reconcile.stage import NAME, Stage, answering, controlled_by

COPY = "aaa-debug"


def copied(stage: Stage, name: str, *, keeps_owner: bool) -> None:
    """`kubectl get rayservice … -o yaml`, another name, and `kubectl apply`; KubeRay runs it."""
    found = copy.deepcopy(stage.cluster.body(RAYSERVICE, ("demo", name)))
    found["metadata"] = {**found["metadata"], "name": COPY, "uid": COPY}
    if not keeps_owner:
        found["metadata"]["ownerReferences"] = []
    stage.cluster.put(RAYSERVICE, found)
    stage.raycluster(COPY)
    for role in ("head", "worker"):
        stage.turn(role, ready=True, name=COPY)


def squatted(stage: Stage, kind: Kind, name: str) -> None:
    labels = {names.NAME_LABEL: NAME[1]} if kind == RAYSERVICE else {}
    metadata = {"namespace": "demo", "name": name, "labels": labels, "uid": "squatter"}
    stage.cluster.put(kind, {"metadata": metadata, "spec": {"selector": {"app": "theirs"}}})


@pytest.mark.parametrize("keeps_owner", [True, False])
def test_a_copied_rayservice_does_not_keep_a_new_commit_from_the_traffic(keeps_owner: bool) -> None:
    stage = answering()
    copied(stage, stage.rayservice["metadata"]["name"], keeps_owner=keeps_owner)
    stage.clock.forward(3600)
    before = there(stage)
    stage.set(COMMIT, B)
    stage.run()
    (b,) = there(stage) - before
    stage.bring_up(b)
    stage.run()
    assert stage.selected == b
    assert stage.ready["status"] == "True"


@pytest.mark.parametrize("keeps_owner", [True, False])
def test_a_copied_rayservice_does_not_stop_a_rollback(keeps_owner: bool) -> None:
    stage, a, b = promoted()
    copied(stage, b, keeps_owner=keeps_owner)
    stage.clock.forward(10)
    stage.run()
    stage.turn("worker", ready=False, name=b)
    stage.clock.forward(40)
    stage.run()
    assert stage.selected == a
    assert serves(stage)
    assert COPY in there(stage)


def test_pods_of_a_copy_are_not_replicas_of_what_was_copied() -> None:
    stage = answering()
    name = stage.rayservice["metadata"]["name"]
    copied(stage, name, keeps_owner=True)
    stage.turn("worker", ready=False, name=name)
    stage.run()
    assert not serves(stage)
    assert stage.status["replicas"]["ready"] == 0


def test_a_stranger_is_named_once_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage = answering()
    copied(stage, stage.rayservice["metadata"]["name"], keeps_owner=True)
    stage.run()
    stage.run()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("demo/smollm2: ignored")
    assert f"RayService {COPY}" in line
    assert len(line) < 300


def test_a_rayservice_that_has_a_name_we_need_is_refused_and_what_serves_goes_on() -> None:
    _, _, b = with_candidate()
    stage = answering()
    stage.clock.forward(3600)
    squatted(stage, RAYSERVICE, b)
    stage.set(COMMIT, B)
    stage.set("spec.scaling", {"minReplicas": 2, "maxReplicas": 6})
    assert stage.run() == 60
    assert stage.ready["reason"] == "NotOwned"
    assert f"RayService {b} exists" in stage.ready["message"]
    assert serves(stage)
    assert {"patch RayCluster", "apply Service"} & set(stage.writes())
    assert stage.cluster.body(RAYSERVICE, ("demo", b))["metadata"]["uid"] == "squatter"


def test_while_the_stable_service_is_somebody_elses_all_but_a_promotion_goes_on() -> None:
    stage, a, b = with_candidate()
    stage.cluster.vanish(SERVICE, NAME)
    squatted(stage, SERVICE, NAME[1])
    stage.notes.events.clear()
    stage.set("spec.scaling", {"minReplicas": 1, "maxReplicas": 6})
    stage.bring_up(b)
    assert stage.run() == 60
    assert stage.ready["reason"] == "NotOwned"
    assert "Service smollm2 exists" in stage.ready["message"]
    assert "patch RayCluster" in stage.writes()
    assert there(stage) == {a, b}
    stage.run()
    assert "Promoted" not in dict(stage.notes.events)
    assert not any("Service" in write.split() for write in stage.writes())


def test_it_goes_on_by_itself_when_the_name_of_the_stable_service_is_free() -> None:
    stage = Stage()
    squatted(stage, SERVICE, NAME[1])
    stage.run()
    assert stage.ready["reason"] == "NotOwned"
    stage.cluster.drop_stranger(SERVICE, NAME)
    stage.run()
    stage.bring_up()
    stage.run()
    assert stage.ready["status"] == "True"


def test_a_job_that_has_the_name_of_an_evaluation_keeps_the_candidate_waiting_and_says_so() -> None:
    stage, a, b = with_candidate()
    gate = {"dataset": {"configMapRef": {"name": "golden", "key": "g.jsonl"}}}
    stage.set("spec.rollout", {"gate": gate})
    squatted(stage, JOB, f"{b}-eval")
    stage.bring_up(b)
    assert stage.run() is not None
    assert stage.ready["reason"] == "NotOwned"
    assert f"Job {b}-eval exists" in stage.ready["message"]
    assert stage.selected == a
    assert serves(stage)


def forged(revision: str, uid: str) -> dict[str, Any]:
    """A Pod that a tenant made to look like one of a revision before."""
    owner = {"kind": "RayCluster", "name": "gone", "uid": "gone", "controller": True}
    labels = {names.NAME_LABEL: NAME[1], names.REVISION_LABEL: revision}
    metadata = {"namespace": "demo", "name": uid, "uid": uid, "labels": labels}
    return {"metadata": {**metadata, "ownerReferences": [owner]}, "spec": {}, "status": {}}


def test_a_pod_that_looks_left_over_holds_up_a_start_only_for_so_long() -> None:
    stage = Stage()
    stage.cluster.put(POD, forged("00000000", "forged-1"))
    assert stage.run() == 5
    assert stage.ready["reason"] == "Draining"
    assert not stage.rayservices
    stage.clock.forward(LEFTOVER_SECONDS - 10)
    # another one in its place gets no time of its own
    stage.cluster.vanish(POD, ("demo", "forged-1"))
    stage.cluster.put(POD, forged("00000000", "forged-2"))
    stage.run()
    assert not stage.rayservices
    stage.clock.forward(10)
    stage.run()
    assert len(stage.rayservices) == 1


def test_what_is_really_left_over_is_waited_for() -> None:
    stage, a, b = with_candidate(spec__rollout={"strategy": "Recreate"})
    assert there(stage) == set()
    assert not b
    assert "being removed" in stage.ready["message"]
    stage.take_down()
    stage.run()
    assert len(there(stage) - {a}) == 1


def test_a_pod_that_claims_our_cluster_for_another_revision_is_no_leftover() -> None:
    stage = answering()
    cluster = asyncio.run(stage.cluster.owned(RAYCLUSTER, NAME))[0]
    pod = forged("00000000", "forged-1")
    pod = with_field(pod, "metadata.ownerReferences", [controlled_by(cluster)])
    stage.cluster.put(POD, pod)
    stage.clock.forward(3600)
    before = there(stage)
    stage.set(COMMIT, B)
    stage.run()
    assert len(there(stage) - before) == 1
