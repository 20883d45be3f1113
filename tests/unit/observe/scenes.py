"""States of a cluster, written down: what KubeRay and Kubernetes say at one moment."""

from datetime import UTC, datetime
from typing import Any, Literal

from bastaix.api import reasons
from bastaix.api.reasons import Reason
from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.observe.observed import CheckResult, Observed
from bastaix.render.revision import Revision, controller_revision, revision
from tests.unit.bodies import DIGEST, body, with_field

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 13, tzinfo=UTC)

MD = ModelDeployment.from_body(body())
CURRENT: Revision = revision(MD, DIGEST)
HASH = CURRENT.hash
NAME_LABEL, REVISION_LABEL = "serving.bastaix.dev/name", "serving.bastaix.dev/revision"


def app(
    status: str,
    message: str = "",
    side: Literal["active", "pending"] = "pending",
    **deployments: tuple[str, str],
) -> dict[str, Any]:
    """A RayService whose app is in this state, with its deployments' status and message."""
    found = {
        name: {"status": status, "message": said} for name, (status, said) in deployments.items()
    }
    one = {"status": status, "message": message, "serveDeploymentStatuses": found}
    applications = {"applicationStatuses": {"smollm2": one}}
    return rayservice({f"{side}ServiceStatus": applications})


def rayservice(status: dict[str, Any] | None = None, hash: str = HASH) -> dict[str, Any]:
    created = {"creationTimestamp": "2026-01-01T12:00:00Z"}
    return {
        "metadata": {**metadata(f"smollm2-{hash}", hash), **created},
        "status": status or {},
    }


def raycluster(hash: str = HASH, **condition: str) -> dict[str, Any]:
    group = {"groupName": "replica", "minReplicas": 1, "maxReplicas": 4, "replicas": 2}
    return {
        "metadata": metadata(f"smollm2-{hash}-x1y2z", hash),
        "spec": {"workerGroupSpecs": [group]},
        "status": {"conditions": [condition] if condition else []},
    }


def pod(role: str, name: str = "", hash: str = HASH, **status: Any) -> dict[str, Any]:
    labels = {"ray.io/node-type": role, "ray.io/serve": "true"}
    return {
        "metadata": metadata(name or f"p-{role}", hash, **labels),
        "spec": {"containers": [{"name": f"ray-{role}", "image": "ray:1"}]},
        "status": {"phase": "Pending", **status},
    }


def ready(role: str, name: str = "", hash: str = HASH) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": "True"}]
    return pod(role, name, hash, phase="Running", conditions=conditions)


def running(role: str) -> dict[str, Any]:
    return pod(role, phase="Running", containerStatuses=[container(running={})])


def container(**state: Any) -> dict[str, Any]:
    return {"name": "ray", "image": "ray:1", "state": state}


SINCE = "2026-01-01T11:00:00Z"


def service(hash: str = HASH) -> dict[str, Any]:
    selector = {NAME_LABEL: "smollm2", REVISION_LABEL: hash, "ray.io/serve": "true"}
    annotations = {"serving.bastaix.dev/since": SINCE}
    return {
        "metadata": {"name": "smollm2", "annotations": annotations},
        "spec": {"selector": selector},
    }


def check(ok: bool, reason: Reason = reasons.READY, hash: str = HASH) -> CheckResult:
    return CheckResult(revision=hash, ok=ok, reason=reason, message="POST said so", at=NOW)


def metadata(name: str, hash: str, **labels: str) -> dict[str, Any]:
    known = {NAME_LABEL: "smollm2", REVISION_LABEL: hash}
    return {"name": name, "namespace": "demo", "labels": {**known, **labels}}


def scene(
    rayservice: dict[str, Any] | None = None, check: CheckResult | None = None, **seen: Any
) -> Observed:
    """What is seen of the usual ModelDeployment; `spec` fields of it may be changed."""
    changed = body()
    if rayservice is not None:
        seen["rayservices"] = (rayservice, *seen.get("rayservices", ()))
    if check is not None:
        seen["checks"] = {"stable": check}
    for field, value in seen.pop("fields", {}).items():
        changed = with_field(changed, field, value)
    return Observed(md_body=changed, **seen)


UP = {"rayclusters": (raycluster(),), "service": service()}
PODS = (ready("head"), ready("worker"))
ANSWERING = scene(rayservice=app("RUNNING", side="active"), pods=PODS, check=check(True), **UP)
KEPT = controller_revision(MD, CURRENT)
