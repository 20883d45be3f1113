"""The Pod templates of head and workers.

Both satisfy Pod Security `restricted` and hold no service account token; KubeRay copies the
Ray container's security context, environment and mounts to the init container that it adds.
Nothing here changes with scaling, generation or time: any change of a template is a new
RayCluster.
"""

from typing import Any, Final

from bastaix.api import names
from bastaix.api.v1alpha1 import ModelDeployment, Resources, Runtime
from bastaix.render import closing, code, model_source, proxy

DEFAULT_IMAGE: Final = "rayproject/ray-llm:2.60.0-py312-cu130"
DEFAULT_PULL_POLICY: Final = "IfNotPresent"
DEFAULT_GPU: Final = "nvidia.com/gpu"
DEFAULT_RESOURCES: Final = Resources(cpu="2", memory="8Gi")
# The head builds the app once, with vLLM imported, and grows with time.
DEFAULT_HEAD_RESOURCES: Final = Resources(cpu="500m", memory="6Gi")

CONTAINER_SECURITY: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD_SECURITY: Final = {
    "fsGroup": 1000,
    # else every start walks through all files of a large volume
    "fsGroupChangePolicy": "OnRootMismatch",
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}

MODEL_VOLUME: Final = "bastaix-model"
TOKEN_VOLUME: Final = "bastaix-autoscaler-token"
TOKEN_MOUNT: Final = {
    "name": TOKEN_VOLUME,
    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    "readOnly": True,
}

# As KubeRay's own, of which a list must name all that are wanted, and the two of the head's
# metrics that it leaves out.
_HEAD_PORTS: Final = (
    ("gcs-server", 6379),
    ("dashboard", 8265),
    ("serve", names.SERVE_PORT),
    ("metrics", names.METRICS_PORT),
    ("as-metrics", 44217),
    ("dash-metrics", 44227),
)
_WORKER_PORTS: Final = (("serve", names.SERVE_PORT), ("metrics", names.METRICS_PORT))


def labels(md: ModelDeployment, revision: str) -> dict[str, str]:
    """Of every child of one revision, and of its Pods."""
    return {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.NAME_LABEL: md.name,
        names.REVISION_LABEL: revision,
    }


def head_template(md: ModelDeployment, revision: str, digest: str | None) -> dict[str, Any]:
    container = _container(md, digest, "ray-head", _HEAD_PORTS)
    container["resources"] = _resources(md.spec.runtime.head_resources, DEFAULT_HEAD_RESOURCES)
    container["lifecycle"] = closing.of_head()
    template = _template(md, revision, digest, container)
    template["spec"]["volumes"].append(_token_volume())
    return template


def worker_template(md: ModelDeployment, revision: str, digest: str | None) -> dict[str, Any]:
    container = _container(md, digest, "ray-worker", _WORKER_PORTS)
    container["resources"] = _resources(md.spec.resources, DEFAULT_RESOURCES)
    # KubeRay's takes a worker out of the Service after one failed probe of two seconds,
    # which a busy engine misses, and needs wget in the image. A worker without a Serve
    # replica has no proxy and is not ready, which is meant. It is asked often, as nobody is
    # served before it is ready.
    container["readinessProbe"] = {
        "httpGet": {"path": "/-/healthz", "port": names.SERVE_PORT},
        "periodSeconds": 2,
        "timeoutSeconds": 5,
        "failureThreshold": 4,
    }
    container["lifecycle"] = closing.of_worker()
    return _template(md, revision, digest, container)


def _template(
    md: ModelDeployment, revision: str, digest: str | None, container: dict[str, Any]
) -> dict[str, Any]:
    runtime = md.spec.runtime
    spec = {
        # A Service called `vllm` would else set VLLM_PORT in every Pod of the namespace.
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "securityContext": POD_SECURITY,
        "terminationGracePeriodSeconds": closing.GRACE_SECONDS,
        "containers": [container],
        "volumes": [
            *code.volumes(md.name, digest),
            *_model_volumes(md),
            proxy.volume(),
            *runtime.volumes,
        ],
        **_placement(runtime),
    }
    checks = code.init_containers(
        digest,
        image=container["image"],
        pull_policy=container["imagePullPolicy"],
        security=CONTAINER_SECURITY,
    )
    if checks:
        spec["initContainers"] = checks
    metadata = {"labels": labels(md, revision), "annotations": proxy.annotations()}
    return {"metadata": metadata, "spec": spec}


