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


def explained(finding: Finding) -> str:
    """The message for a status: with what to do about it, where anything can be done.

    Said once: what one controller has explained, the other hands on as it is.
    """
    reason, message = finding.reason, finding.message
    if reason.heals == "itself" or message.endswith(reason.hint):
        return message
    return f"{message.removesuffix('.')}. {reason.hint}"


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

FETCHING_SOURCE: Final = Reason(
    "FetchingSource",
    "The source controller fetches the code and checks it.",
    "If it lasts, look whether the source controller runs.",
    "itself",
)
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

EVALUATING: Final = Reason(
    "Evaluating",
    "The candidate's answers are compared with the data set of the gate.",
    "",
    "itself",
)

# ---- ends of a rollout, and where it waits for its user

PROMOTED: Final = Reason(
    "Promoted", "The revision of this spec has passed the gate and has the traffic.", "", "itself"
)
PAUSED: Final = Reason(
    "Paused",
    "The candidate has passed the gate and waits for a word before it gets traffic.",
    "Promote it with `kubectl bastaix promote NAME`, or change the spec.",
    "never",
)
ROLLED_BACK: Final = Reason(
    "RolledBack",
    "An earlier revision than that of the spec is active, as was asked for.",
    "Change the spec to go on, or ask for `kubectl bastaix retry NAME`.",
    "never",
)

# ---- findings: what is wrong with a candidate

