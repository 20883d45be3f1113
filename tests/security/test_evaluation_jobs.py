"""What Kubernetes' own Job controller says when a tenant puts a Pod of his own into an evaluation.

A real API server, the real Job controller with its own account, and the Job as the operator makes
it. There is no kubelet: how a Pod ends is written by hand. `mallory` holds the default `edit`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from bastaix.api import names
from bastaix.api.evaluation import EXIT_CODES
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.reconcile import kinds
from bastaix.reconcile.kinds import JOB, MODELDEPLOYMENT, POD
from bastaix.render.evaluation import OURS, OwnImage, evaluation_job
from bastaix.render.revision import revision
from bastaix.rollout import evaluate
from bastaix.rollout.evaluate import Evaluation
from cluster.control_plane import ControlPlane
from tests.api.operator_process import until
from tests.api.world import Object, World, modeldeployment
from tests.security.controllers import JOBS, kubernetes_controllers
from tests.security.tenants import mallory_in, reference_to

GATE = {"dataset": {"configMapRef": {"name": "golden", "key": "golden.jsonl"}}}
PASSED = {"outcome": "Passed", "message": "pass rate 1", "passRate": 1.0}
FAILED = {"outcome": "Failed", "message": "pass rate 0 is too low", "passRate": 0.0}
TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer of a Pod that the Job controller has not counted yet (Kubernetes 1.35)."""
DIGEST = f"sha256:{'5' * 64}"
AT_ONCE = {"gracePeriodSeconds": 0}

_numbers = itertools.count()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ControlPlane(tmp_path_factory.mktemp("plane")) as plane:
        world = World(plane)
        world.namespace("demo")
        world.install_ours()
        with kubernetes_controllers(plane, JOBS):
            yield world


@pytest.fixture
def namespace(world: World) -> str:
    return world.namespace(f"evaluation-{next(_numbers)}")


@pytest.fixture
def mallory(world: World, namespace: str) -> World:
    return mallory_in(world, namespace)


@pytest.fixture
def job(world: World, namespace: str) -> Object:
    """The evaluation, as the operator makes it; its Pod is there."""
    manifest = modeldeployment(namespace, rollout={"gate": GATE})
    md = ModelDeployment.from_body(world.apply(MODELDEPLOYMENT, manifest))
    image = OwnImage("registry.example/bastaix:1")
    candidate = revision(md, DIGEST)
    made = evaluation_job(md, candidate, baseline=None, image=image, trial="t", attempt=1)
    found = world.request("POST", JOB.path(namespace), made)
    until(lambda: pods(world, found), "the Job controller makes its Pod")
    return found


def pods(world: World, job: Object) -> list[Object]:
    return evaluate.pods_of(job, world.list(POD, job["metadata"]["namespace"]))  # type: ignore[return-value]


def now(world: World, job: Object) -> Object:
    return world.get(JOB, job["metadata"]["namespace"], job["metadata"]["name"]) or {}


def result(world: World, job: Object) -> Evaluation | None:
    """What the operator would take it for."""
    return evaluate.read(now(world, job), world.list(POD, job["metadata"]["namespace"]))


def over(world: World, job: Object) -> set[str]:
    """Complete or Failed, or neither."""
    conditions = (now(world, job).get("status") or {}).get("conditions") or ()
    types = {each["type"] for each in conditions if each["status"] == "True"}
    return types & {"Complete", "Failed"}


def end(world: World, pod: Object, said: Object) -> None:
    """What a kubelet writes when the container has ended."""
    code = EXIT_CODES[said["outcome"]]
    reason = "Error" if code else "Completed"
    ended = {"exitCode": code, "reason": reason, "message": json.dumps(said)}
    status = {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": OURS, "state": {"terminated": ended}}],
    }
    metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
    world.apply(POD, {"metadata": metadata, "status": status}, "status")


def put(user: World, job: Object, **metadata: Any) -> Object:
    """A Pod of the user's own that is the Job's in all that its maker may write."""
    namespace, labels = job["metadata"]["namespace"], job["spec"]["template"]["metadata"]["labels"]
    manifest = {
        "metadata": {
            "generateName": f"{job['metadata']['name']}-",
            "namespace": namespace,
            "labels": {**labels, names.JOB_UID_LABEL: job["metadata"]["uid"]},
            "ownerReferences": [reference_to(job, JOB)],
            "finalizers": [TRACKING],
            **metadata,
        },
        "spec": {
            "containers": [{"name": OURS, "image": "registry.example/mallory:1"}],
            "restartPolicy": "Never",
        },
    }
    return user.request("POST", POD.path(namespace), manifest)


