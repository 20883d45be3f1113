"""Reasons that no recording stands for: why not, and what their texts were written from."""

from typing import Final

NOT_HERE: Final = {
    "RuntimeEnvFailed": (
        "the operator gives an archive that it has read itself; from Ray's "
        "dashboard/modules/serve and runtime_env sources"
    ),
    "SharedMemoryTooSmall": (
        "needs an engine of several processes; from vllm/distributed/device_communicators"
    ),
    "DeviceMemoryTaken": "needs a GPU; from vllm/v1/worker/gpu_worker.py",
    "EngineInitFailed": (
        "what is left of it is not known by name: the log of the engine tells the cause"
    ),
    "HubUnreachable": (
        "there is no hub, and its stand-in answers; from huggingface_hub/file_download.py and "
        "_snapshot_download.py"
    ),
    "HeadLost": (
        "what serves goes on answering while KubeRay makes the head anew; from the Pods of a "
        "cluster whose Serve status says that it ran"
    ),
    "ArtifactMismatch": (
        "the source controller mends the Secret faster than a Pod starts; from the init container"
        " of render/code.py"
    ),
    "NodeLost": "there is one node; from Kubernetes' pkg/util/node and pkg/controller/podgc",
    "KubeRayAbsent": "the kind cannot go from a cluster in use; tests/api/test_crd_kuberay.py",
    "KubeRayUnsupported": "needs another KubeRay; tests/api/test_crd_kuberay.py",
    "RayServiceRefused": "nothing that a spec may say is refused; from KubeRay's validation.go",
    "SpecTooLarge": "known before anything runs; tests/unit/reconcile/test_too_large.py",
    "CRDOutdated": "needs an older CRD; tests/api/test_older_crd.py",
    "RevisionCollision": "two specs of one hash are not to be had; tests/unit/reconcile",
    "InvalidSpec": "known before anything runs; tests/api/test_validation.py",
    "NotConverging": "another writer of our objects; tests/unit/reconcile/test_converging.py",
    "NotOwned": "somebody else's object; tests/unit/reconcile and tests/api/test_operator.py",
    "ApiRefused": "rights of the operator itself; tests/api/test_operator.py",
    "PodRefused": "what is neither quota nor admission; from the text of the condition in KubeRay",
    "PodFailed": "what is not known by name; from Kubernetes' Pod status",
    "ServeFailed": "what is not known by name",
}