EVALUATION_FAILED: Final = Reason(
    "EvaluationFailed",
    "The candidate's answers are worse than the gate allows.",
    "Read the log of the evaluation Job for the cases that failed; then correct app or data set.",
    "never",
)
EVALUATION_INCONCLUSIVE: Final = Reason(
    "EvaluationInconclusive",
    "The evaluation says nothing about the candidate, such as when all requests fail alike.",
    "Correct the data set (does it ask for the model's id?), then change the spec or retry.",
    "never",
)
EVALUATION_ERROR: Final = Reason(
    "EvaluationError",
    "The evaluation could not be made; it is tried again.",
    "Read the log and the Events of the evaluation Job.",
    "outside",
)
DEADLINE_EXCEEDED: Final = Reason(
    "DeadlineExceeded",
    "The candidate did not pass the gate within rollout.progressDeadlineSeconds.",
    "Remove what the message names; it is tried again by itself, at once after a change.",
    "outside",
)
INSUFFICIENT_CAPACITY: Final = Reason(
    "InsufficientCapacity",
    "There is no room for the candidate beside the active revision.",
    "Add nodes, ask for less, or choose rollout.strategy Auto or Recreate.",
    "outside",
)
NO_ENDPOINT: Final = Reason(
    "NoEndpoint",
    "After the promotion no Pod of the new revision was ready.",
    "Read `kubectl describe` and the logs of its Pods; then change the spec or retry.",
    "outside",
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
    "Allow what the message names.",
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

# ---- findings of the source controller: what is wrong with the code before anything runs

VERIFIED: Final = Reason(
    "Verified",
    "The code is there, is what was pinned, and is kept beside the object.",
    "",
    "itself",
)
IN_IMAGE: Final = Reason(
    "InImage", "The code is in the runtime image; nothing is fetched.", "", "itself"
)
SOURCE_NOT_FOUND: Final = Reason(
    "SourceNotFound",
    "The host has no such repository or commit, or does not say so to a stranger.",
    "Check repository and commit (is it pushed?); a private repository needs secretRef.",
    "outside",
)
SOURCE_UNAUTHORIZED: Final = Reason(
    "SourceUnauthorized",
    "The host does not accept the credential, or asks for one.",
    "Check the Secret's token: not expired, and allowed to read this repository's contents.",
    "outside",
)
SOURCE_FORBIDDEN: Final = Reason(
    "SourceForbidden",
    "The host, or the rules of this cluster, do not allow it.",
    "Act as the message says; if it is this cluster's rule, ask who installed the chart.",
    "outside",
)
SOURCE_NOT_ARCHIVE: Final = Reason(
    "SourceNotArchive",
    "Something came that is no zip archive: often a sign-in page.",
    "Open the repository's address in a browser; a private repository needs secretRef.",
    "outside",
)
DIGEST_MISMATCH: Final = Reason(
    "DigestMismatch",
    "What came is not what was pinned.",
    "Pin the commit or sha256 that the host has now, if you trust what changed it.",
    "outside",
)
ARCHIVE_DAMAGED: Final = Reason(
    "ArchiveDamaged",
    "The archive has the pinned sha256, and is no zip or a damaged one.",
    "Make the zip anew and pin its sha256.",
    "never",
)
SOURCE_INTERRUPTED: Final = Reason(
    "SourceInterrupted",
    "The work was cut short: the node had too little memory, processor or disk just then.",
    "If it lasts, give the source controller more of them (source.resources of the chart).",
    "outside",
)
SOURCE_TOO_LARGE: Final = Reason(
    "SourceTooLarge",
    "The selected code, or the archive it comes in, is over the limit.",
    "Select a folder with `path`, leave files out with `exclude`, or put them into the image.",
    "never",
)
SOURCE_UNSAFE: Final = Reason(
    "SourceUnsafe",
    "The archive holds something that no code needs and attackers use.",
    "Remove what the message names; `exclude` helps where it is one of the selected files.",
    "never",
)
SOURCE_INCOMPLETE: Final = Reason(
    "SourceIncomplete",
    "Files among the selected are stand-ins: Git LFS pointers or empty submodules.",
    "Commit their contents, or leave them out with `exclude` if the app needs none of them.",
    "never",
)
SOURCE_RATE_LIMITED: Final = Reason(
    "SourceRateLimited",
    "The host wants fewer requests; the next try is at the time that it named.",
    "Wait; with a token in secretRef most hosts allow more.",
    "itself",
)
SOURCE_UNREACHABLE: Final = Reason(
    "SourceUnreachable",
    "The host does not answer, or breaks off.",
    "Check the address, and that the source controller may reach it.",
    "outside",
)
PATH_NOT_FOUND: Final = Reason(
    "PathNotFound",
    "The commit has no such folder, or nothing is left in it.",
    "Correct `path` or `exclude`; the message names what is there.",
    "never",
)
IMPORT_PATH_NOT_FOUND: Final = Reason(
    "ImportPathNotFound",
    "The code has no such module at its root, or the module has no such name.",
    "Correct app.importPath, or `path` so that the module stands at its root.",
    "never",
)
DEPENDENCY_CONFLICT: Final = Reason(
    "DependencyConflict",
    "The code asks for other versions than the runtime image holds.",
    "Change the requirement, or runtime.image to one that holds what is asked for.",
    "never",
)
DATASET_NOT_FOUND: Final = Reason(
    "DatasetNotFound",
    "The file of rollout.gate.dataset is not in the code.",
    "Correct `dataset.path`, which is from the root of the app, or `exclude`.",
    "never",
)
DATASET_INVALID: Final = Reason(
    "DatasetInvalid",
    "A line of the gate's data set cannot be used.",
    "Correct the line that the message names; `bastaix eval --help` shows a right one.",
    "never",
)
SECRET_NOT_FOUND: Final = Reason(
    "SecretNotFound",
    "The namespace has no Secret of the name in secretRef.",
    "Create it; the next try follows at once.",
    "outside",
)
SECRET_KEY_MISSING: Final = Reason(
    "SecretKeyMissing",
    "The Secret lacks a key that is needed.",
    "Add the key that the message names; the next try follows at once.",
    "outside",
)
SECRET_HOST_NOT_ALLOWED: Final = Reason(
    "SecretHostNotAllowed",
    "The Secret's key `hosts` does not list the host that it would be sent to.",
    "Add the host to the Secret's key `hosts`, if its credential is meant for it.",
    "outside",
)
SOURCE_INVALID: Final = Reason(
    "SourceInvalid",
    "The source cannot be addressed as it is written.",
    "Correct the field that the message names.",
    "never",
)
INTERNAL_ERROR: Final = Reason(
    "InternalError",
    "The source controller failed at it by an error of its own.",
    "Report it as a bug, with the source controller's log; it tries again by itself.",
    "outside",
)

ALL: Final = (
    READY,
    SUSPENDED,
    ANSWERING,
    NOT_ANSWERING,
    FETCHING_SOURCE,
    DRAINING,
    SCHEDULING,
    PULLING_IMAGE,
    STARTING_RAY,
    LOADING_MODEL,
    AWAITING_ANSWER,
    EVALUATING,
    PROMOTED,
    PAUSED,
    ROLLED_BACK,
    EVALUATION_FAILED,
    EVALUATION_INCONCLUSIVE,
    EVALUATION_ERROR,
    DEADLINE_EXCEEDED,
    INSUFFICIENT_CAPACITY,
    NO_ENDPOINT,
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
    VERIFIED,
    IN_IMAGE,
    SOURCE_NOT_FOUND,
    SOURCE_UNAUTHORIZED,
    SOURCE_FORBIDDEN,
    SOURCE_NOT_ARCHIVE,
    DIGEST_MISMATCH,
    ARCHIVE_DAMAGED,
    SOURCE_INTERRUPTED,
    SOURCE_TOO_LARGE,
    SOURCE_UNSAFE,
    SOURCE_INCOMPLETE,
    SOURCE_RATE_LIMITED,
    SOURCE_UNREACHABLE,
    PATH_NOT_FOUND,
    IMPORT_PATH_NOT_FOUND,
    DEPENDENCY_CONFLICT,
    DATASET_NOT_FOUND,
    DATASET_INVALID,
    SECRET_NOT_FOUND,
    SECRET_KEY_MISSING,
    SECRET_HOST_NOT_ALLOWED,
    SOURCE_INVALID,
    INTERNAL_ERROR,
)
BY_NAME: Final = {reason.name: reason for reason in ALL}
