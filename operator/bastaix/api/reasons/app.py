"""What is wrong with what runs in Ray: code, arguments, model, engine."""

from typing import Final

from bastaix.api.reasons.reason import Reason

RUNTIME_ENV_FAILED: Final = Reason(
    "RuntimeEnvFailed",
    "Ray could not set up the runtime environment of the app.",
    "Correct what the message names; packages belong into the image, not into a runtime_env.",
    "never",
    causes="A code archive that Ray cannot read; a pip or conda environment without network.",
)
IMPORT_FAILED: Final = Reason(
    "ImportFailed",
    "The app's own module cannot be imported.",
    (
        "Correct app.importPath or the module; `bastaix reprex` and `python -c 'import …'` "
        "show the same."
    ),
    "never",
    causes=(
        "`from .x import` in a module at the root; another folder on the laptop's path; an "
        "error while the module is read."
    ),
)
ATTRIBUTE_MISSING: Final = Reason(
    "AttributeMissing",
    "The app's module has nothing of the name in app.importPath.",
    "Correct app.importPath: it is `module:name`.",
    "never",
    causes="The name was changed in the code; it is made only under `if __name__ == '__main__'`.",
)
DEPENDENCY_MISSING: Final = Reason(
    "DependencyMissing",
    "The code imports a package that the image does not hold.",
    "Add it to the image (runtime.image), or remove the import.",
    "never",
    causes="Installed on the laptop and nowhere else; another name in PyPI than in the import.",
)
DEPENDENCY_MISFIT: Final = Reason(
    "DependencyMisfit",
    "A package of the image lacks what the code imports from it.",
    "Use the version that the image holds, or an image with the version that the code needs.",
    "never",
    causes="A newer or older version than on the laptop.",
)
NOT_AN_APPLICATION: Final = Reason(
    "NotAnApplication",
    "What app.importPath names is neither a Serve application nor a function that builds one.",
    (
        "Name an `Application` (`Deployment.bind(…)`), or a function of one parameter that "
        "returns one."
    ),
    "never",
    causes="The class instead of its `bind()`; a builder that forgets `return`.",
)
ARGUMENTS_REJECTED: Final = Reason(
    "ArgumentsRejected",
    "The app does not accept its arguments.",
    "Correct the key that the message names, in app.args or model.engineArgs.",
    "never",
    causes="A misspelt key; a text where a number must be.",
)
ENGINE_ARGUMENT_UNKNOWN: Final = Reason(
    "EngineArgumentUnknown",
    "The engine does not know an argument.",
    "Correct model.engineArgs: they are named as vLLM's, with underscores.",
    "never",
    causes="An argument of another version of vLLM; dashes instead of underscores.",
)
MODEL_NOT_FOUND: Final = Reason(
    "ModelNotFound",
    "The model's files are not where the engine looks for them.",
    "Correct model.source; on a volume, look whether the folder is there.",
    "never",
    causes="A misspelt repository; a folder that was never copied to the volume.",
)
MODEL_ACCESS_DENIED: Final = Reason(
    "ModelAccessDenied",
    "The hub does not let this token, or nobody, read the model.",
    (
        "Accept the model's terms with the token's account, and give the token by runtime.env"
        " (HF_TOKEN from a Secret)."
    ),
    "outside",
    causes="A gated model; a token of another account, or one that has expired.",
)
HUB_UNREACHABLE: Final = Reason(
    "HubUnreachable",
    "The model's hub did not answer, and the Pod holds no copy of the model.",
    "Let the Pods reach the hub, or serve the model from a volume (pvc://) or the image (path://).",
    "outside",
    causes="A cluster without a way out; a proxy that runtime.env does not name; no hub at all.",
)
MODEL_INCOMPATIBLE: Final = Reason(
    "ModelIncompatible",
    "The engine of the image cannot run this model.",
    "Take an image with a vLLM that knows it, or another model or quantization.",
    "never",
    causes="An architecture newer than the image; a quantization that this GPU lacks.",
)
ENGINE_OUT_OF_MEMORY: Final = Reason(
    "EngineOutOfMemory",
    "The device has too little memory for the weights and the KV cache.",
    (
        "Lower max_model_len or gpu_memory_utilization's competitors, quantize, or use more "
        "or larger GPUs."
    ),
    "never",
    causes=(
        "A long context; a neighbour on the same GPU; tensor_parallel_size smaller than the "
        "model needs."
    ),
)
DEVICE_MEMORY_TAKEN: Final = Reason(
    "DeviceMemoryTaken",
    "Somebody else holds the memory of the device that the engine wants for itself.",
    (
        "Look with `nvidia-smi` on the node who holds it; where a device is shared, lower "
        "gpu_memory_utilization."
    ),
    "outside",
    causes="A Pod before this one that is not gone yet; a process outside of Kubernetes.",
)
CONNECTION_FAILED: Final = Reason(
    "ConnectionFailed",
    "What the app needs from the network when it starts did not answer.",
    "Let the Pods reach what the message names; what is not there yet is tried again.",
    "outside",
    causes="A proxy or a NetworkPolicy; a service that is down, or limits who asks too often.",
)
DISK_FULL: Final = Reason(
    "DiskFull",
    "A disk or a volume of the Pod is full.",
    "Make room on the node, or give the volume that the app writes to more of it.",
    "outside",
    causes="Weights that are downloaded into the container; a small emptyDir; a shared volume.",
)
SHARED_MEMORY_TOO_SMALL: Final = Reason(
    "SharedMemoryTooSmall",
    "/dev/shm in the Pod is too small for the engine.",
    "Give the Pod a larger one: a volume `emptyDir: {medium: Memory}` at /dev/shm.",
    "never",
    causes="runtime.volumes mounts another one at /dev/shm.",
)
ENGINE_INIT_FAILED: Final = Reason(
    "EngineInitFailed",
    "The engine did not start; its own process said why in the log.",
    "Read `kubectl logs` of the worker Pod from the first error on.",
    "never",
    is_known=False,
)
CONSTRUCTOR_FAILED: Final = Reason(
    "ConstructorFailed",
    "A deployment of the app raised an error when it was started.",
    "Correct the code or its arguments; the message is the error.",
    "never",
)
REPLICA_LOST: Final = Reason(
    "ReplicaLost",
    "The process of a replica ended without a word: most often for want of memory.",
    "Raise spec.resources.memory; look at the log of the worker Pod for what it did last.",
    "never",
    causes=(
        "The kernel killed the process alone, so the Pod knows nothing of it; a crash in "
        "native code."
    ),
)
RAY_RESOURCES_UNAVAILABLE: Final = Reason(
    "RayResourcesUnavailable",
    "A replica asks at once for more of a resource than any Pod of the Ray cluster can have.",
    "Ask for less in the app, or raise spec.resources or runtime.worker.rayCPUs.",
    "never",
    causes=(
        "An app that asks for GPUs without resources.gpu; a bundle of a placement group that is"
        " larger than one Pod."
    ),
)
HEALTH_CHECK_FAILING: Final = Reason(
    "HealthCheckFailing",
    "A replica fails its health checks; Ray Serve replaces it.",
    "Read the logs of the worker Pods if it lasts.",
    "itself",
    causes="An engine that died; a replica that is too busy to answer.",
)
SERVE_FAILED: Final = Reason(
    "ServeFailed",
    "Ray Serve gave the app up, for a cause that is not known here; the message is its last line.",
    "Correct the code, the arguments or the source, then change the spec.",
    "never",
    is_known=False,
)