def delete(user: World, pod: Object) -> None:
    path = POD.path(pod["metadata"]["namespace"], pod["metadata"]["name"])
    user.request("DELETE", path, AT_ONCE)


def test_an_evaluation_that_ends_by_itself_is_believed(world: World, job: Object) -> None:
    (pod,) = pods(world, job)
    end(world, pod, PASSED)
    until(lambda: over(world, job) == {"Complete"}, "the Job is complete")
    found = result(world, job)
    assert found is not None
    assert (found.outcome, found.pass_rate) == ("Passed", 1.0)


@pytest.mark.parametrize("finalizers", [[], [TRACKING]], ids=["counted", "uncounted"])
def test_a_failed_evaluation_is_turned_into_no_passed_one(
    world: World, mallory: World, job: Object, finalizers: list[str]
) -> None:
    (pod,) = pods(world, job)
    end(world, pod, FAILED)
    until(lambda: over(world, job) == {"Failed"}, "the Job has failed")
    found = result(world, job)
    assert found is not None
    assert found.outcome == "Failed"
    delete(mallory, pod)
    until(lambda: not pods(world, job), "its Pod is gone")
    end(world, put(mallory, job, finalizers=finalizers), PASSED)
    # once the Pod of another Job is there, the Job controller has seen what came before it
    again = world.request("POST", JOB.path(job["metadata"]["namespace"]), copy_of(job))
    until(lambda: pods(world, again), "the Job controller goes on")
    assert over(world, job) == {"Failed"}
    found = result(world, job)
    assert found is not None
    assert (found.outcome, found.pass_rate) == ("Error", None)
    assert found.message == "the evaluation says Passed, and its Job is Failed"


def copy_of(job: Object) -> Object:
    """Another Job, by which is seen that the controller is at work."""
    spec = {
        "backoffLimit": 0,
        "template": {"spec": job["spec"]["template"]["spec"]},
    }
    return {"metadata": {"name": f"{job['metadata']['name']}-other"}, "spec": spec}


def test_a_pod_deleted_before_its_end_fails_the_job_for_good(
    world: World, mallory: World, job: Object
) -> None:
    (pod,) = pods(world, job)
    delete(mallory, pod)
    until(lambda: over(world, job) == {"Failed"}, "the Job has failed")
    found = result(world, job)
    assert found is not None
    assert found.outcome == "Error"
    end(world, put(mallory, job), PASSED)
    found = result(world, job)
    assert found is not None
    assert found.outcome == "Error"


def test_a_second_pod_is_no_result_while_there_are_two(
    world: World, mallory: World, job: Object
) -> None:
    (pod,) = pods(world, job)
    # held by a finalizer of his own, as the Job controller deletes what is one too many
    end(world, put(mallory, job, finalizers=["mallory.example/stay"]), PASSED)
    assert len(pods(world, job)) == 2
    found = result(world, job)
    assert found is not None
    assert found.outcome == "Error"
    end(world, pod, FAILED)
    until(lambda: over(world, job) == {"Failed"}, "the Job has failed")
    found = result(world, job)
    assert found is not None
    assert found.outcome == "Error"


def test_a_pod_that_is_taken_from_the_job_controller_is_no_failure_of_its_job(
    world: World, mallory: World, job: Object
) -> None:
    """This is not promised either: the Job goes on, with whatever Pod takes its place."""
    (pod,) = pods(world, job)
    metadata = pod["metadata"]
    stripped = {"metadata": {"finalizers": None}}
    mallory.merge(POD, metadata["namespace"], metadata["name"], stripped)
    delete(mallory, pod)
    known = metadata["uid"]
    until(
        lambda: [each["metadata"]["uid"] for each in pods(world, job)] not in ([], [known]),
        "another Pod is there",
    )
    assert over(world, job) == set()


def test_who_may_change_pods_can_evaluate_in_the_place_of_the_evaluation(
    world: World, mallory: World, job: Object
) -> None:
    """This is not promised: docs/security.md says so, and this shows that it still has to."""
    namespace, ((pod,)) = job["metadata"]["namespace"], pods(world, job)
    image = {"spec": {"containers": [{"name": OURS, "image": "registry.example/mallory:1"}]}}
    path = kinds.POD.path(namespace, pod["metadata"]["name"])
    mallory.request("PATCH", path, image, "application/strategic-merge-patch+json")
    end(world, pod, PASSED)
    until(lambda: over(world, job) == {"Complete"}, "the Job is complete")
    found = result(world, job)
    assert found is not None
    assert found.outcome == "Passed"
