"""Every name, label, annotation and address that the operator gives to something.

A name that two modules spell for themselves is a name that will differ one day, so both
import it from here. Nothing here knows how a manifest looks.
"""

from typing import Final

GROUP: Final = "serving.bastaix.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "ModelDeployment"
PLURAL: Final = "modeldeployments"

RAY_GROUP: Final = "ray.io"
RAY_VERSION: Final = "v1"
RAY_API_VERSION: Final = f"{RAY_GROUP}/{RAY_VERSION}"

FIELD_MANAGER: Final = "bastaix-operator"
SOURCE_FIELD_MANAGER: Final = "bastaix-source"
PLUGIN_FIELD_MANAGER: Final = "bastaix-plugin"
"""Not kubectl-…: Flux takes for a mistake, and undoes, what such a manager has written."""
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "bastaix"
NAME_LABEL: Final = f"{GROUP}/name"
REVISION_LABEL: Final = f"{GROUP}/revision"
APPLIED_ANNOTATION: Final = f"{GROUP}/applied"
REQUEST_ANNOTATION: Final = f"{GROUP}/request"
"""On a ModelDeployment: what its user asks for (see `api.rollout`)."""
RECORDS_ANNOTATION: Final = f"{GROUP}/records"
"""On the stable Service: what became of each revision (see `rollout.record`)."""
WISH_ANNOTATION: Final = f"{GROUP}/wish"
"""On the stable Service: what the user asks for, and since when (see `rollout.wish`)."""
SINCE_ANNOTATION: Final = f"{GROUP}/since"
PREVIOUS_ANNOTATION: Final = f"{GROUP}/previous"
"""On the stable Service, written with its selector: when it was turned, and from which revision."""
EVALUATION_LABEL: Final = f"{GROUP}/evaluation"
"""On evaluation Jobs and their Pods: the revision that they evaluate."""
ARTIFACT_LABEL: Final = f"{GROUP}/artifact"
"""On artifacts, and on what names one: the first digits of its sha256."""

KEY_ANNOTATION: Final = f"{GROUP}/key"
"""On evaluation Jobs: what they evaluate, and by what (see `render.evaluation`)."""
KEY_SHA256_ANNOTATION: Final = f"{GROUP}/key-sha256"
"""The same, whole: the other one has its first digits, for operators of before."""
TRIAL_ANNOTATION: Final = f"{GROUP}/trial"
"""On evaluation Jobs: uid of the RayService that they ask."""
ATTEMPT_ANNOTATION: Final = f"{GROUP}/attempt"
"""On evaluation Jobs: how many there have been in this trial."""

ARTIFACT_FOLDER: Final = "source/"
"""The one folder in an artifact, which holds all of its files."""

SOURCE_CHECK_CONTAINER: Final = "bastaix-source"
"""The init container of Ray's Pods that compares the artifact with its digest."""
MISMATCH_EXIT_CODE: Final = 97
"""Its own for an artifact that is another one: neither a shell nor a signal ends with it."""

PROXY_ANNOTATION: Final = f"{GROUP}/proxy"
"""On Ray's Pods: the text of `in_pod.bastaix_proxy`."""

JOB_UID_LABEL: Final = "batch.kubernetes.io/controller-uid"
"""By the Job controller on the Pods that it makes (Kubernetes 1.27)."""

# KubeRay's own labels on the Pods that it makes.
RAY_NODE_TYPE_LABEL: Final = "ray.io/node-type"
RAY_SERVE_LABEL: Final = "ray.io/serve"

STABLE_PORT: Final = 80
SERVE_PORT: Final = 8000
METRICS_PORT: Final = 8080

HASH_LENGTH: Final = 8


def rayservice_name(name: str, revision: str) -> str:
    """The RayService, and the ControllerRevision, of one revision."""
    return f"{name}-{revision}"


def artifact_name(name: str, digest: str) -> str:
    """The Secret that holds an artifact; a digest is `sha256:` and 64 hex digits."""
    return f"{name}-src-{artifact_label(digest)}"


def artifact_label(digest: str) -> str:
    return digest.removeprefix("sha256:")[:HASH_LENGTH]


def artifact_file(digest: str) -> str:
    """The key in that Secret, and the file that it is mounted as."""
    return f"{digest.removeprefix('sha256:')}.zip"


def service_name(name: str) -> str:
    """The stable Service: the same through every revision."""
    return name


def candidate_service_name(name: str, revision: str) -> str:
    """KubeRay's own Service of one revision's Pods."""
    return f"{rayservice_name(name, revision)}-serve-svc"


def network_policy_name(name: str) -> str:
    """Of the Pods of all revisions. No other name ends like this, so a user's is not met."""
    return f"{name}-ray-pods"


def evaluation_name(name: str, revision: str) -> str:
    """The Job that evaluates one revision."""
    return f"{rayservice_name(name, revision)}-eval"


def url(name: str, namespace: str) -> str:
    """Where an OpenAI client inside the cluster finds the model."""
    return f"http://{service_name(name)}.{namespace}.svc/v1"
