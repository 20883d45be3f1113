"""Where a revision stands, from what KubeRay and Kubernetes say: a sentence a state."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.observe.diagnose import diagnose, findings
from bastaix.observe.observed import Observed
from tests.unit.observe.scenes import (
    ANSWERING,
    HASH,
    LATER,
    NOW,
    PODS,
    UP,
    app,
    check,
    container,
    pod,
    raycluster,
    rayservice,
    ready,
    running,
    scene,
)

HEAD = ready("head")
NO_NODE = [
    {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available: 1 Insufficient memory.",
    }
]
BACK_OFF = container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})
NO_SECRET = container(
    waiting={"reason": "CreateContainerConfigError", "message": 'secret "hub" not found'}
)
CREATING = container(waiting={"reason": "ContainerCreating"})
INITIALIZING = container(waiting={"reason": "PodInitializing"})
CRASHED = container(
    terminated={"exitCode": 127, "reason": "Error", "message": "starting\nexec: ray: not found"}
)
NO_CLAIM = [{**NO_NODE[0], "message": 'persistentvolumeclaim "models" not found'}]
KILLED = container(terminated={"exitCode": 137, "reason": "OOMKilled"})
UNPLACED = (
    "Deployment 'LLMServer:smollm2' in application 'smollm2' has 1 replicas that have taken"
    ' more than 30s to be scheduled. Resources required for each replica: [{"CPU": 2.0}], total'
    " resources available: {}."
)
SLOW = "1 replicas that have taken more than 30s to initialize.\nThis may be caused by a slow"
TRACEBACK = (
    "Deploying app 'smollm2' failed with exception:\nTraceback (most recent call last):\n"
    "  File 'x.py', line 1\n\x1b[31mModuleNotFoundError: No module named 'main'\x1b[0m\n\n"
)
CONSTRUCTOR = (
    "The deployment failed to start 3 times in a row. See controller logs for details. Error:\n"
    "\x1b[36mray::ServeReplica\x1b[39m\nValueError: max_model_len is 0\n"
)


def with_workers(
    resources: dict[str, Any], cluster: dict[str, Any] | None = None
) -> dict[str, Any]:
    found = cluster or raycluster()
    containers = [{"name": "ray", "resources": resources}]
    found["spec"]["workerGroupSpecs"][0]["template"] = {"spec": {"containers": containers}}
    return found


def refused_pod(message: str) -> dict[str, Any]:
    return raycluster(type="ReplicaFailure", status="True", reason="Failed", message=message)


STATES: list[tuple[str, Observed, Reason, str]] = [
    (
        "the user wants no Pods",
        scene(fields={"spec.suspend": True}),
        reasons.SUSPENDED,
        "no Pods run",
    ),
    (
        "the user wants no Pods, and some are still there",
        replace(ANSWERING, md_body=scene(fields={"spec.suspend": True}).md_body),
        reasons.SUSPENDED,
        "being removed",
    ),
    ("KubeRay is not there", scene(kuberay="missing"), reasons.KUBERAY_ABSENT, "no kind ray.io/v1"),
    ("nothing is there yet", scene(), reasons.STARTING_RAY, "about to be created"),
    (
        "KubeRay refuses the RayService",
        scene(
            rayservice=rayservice(
                {
                    "conditions": [
                        {"type": "Ready", "reason": "ValidationFailed", "message": "name too long"}
                    ]
                }
            )
        ),
        reasons.RAYSERVICE_REFUSED,
        "name too long",
    ),
    (
        "KubeRay says nothing of a RayService that is half a minute old",
        scene(rayservice=rayservice(), at=LATER),
        reasons.KUBERAY_NOT_RECONCILING,
        f"RayService smollm2-{HASH}",
    ),
    (
        "KubeRay has not got to it yet",
        scene(rayservice=rayservice(), at=NOW + timedelta(seconds=10), **UP),
        reasons.STARTING_RAY,
        "create the head Pod",
    ),
    (
        "a replica asks for a GPU where the workers have a part of one",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", UNPLACED.replace("CPU", "GPU"))),
            rayclusters=(
                with_workers({"limits": {"memory": "2Gi", "nvidia.com/mig-1g.5gb": "1"}}),
            ),
            pods=(HEAD, running("worker")),
        ),
        reasons.SCHEDULING,
        "GPU",
    ),
    (
        "a replica asks for a GPU in a cluster that will never have one",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", UNPLACED.replace("CPU", "GPU"))),
            rayclusters=(with_workers({"limits": {"memory": "2Gi"}}),),
            pods=(HEAD, running("worker")),
        ),
        reasons.RAY_RESOURCES_UNAVAILABLE,
        "asks for 2 GPU where a Pod has 0",
    ),
    (
        "a deployment that is called after a GPU and asks for none",
        scene(
            rayservice=app("DEPLOYING", NoGPUModel=("UPDATING", UNPLACED)),
            rayclusters=(with_workers({"limits": {"memory": "2Gi"}}),),
            pods=(HEAD, running("worker")),
        ),
        reasons.SCHEDULING,
        "NoGPUModel",
    ),
    (
        "the workers of an app that runs are gone, and no node has a place for others",
        scene(
            rayservice=app("UNHEALTHY", LLM=("UNHEALTHY", "A replica's health check failed.")),
            pods=(HEAD, pod("worker", conditions=NO_NODE)),
            **UP,
        ),
        reasons.UNSCHEDULABLE,
        "Insufficient memory",
    ),
    (
        "the app failed while another of its workers was refused",
        scene(
            rayservice=app("DEPLOY_FAILED", TRACEBACK),
            rayclusters=(refused_pod("exceeded quota: few"),),
            pods=(HEAD, running("worker")),
        ),
        reasons.DEPENDENCY_MISSING,
        "'main'",
    ),
    (
        "one of the workers is refused while the app is deployed on the other",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", UNPLACED)),
            rayclusters=(refused_pod("exceeded quota: few"),),
            pods=(HEAD, running("worker")),
        ),
        reasons.QUOTA_EXCEEDED,
        "few",
    ),
    (
        "the workers are refused while the head is still being prepared",
        scene(
            rayservice=rayservice(),
            rayclusters=(refused_pod("exceeded quota: few"),),
            pods=(pod("head", containerStatuses=[CREATING]),),
        ),
        reasons.QUOTA_EXCEEDED,
        "few",
    ),
    (
        "another worker is refused to a replica that none would have room for",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", UNPLACED.replace("CPU", "GPU"))),
            rayclusters=(
                with_workers({"limits": {"memory": "2Gi"}}, refused_pod("exceeded quota: few")),
            ),
            pods=(HEAD, running("worker")),
        ),
        reasons.RAY_RESOURCES_UNAVAILABLE,
        "asks for 2 GPU where a Pod has 0",
    ),
    (
        "an app that is scaled past its quota fails its health checks",
        scene(
            rayservice=app("UNHEALTHY", LLM=("UNHEALTHY", "A replica's health check failed.")),
            rayclusters=(refused_pod("exceeded quota: few"),),
            pods=PODS,
        ),
        reasons.HEALTH_CHECK_FAILING,
        "health check",
    ),
    (
        "all workers are refused",
        scene(
            rayservice=rayservice(),
            rayclusters=(refused_pod("exceeded quota: few"),),
            pods=(HEAD,),
        ),
        reasons.QUOTA_EXCEEDED,
        "few",
    ),
    (
        "a replica waits for a GPU that another Pod may bring",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", UNPLACED.replace("CPU", "GPU"))),
            rayclusters=(with_workers({"limits": {"nvidia.com/gpu": "2"}}),),
            pods=(HEAD, running("worker")),
        ),
        reasons.SCHEDULING,
        '"GPU": 2.0',
    ),
    (
        "a quota refuses the head Pod",
        scene(
            rayservice=rayservice(),
            rayclusters=(
                raycluster(
                    type="ReplicaFailure",
                    status="True",
                    reason="FailedCreateHeadPod",
                    message='FailedCreateHeadPodpods "x" is forbidden: exceeded quota: memory',
                ),
            ),
        ),
        reasons.QUOTA_EXCEEDED,
        'pods "x" is forbidden: exceeded quota',
    ),
    (
        "KubeRay has made the cluster and no Pod yet",
        scene(rayservice=rayservice(), **UP),
        reasons.STARTING_RAY,
        "create the head Pod",
    ),
    (
        "no node has room for the head",
        scene(rayservice=rayservice(), pods=(pod("head", conditions=NO_NODE),), **UP),
        reasons.UNSCHEDULABLE,
        "head Pod p-head: 0/1 nodes are available: 1 Insufficient memory.",
    ),
    (
        "the head's image is not to be had",
        scene(rayservice=rayservice(), pods=(pod("head", containerStatuses=[BACK_OFF]),), **UP),
        reasons.IMAGE_PULL_FAILED,
        "head Pod p-head cannot get image ray:1: Back-off pulling image",
    ),
    (
        "the head's image is being pulled",
        scene(rayservice=rayservice(), pods=(pod("head", containerStatuses=[CREATING]),), **UP),
        reasons.PULLING_IMAGE,
        "its node pulls ray:1",
    ),
    (
        "the head lacks a Secret",
        scene(rayservice=rayservice(), pods=(pod("head", containerStatuses=[NO_SECRET]),), **UP),
        reasons.CONFIG_MISSING,
        'secret "hub" not found',
    ),
    (
        "the head was killed for its memory",
        scene(
            rayservice=app("RUNNING", side="active"),
            pods=(pod("head", phase="Failed", containerStatuses=[KILLED]),),
            **UP,
        ),
        reasons.OUT_OF_MEMORY,
        "head Pod p-head, container ray, was killed for its memory",
    ),
    (
        "the head ended, and its container may not be started again",
        scene(rayservice=rayservice(), pods=(pod("head", phase="Failed"),), **UP),
        reasons.POD_FAILED,
        "head Pod p-head ended: failed",
    ),
    (
        "the node put the head out",
        scene(
            rayservice=app("RUNNING", side="active"),
            pods=(pod("head", phase="Failed", reason="Evicted", message="low on disk"),),
            **UP,
        ),
        reasons.EVICTED,
        "head Pod p-head ended: low on disk",
    ),
    (
        "the worker has no place while the head starts",
        scene(
            rayservice=rayservice(),
            pods=(running("head"), pod("worker", conditions=NO_NODE)),
            **UP,
        ),
        reasons.UNSCHEDULABLE,
        "worker Pod p-worker",
    ),
    (
        "the head's container has ended of its own accord",
        scene(rayservice=rayservice(), pods=(pod("head", containerStatuses=[CRASHED]),), **UP),
        reasons.POD_FAILED,
        "container ray, ended with exit code 127: exec: ray: not found",
    ),
    (
        "the head's claim is not there",
        scene(rayservice=rayservice(), pods=(pod("head", conditions=NO_CLAIM),), **UP),
        reasons.VOLUME_MISSING,
        'persistentvolumeclaim "models" not found',
    ),
    (
        "the head of a cluster in which an app ran is made anew",
        scene(rayservice=app("RUNNING", side="active"), pods=(running("head"),), **UP),
        reasons.HEAD_LOST,
        "waiting for head Pod p-head",
    ),
    (
        "a policy refuses the worker Pod",
        scene(
            rayservice=rayservice(),
            rayclusters=(
                raycluster(
                    type="ReplicaFailure",
                    status="True",
                    reason="FailedCreateWorkerPod",
                    message='pods "x" is forbidden: violates PodSecurity "restricted:latest"',
                ),
            ),
        ),
        reasons.ADMISSION_DENIED,
        "violates PodSecurity",
    ),
    (
        "the head is coming up",
        scene(rayservice=rayservice(), pods=(running("head"),), **UP),
        reasons.STARTING_RAY,
        "waiting for head Pod p-head to become ready",
    ),
    (
        "no node has room for the worker",
        scene(rayservice=rayservice(), pods=(HEAD, pod("worker", conditions=NO_NODE)), **UP),
        reasons.UNSCHEDULABLE,
        "worker Pod p-worker: 0/1 nodes",
    ),
    (
        "the worker waits for the head in its init container",
        scene(
            rayservice=rayservice(),
            pods=(
                HEAD,
                pod(
                    "worker",
                    initContainerStatuses=[container(running={})],
                    containerStatuses=[INITIALIZING],
                ),
            ),
            **UP,
        ),
        reasons.STARTING_RAY,
        "waiting for worker Pod p-worker to start",
    ),
    (
        "the worker's image is being pulled, for its init container first",
        scene(
            rayservice=rayservice(),
            pods=(
                HEAD,
                pod(
                    "worker",
                    initContainerStatuses=[INITIALIZING],
                    containerStatuses=[INITIALIZING],
                ),
            ),
            **UP,
        ),
        reasons.PULLING_IMAGE,
        "its node pulls ray:1",
    ),
    (
        "Ray runs, and Serve knows of no app",
        scene(rayservice=rayservice(), pods=(HEAD, running("worker")), **UP),
        reasons.STARTING_RAY,
        "hand it the app",
    ),
    (
        "the app is being built",
        scene(rayservice=app("DEPLOYING"), pods=(HEAD, running("worker")), **UP),
        reasons.LOADING_MODEL,
        "Ray Serve builds the app",
    ),
    (
        "a replica finds no room in Ray",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", UNPLACED)),
            pods=(HEAD, running("worker")),
            **UP,
        ),
        reasons.SCHEDULING,
        'LLM: a replica asks for [{"CPU": 2.0}]',
    ),
    (
        "a model takes its time, which is no cause for alarm",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", SLOW), Ingress=("HEALTHY", "")),
            pods=(HEAD, running("worker")),
            **UP,
        ),
        reasons.LOADING_MODEL,
        "waiting for LLM",
    ),
    (
        "a replica failed once and is tried again",
        scene(
            rayservice=app("DEPLOYING", LLM=("UPDATING", "Retrying 2 more time(s).\nKeyError: 1")),
            pods=(HEAD, running("worker")),
            **UP,
        ),
        reasons.LOADING_MODEL,
        "LLM: KeyError: 1",
    ),
    (
        "the app cannot be imported",
        scene(rayservice=app("DEPLOY_FAILED", TRACEBACK), pods=(HEAD, running("worker")), **UP),
        reasons.DEPENDENCY_MISSING,
        "ModuleNotFoundError: No module named 'main'",
    ),
    (
        "the app's constructor fails, which only its deployment says",
        scene(
            rayservice=app(
                "DEPLOY_FAILED",
                "Failed to update the deployments ['LLM'].",
                LLM=("DEPLOY_FAILED", CONSTRUCTOR),
            ),
            pods=(HEAD, running("worker")),
            **UP,
        ),
        reasons.CONSTRUCTOR_FAILED,
        "ValueError: max_model_len is 0",
    ),
    (
        "the app failed before its worker had a place: the cause comes first",
        scene(
            rayservice=app("DEPLOY_FAILED", TRACEBACK),
            pods=(HEAD, pod("worker", conditions=NO_NODE)),
            **UP,
        ),
        reasons.DEPENDENCY_MISSING,
        "ModuleNotFoundError",
    ),
    (
        "a replica that answered fails its health checks",
        replace(
            ANSWERING,
            rayservices=(
                app(
                    "UNHEALTHY",
                    side="active",
                    LLM=("UNHEALTHY", "A replica's health check failed."),
                ),
            ),
        ),
        reasons.HEALTH_CHECK_FAILING,
        "LLM: A replica's health check failed.",
    ),
    (
        "the app runs and no Pod is behind the Service",
        scene(rayservice=app("RUNNING"), pods=(HEAD, running("worker")), **UP),
        reasons.AWAITING_ANSWER,
        "waiting for one of its workers",
    ),
    (
        "the app runs and has not been asked",
        scene(rayservice=app("RUNNING"), pods=PODS, **UP),
        reasons.AWAITING_ANSWER,
        "waiting for its answer",
    ),
    (
        "another revision answered, which says nothing of this one",
        scene(rayservice=app("RUNNING"), pods=PODS, check=check(True, hash="00000000"), **UP),
        reasons.AWAITING_ANSWER,
        "waiting for its answer",
    ),
    (
        "nobody answers through the Service",
        scene(
            rayservice=app("RUNNING"),
            pods=PODS,
            check=check(False, reasons.PROBE_UNREACHABLE),
            **UP,
        ),
        reasons.PROBE_UNREACHABLE,
        "POST said so",
    ),
    (
        "the answer is a wrong one",
        scene(rayservice=app("RUNNING"), pods=PODS, check=check(False, reasons.WRONG_ANSWER), **UP),
        reasons.WRONG_ANSWER,
        "POST said so",
    ),
    ("the app answered", ANSWERING, reasons.READY, "answered the check"),
    (
        "what has answered goes on doing so while another replica has no place",
        replace(
            ANSWERING,
            rayservices=(app("DEPLOYING", side="active", LLM=("UPDATING", UNPLACED)),),
            pods=(*PODS, pod("worker", "p-worker-2", conditions=NO_NODE)),
        ),
        reasons.READY,
        "answered the check",
    ),
    (
        "what has answered goes on doing so while its head is made anew",
        replace(ANSWERING, pods=(ready("worker"),)),
        reasons.READY,
        "answered the check",
    ),
    (
        "what has answered has no Pod any more",
        replace(ANSWERING, pods=()),
        reasons.HEAD_LOST,
        "waiting for another head Pod",
    ),
]


@pytest.mark.parametrize(
    ("observed", "reason", "says"),
    [pytest.param(*state[1:], id=state[0]) for state in STATES],
)
def test_says_where_it_stands(observed: Observed, reason: Reason, says: str) -> None:
    found = diagnose(observed, HASH)
    assert found.reason == reason
    assert says in found.message


def test_trims_what_ray_says_to_one_line_of_300_characters() -> None:
    failed = app("DEPLOY_FAILED", "first\n\x1b[31mValueError: " + "x" * 10_000 + "\x1b[0m\n  \n")
    message = diagnose(scene(rayservice=failed, pods=PODS, **UP), HASH).message
    assert message.startswith("ValueError: xxx")
    assert len(message) == 300
    assert "\x1b" not in message


def test_takes_a_pod_that_is_leaving_for_none() -> None:
    leaving = ready("worker")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not replace(ANSWERING, pods=(ready("head"), leaving)).answered(HASH)


def test_a_head_is_no_replica() -> None:
    assert not replace(ANSWERING, pods=(ready("head"), running("worker"))).answered(HASH)


def test_takes_a_worker_of_another_revision_for_none() -> None:
    other = ready("worker", hash="00000000")
    assert not replace(ANSWERING, pods=(ready("head"), other)).answered(HASH)


def test_what_else_is_wrong_comes_after_what_decides() -> None:
    failed = scene(
        rayservice=app("DEPLOY_FAILED", TRACEBACK),
        pods=(HEAD, pod("worker", conditions=NO_NODE)),
        **UP,
    )
    found = [each.reason for each in findings(failed, HASH)]
    assert found == [reasons.DEPENDENCY_MISSING, reasons.UNSCHEDULABLE]


def test_where_nothing_is_wrong_nothing_else_is() -> None:
    assert [each.reason for each in findings(ANSWERING, HASH)] == [reasons.READY]


def mismatch(name: str = "bastaix-source", code: int = 97) -> dict[str, Any]:
    said = "the artifact has the sha256 0000, and the revision names 5555\n"
    ended = {"exitCode": code, "reason": "Error", "message": said}
    found = {"name": name, "image": "ray:1", "state": {"terminated": ended}}
    return pod("head", phase="Failed", initContainerStatuses=[found])


def test_an_artifact_that_is_another_one_has_a_reason_of_its_own() -> None:
    found = diagnose(scene(rayservice=rayservice(), pods=(mismatch(),), **UP), HASH)
    assert found.reason is reasons.ARTIFACT_MISMATCH
    assert "has the sha256 0000, and the revision names 5555" in found.message
    assert found.object == "Pod/p-head"


@pytest.mark.parametrize("other", [mismatch(name="theirs"), mismatch(code=1)])
def test_what_else_ends_an_init_container_has_not(other: dict[str, Any]) -> None:
    found = diagnose(scene(rayservice=rayservice(), pods=(other,), **UP), HASH)
    assert found.reason is reasons.POD_FAILED


class Unreadable(dict[str, Any]):
    """A conversation with Serve of which nothing can be read."""

    def get(self, key: str, default: Any = None) -> Any:
        if key == "message":
            raise OverflowError(self["message"])
        return super().get(key, default)


def unreadable(status: str) -> Observed:
    rayservice = app(status, LLM=(status, "what it says"))
    for side in ("activeServiceStatus", "pendingServiceStatus"):
        for each in (rayservice["status"].get(side) or {}).get("applicationStatuses", {}).values():
            deployments = each["serveDeploymentStatuses"]
            each["serveDeploymentStatuses"] = {k: Unreadable(v) for k, v in deployments.items()}
    return scene(rayservice=rayservice, rayclusters=(raycluster(),), pods=PODS)


def test_an_app_that_was_given_up_has_failed_although_nothing_it_says_can_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = diagnose(unreadable("DEPLOY_FAILED"), HASH, "own")
    assert found.reason == reasons.SERVE_FAILED
    assert findings(unreadable("DEPLOY_FAILED"), HASH, "own")[0] == found
    assert "_serve_failed of a diagnosis failed with OverflowError" in caplog.text
    assert "what it says" not in caplog.text


def test_a_check_that_fails_keeps_no_later_one_from_deciding() -> None:
    found = diagnose(unreadable("DEPLOYING"), HASH, "own")
    assert found.reason == reasons.AWAITING_ANSWER
    assert found.reason.heals == "itself"


class Broken(dict[str, Any]):
    def get(self, key: str, default: Any = None) -> Any:
        raise OverflowError(key)


def test_a_check_that_fails_has_found_nothing_even_where_nothing_at_all_can_be_read() -> None:
    """Not even whether the app was given up."""
    broken = {**rayservice(), "status": Broken(some="thing")}
    found = diagnose(scene(rayservice=broken, rayclusters=(raycluster(),), pods=PODS), HASH)
    assert found.reason.heals == "itself"
