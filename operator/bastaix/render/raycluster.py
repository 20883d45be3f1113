"""The Ray cluster of one revision: a head that runs no replica, and one group of workers.

One worker Pod holds exactly one replica, so the group's bounds are those of the replicas.
Ray's autoscaler alone decides between them and owns `replicas`; nothing here writes it.
"""

from collections.abc import Mapping
from typing import Any, Final

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.render import pods

RAY_VERSION: Final = "2.60.0"
WORKER_GROUP: Final = "replica"

# Room for one replica and the ingress: 2 + 1 in Ray's CPU mode, 1 + 1 where a GPU computes.
_RAY_CPUS: Final = 3
_RAY_CPUS_WITH_GPU: Final = 2


def raycluster(md: ModelDeployment, revision: str, digest: str | None) -> dict[str, Any]:
    """The cluster without the bounds of its worker group."""
    worker = {
        "groupName": WORKER_GROUP,
        "rayStartParams": {"num-cpus": str(worker_cpus(md))},
        "template": pods.worker_template(md, revision, digest),
    }
    return {
        "rayVersion": md.spec.runtime.ray_version or RAY_VERSION,
        "authOptions": {"mode": "token"},
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": _autoscaler(md),
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0"},
            "template": pods.head_template(md, revision, digest),
        },
        "workerGroupSpecs": [worker],
    }


def scaled(cluster: Mapping[str, Any], md: ModelDeployment) -> dict[str, Any]:
    (worker,) = cluster["workerGroupSpecs"]
    return {**cluster, "workerGroupSpecs": [{**worker, **_bounds(md)}]}


def scaling_patch(
    raycluster: Mapping[str, Any], md: ModelDeployment
) -> list[dict[str, Any]] | None:
    """JSON patch that gives a live RayCluster its bounds; None when it has them.

    KubeRay does not pass them on from the RayService. The list of groups is atomic for
    server-side apply, so a patch by index is the only way that leaves `replicas` alone; its
    `test` makes it fail rather than scale another group.
    """
    groups = (raycluster.get("spec") or {}).get("workerGroupSpecs") or []
    for index, group in enumerate(groups):
        if group.get("groupName") != WORKER_GROUP:
            continue
        wrong = {key: value for key, value in _bounds(md).items() if group.get(key) != value}
        if not wrong:
            return None
        path = f"/spec/workerGroupSpecs/{index}"
        test = {"op": "test", "path": f"{path}/groupName", "value": WORKER_GROUP}
        # `add` to an object's member replaces what is there
        return [
            test,
            *({"op": "add", "path": f"{path}/{key}", "value": wrong[key]} for key in wrong),
        ]
    return None


def _bounds(md: ModelDeployment) -> dict[str, int]:
    scaling = md.spec.scaling
    return {"minReplicas": scaling.min_replicas, "maxReplicas": scaling.max_replicas}


def worker_cpus(md: ModelDeployment) -> int:
    """How many CPUs Ray takes a worker to have, which is not what the Pod asks for."""
    default = _RAY_CPUS if md.spec.resources.gpu is None else _RAY_CPUS_WITH_GPU
    return md.spec.runtime.worker_ray_cpus or default


def _autoscaler(md: ModelDeployment) -> dict[str, Any]:
    return {
        # KubeRay sets v2 up only where it is asked for by name.
        "version": "v2",
        "idleTimeoutSeconds": 60,
        "imagePullPolicy": md.spec.runtime.image_pull_policy or pods.DEFAULT_PULL_POLICY,
        "env": [{"name": "HOME", "value": "/tmp"}],
        "resources": {
            "requests": {"cpu": "50m", "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": pods.CONTAINER_SECURITY,
        "volumeMounts": [pods.TOKEN_MOUNT],
    }
