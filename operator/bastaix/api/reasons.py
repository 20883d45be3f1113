"""Every reason that a condition can carry, each with its meaning and what to do about it.

Nothing else spells a reason. `heals` decides what becomes of it:

- `itself`: work goes on (`Reconciling`);
- `outside`: somebody else must act, and when they have, work goes on by itself (`Reconciling`);
- `never`: nothing changes until the ModelDeployment does (`Stalled`).
"""

from dataclasses import dataclass
from typing import Final, Literal

Heals = Literal["itself", "outside", "never"]


@dataclass(frozen=True)
class Reason:
    name: str
    meaning: str
    hint: str
    heals: Heals

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Finding:
    """A reason with the one line of evidence for it."""

    reason: Reason
    message: str


# ---- the good end, and the one chosen

READY: Final = Reason(
    "Ready", "The current generation answered through the stable Service.", "", "itself"
)
SUSPENDED: Final = Reason(
    "Suspended",
    "spec.suspend is true: no Pods run, the name and the Service stay.",
    "Set spec.suspend to false to start again.",
    "itself",
)

# ---- of the condition Serving

ANSWERING: Final = Reason(
    "Answering", "The stable Service leads to a revision that answered.", "", "itself"
)
NOT_ANSWERING: Final = Reason(
    "NotAnswering", "The stable Service leads to no revision that answered.", "", "itself"
)

# ---- phases: what is going on, in the order in which it goes on

DRAINING: Final = Reason(
    "Draining", "The Pods of the revision before are being removed.", "Wait.", "itself"
)
SCHEDULING: Final = Reason(
    "Scheduling",
    "A Pod, or a replica in Ray, waits for a place that has what it asks for.",
    "Compare spec.resources and runtime.head.resources with what the nodes have free.",
    "itself",
)
PULLING_IMAGE: Final = Reason(
    "PullingImage", "A node pulls the image or mounts the volumes.", "Wait.", "itself"
)
STARTING_RAY: Final = Reason(
    "StartingRay", "The Ray cluster of this revision is coming up.", "Wait.", "itself"
)
LOADING_MODEL: Final = Reason(
    "LoadingModel",
    "Ray Serve builds the app: code, Python imports, weights, engine.",
    "Wait; `kubectl logs` of the worker Pod shows what it does.",
    "itself",
)
AWAITING_ANSWER: Final = Reason(
    "AwaitingAnswer", "The app runs; its first answer to the check is awaited.", "Wait.", "itself"
)

# ---- findings: what is wrong

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
API_REFUSED: Final = Reason(
    "ApiRefused",
    "The API server does not let the operator do what it must: rights, quota or admission.",
    "Allow it, as the message says; the operator tries again by itself.",
    "outside",
)
INVALID_SPEC: Final = Reason(
    "InvalidSpec",
    "The spec says something that cannot be rendered.",
    "Correct the field that the message names.",
    "never",
)
RAYSERVICE_REFUSED: Final = Reason(
    "RayServiceRefused",
    "KubeRay refuses the rendered RayService.",
    "Correct what the message names; if you cannot set it, report it as a bug.",
    "never",
)
POD_REFUSED: Final = Reason(
    "PodRefused",
    "Kubernetes does not let KubeRay create a Pod: quota, admission or Pod Security.",
    "Raise the quota or allow the Pod, as the message says.",
    "outside",
)
IMAGE_UNAVAILABLE: Final = Reason(
    "ImageUnavailable",
    "A node cannot get the image.",
    "Correct runtime.image, or give runtime.imagePullSecrets that may read it.",
    "outside",
)
POD_FAILED: Final = Reason(
    "PodFailed",
    "A container cannot start, or ends again and again.",
    "Read `kubectl logs --previous` and the Events of the Pod that the message names.",
    "outside",
)
SERVE_FAILED: Final = Reason(
    "ServeFailed",
    "Ray Serve gave the app up; the message is the last line of what it said.",
    "Correct the code, the arguments or the source, then change the spec.",
    "never",
)
SERVE_UNHEALTHY: Final = Reason(
    "ServeUnhealthy",
    "A replica fails its health checks; Ray Serve replaces it.",
    "Read the logs of the worker Pods if it lasts.",
    "itself",
)
PROBE_UNREACHABLE: Final = Reason(
    "ProbeUnreachable",
    "The operator gets no answer through the stable Service: refused, or timed out.",
    "Allow the operator to reach the namespace's Services; a slow model may need time.",
    "itself",
)
WRONG_ANSWER: Final = Reason(
    "WrongAnswer",
    "The app answered the check, but not with what app.check expects.",
    "Ask the same yourself, then correct the app or app.check.",
    "outside",
)

ALL: Final = (
    READY,
    SUSPENDED,
    ANSWERING,
    NOT_ANSWERING,
    DRAINING,
    SCHEDULING,
    PULLING_IMAGE,
    STARTING_RAY,
    LOADING_MODEL,
    AWAITING_ANSWER,
    KUBERAY_ABSENT,
    KUBERAY_UNSUPPORTED,
    NOT_OWNED,
    API_REFUSED,
    INVALID_SPEC,
    RAYSERVICE_REFUSED,
    POD_REFUSED,
    IMAGE_UNAVAILABLE,
    POD_FAILED,
    SERVE_FAILED,
    SERVE_UNHEALTHY,
    PROBE_UNREACHABLE,
    WRONG_ANSWER,
)
BY_NAME: Final = {reason.name: reason for reason in ALL}
