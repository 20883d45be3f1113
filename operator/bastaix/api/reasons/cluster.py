"""What is wrong with the cluster, or with a Pod before anything runs in it."""

from typing import Final

from bastaix.api.reasons.reason import Reason

KUBERAY_ABSENT: Final = Reason(
    "KubeRayAbsent",
    "The cluster has no RayService kind: KubeRay is not installed.",
    "Install the KubeRay operator (its chart is `kuberay-operator`); work goes on by itself then.",
    "outside",
)
KUBERAY_UNSUPPORTED: Final = Reason(
    "KubeRayUnsupported",
    "The RayService kind of this cluster lacks a field that is rendered.",
    "Upgrade KubeRay's operator and CRDs to 1.6 or later (Helm does not upgrade CRDs).",
    "outside",
)
NOT_OWNED: Final = Reason(
    "NotOwned",
    "An object of the name that is needed exists and belongs to somebody else.",
    "Delete or rename that object, or give the ModelDeployment another name.",
    "outside",
)
CRD_OUTDATED: Final = Reason(
    "CRDOutdated",
    "The CRD is older than the operator, which cannot keep what it must remember.",
    (
        "Apply the CRD of the chart's version: `helm upgrade` with crds.enabled, or `kubectl apply"
        " --server-side -f crds/modeldeployments.yaml`."
    ),
    "outside",
    causes="An upgrade of the chart with crds.enabled=false, or of the operator's image alone.",
)
REVISION_COLLISION: Final = Reason(
    "RevisionCollision",
    "Another revision of this ModelDeployment has the same 8 digits in its name.",
    "Change any field that makes a new revision, such as adding a variable to runtime.env.",
    "never",
)
NOT_CONVERGING: Final = Reason(
    "NotConverging",
    "What the operator writes is changed back each time, so that it never comes to an end.",
    "Let whatever else writes that object, such as a policy or a GitOps tool, leave it alone.",
    "outside",
    causes="An admission policy that takes fields or annotations away; a second owner.",
)
API_REFUSED: Final = Reason(
    "ApiRefused",
    "The API server does not let the operator do what it must: rights, quota or admission.",
    "Allow what the message names.",
    "outside",
)
INVALID_SPEC: Final = Reason(
    "InvalidSpec",
    "The spec says something that cannot be rendered.",
    "Correct the field that the message names.",
    "never",
)
SPEC_TOO_LARGE: Final = Reason(
    "SpecTooLarge",
    "The free-form part of the spec is larger than what is rendered.",
    "Keep such data in a file of the source or in a volume, and give the app its path.",
    "never",
    causes="A prompt, a table or a whole file in app.args, engineArgs or app.check.body.",
)
RAYSERVICE_REFUSED: Final = Reason(
    "RayServiceRefused",
    "KubeRay refuses the rendered RayService.",
    "Correct what the message names; if you cannot set it, report it as a bug.",
    "never",
)
KUBERAY_NOT_RECONCILING: Final = Reason(
    "KubeRayNotReconciling",
    "KubeRay has not taken up the RayService.",
    "Look whether the KubeRay operator runs, watches this namespace, and what its log says.",
    "outside",
    causes="KubeRay's operator is down, watches other namespaces, or lacks a right.",
)
QUOTA_EXCEEDED: Final = Reason(
    "QuotaExceeded",
    "A quota of the namespace does not let a Pod be made.",
    "Raise the ResourceQuota, or ask for less.",
    "outside",
    causes=(
        "The candidate beside the active revision is more than the quota allows; a quota on GPUs."
    ),
)
ADMISSION_DENIED: Final = Reason(
    "AdmissionDenied",
    "An admission rule does not let a Pod be made.",
    "Allow it in the policy that the message names, or ask for nothing that it forbids.",
    "outside",
    causes="Pod Security of the namespace, a policy engine's webhook, a LimitRange.",
)
POD_REFUSED: Final = Reason(
    "PodRefused",
    "Kubernetes does not let KubeRay make a Pod.",
    "Allow the Pod, as the message says.",
    "outside",
    is_known=False,
)
UNSCHEDULABLE: Final = Reason(
    "Unschedulable",
    "No node has a place for a Pod.",
    "Add a node that fits or make room, or ask for less: spec.resources, runtime.head.resources.",
    "outside",
    causes=(
        "GPUs that others hold; memory asked for that no node has; a node selector, taint or "
        "zone that fits nowhere."
    ),
)
IMAGE_PULL_FAILED: Final = Reason(
    "ImagePullFailed",
    "A node cannot get the image.",
    "Correct runtime.image, or give runtime.imagePullSecrets that may read it.",
    "outside",
    causes=(
        "A misspelt tag, a private registry without a pull Secret, an image for another "
        "processor, a registry that limits pulls."
    ),
)
VOLUME_MISSING: Final = Reason(
    "VolumeMissing",
    "A volume of a Pod is not there, or cannot be mounted.",
    (
        "Create the claim, Secret or ConfigMap that the message names, in the namespace of "
        "the ModelDeployment."
    ),
    "outside",
    causes="A claim of another name or namespace; a volume that is attached elsewhere.",
)
ARTIFACT_MISMATCH: Final = Reason(
    "ArtifactMismatch",
    "The Secret that holds the code is not what the revision names, so the Pod did not start Ray.",
    (
        "Find out who replaced the Secret; the source controller makes it anew, and the next Pod"
        " starts by itself."
    ),
    "outside",
    causes="Somebody deleted the artifact's Secret and made another one of its name.",
)
CONFIG_MISSING: Final = Reason(
    "ConfigMissing",
    "A container needs a Secret or ConfigMap, or a key of one, that is not there.",
    "Create what the message names; the Pod starts by itself then.",
    "outside",
    causes=(
        "runtime.env or runtime.envFrom names a Secret of another namespace, or a key that it"
        " lacks."
    ),
)
NODE_LOST: Final = Reason(
    "NodeLost",
    "A Pod's node does not answer any more.",
    "Look at the node; a Pod that cannot be reached is replaced when the node is back or removed.",
    "outside",
    causes=(
        "A node that was shut down, a spot machine that was taken back, a network that is parted."
    ),
)
EVICTED: Final = Reason(
    "Evicted",
    "A node put a Pod out: it was short of memory, disk or process ids.",
    (
        "Give the node more of it, or lower what the Pod uses: large models need ephemeral "
        "storage for their files."
    ),
    "outside",
    causes=(
        "Weights that are downloaded into the container's file system; a neighbour that fills"
        " the disk."
    ),
)
OUT_OF_MEMORY: Final = Reason(
    "OutOfMemory",
    "A process was killed because it needed more memory than the Pod may have.",
    "Raise spec.resources.memory (or runtime.head.resources.memory), or take a smaller model.",
    "outside",
    causes=(
        "Weights are read into memory before they go to the GPU; max_model_len, swap space "
        "and many workers add to it."
    ),
)
CRASH_LOOPING: Final = Reason(
    "CrashLooping",
    "A container ends again and again: three times at least, soon after it was started.",
    "The message is the last line of its log; `kubectl logs -f` of the next Pod shows all of it.",
    "outside",
    causes=(
        "An image without Ray or with another version of it; a wrong entry point; an init "
        "container that fails."
    ),
)
HEAD_LOST: Final = Reason(
    "HeadLost",
    "The head Pod of the Ray cluster ended; KubeRay makes it anew, and all actors with it.",
    "If it happens again, read the log of the head Pod as it is written: `kubectl logs -f`.",
    "itself",
    causes="Too little memory for the head; a node that was drained.",
)
POD_FAILED: Final = Reason(
    "PodFailed",
    "A container cannot start, or ends again and again.",
    "Read the Events of the Pod that the message names, and the log of the one that follows it.",
    "outside",
    is_known=False,
)