def _placement(runtime: Runtime) -> dict[str, Any]:
    given = {
        "imagePullSecrets": list(runtime.image_pull_secrets),
        "serviceAccountName": runtime.service_account_name,
        "nodeSelector": dict(runtime.node_selector),
        "tolerations": list(runtime.tolerations),
        "affinity": dict(runtime.affinity),
        "runtimeClassName": runtime.runtime_class_name,
        "priorityClassName": runtime.priority_class_name,
    }
    return {key: value for key, value in given.items() if value}


def _container(
    md: ModelDeployment, digest: str | None, name: str, ports: tuple[tuple[str, int], ...]
) -> dict[str, Any]:
    runtime = md.spec.runtime
    container = {
        "name": name,
        "image": runtime.image or DEFAULT_IMAGE,
        "imagePullPolicy": runtime.image_pull_policy or DEFAULT_PULL_POLICY,
        "args": list(proxy.ARGS),
        "ports": [{"name": port, "containerPort": number} for port, number in ports],
        "env": _env(md),
        "envFrom": list(runtime.env_from),
        "securityContext": CONTAINER_SECURITY,
        # the Pod is gone a moment after its end, and its log with it
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            *code.mounts(digest),
            *_model_mounts(md),
            proxy.MOUNT,
            *runtime.volume_mounts,
        ],
    }
    return {key: value for key, value in container.items() if value}


def _env(md: ModelDeployment) -> list[dict[str, Any]]:
    """Ours, where the user has none of that name, then the user's.

    It belongs here and not in Serve's runtime_env, which Ray prints in its log.
    """
    ours = {
        "RAY_LOG_TO_STDERR": "1",  # else `kubectl logs` never shows what a replica says
        "HOME": "/tmp",  # the one place that uid 1000 may write to in every image
        "USER": "ray",  # uid 1000 may have no name, and PyTorch asks for one
        **proxy.ENV,
        **model_env(md),
    }
    users = [dict(each) for each in md.spec.runtime.env]
    taken = {each["name"] for each in users}
    kept = [{"name": key, "value": value} for key, value in ours.items() if key not in taken]
    return [*kept, *users]


def model_env(md: ModelDeployment) -> dict[str, str]:
    """What the engine is told, wherever it runs."""
    if md.spec.model is None:
        return {}
    told = {"VLLM_NO_USAGE_STATS": "1"}
    if md.spec.resources.gpu is None:
        told["VLLM_CPU_KVCACHE_SPACE"] = "1"  # GiB
    if not model_source.parse(md.spec.model.source).hub:
        told["HF_HUB_OFFLINE"] = "1"
    return told


def _resources(given: Resources, default: Resources) -> dict[str, Any]:
    """Memory is limited to what is requested; CPU never is: throttled engines miss probes."""
    cpu, memory = given.cpu or default.cpu, given.memory or default.memory
    limits: dict[str, Any] = {"memory": memory}
    if given.gpu is not None:
        limits[given.gpu.resource_name or DEFAULT_GPU] = str(given.gpu.count)
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": limits}


def _model_volumes(md: ModelDeployment) -> list[dict[str, Any]]:
    claim = md.spec.model and model_source.parse(md.spec.model.source).claim
    if not claim:
        return []
    # Read-only in the volume too: else the kubelet changes the group of the user's files.
    return [{"name": MODEL_VOLUME, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}]


def _model_mounts(md: ModelDeployment) -> list[dict[str, Any]]:
    mount = {"name": MODEL_VOLUME, "mountPath": model_source.MOUNT_PATH, "readOnly": True}
    return [mount] if _model_volumes(md) else []


def _token_volume() -> dict[str, Any]:
    """What Kubernetes mounts by itself otherwise, for the autoscaler's container alone."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {
            "configMap": {
                "name": "kube-root-ca.crt",
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }
        },
        {
            "downwardAPI": {
                "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
            }
        },
    ]
    return {"name": TOKEN_VOLUME, "projected": {"sources": sources}}
