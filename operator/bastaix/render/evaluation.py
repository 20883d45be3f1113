"""The Job that evaluates a candidate: `bastaix eval`, or an image of the user's in its place.

It holds no token and no credential, and takes neither the runtime's service account nor its
environment: of the candidate it needs nothing but a URL. Its labels do not name a revision as
Ray's Pods do, so no Service selects it.

Who may replace the artifact's Secret must not choose the data set. `bastaix eval` compares the
archive with its sha256 itself; for another image an init container does so, as for Ray
(`render.code`), in the operator's image: what is in the user's is not known.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from bastaix.api import names
from bastaix.api.rollout import Gate
from bastaix.api.sources import EARLIER_DIGITS
from bastaix.api.v1alpha1 import ModelDeployment, Runtime
from bastaix.render import code, pods
from bastaix.render.revision import Revision, owner_reference

OURS: Final = "bastaix-eval"
THEIRS: Final = "evaluator"
"""What the container is called, by which its result is read accordingly."""
RESULT: Final = "/dev/termination-log"
DATASET_PATH: Final = "/bastaix/dataset"
DATASET_FILE: Final = "dataset.jsonl"
"""A ConfigMap's key under a name of ours, whatever the user calls it."""
GRACE_SECONDS: Final = 60
"""For scheduling and the image, over the time that the evaluation itself may take."""

_VOLUME: Final = "bastaix-dataset"


@dataclass(frozen=True)
class OwnImage:
    """The operator's own image, in which `bastaix eval` runs."""

    reference: str
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets that must be in the namespace of the model for its node to pull it."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The active revision, for `maxRegression`."""

    url: str | None = None
    """Where it answers; None: it does not, so only what is known of it counts."""
    model: str | None = None
    """What its model is called; None: as the candidate's."""
    digest: str | None = None
    """Of the data set on which its pass rate is known."""
    pass_rate: float | None = None


def revision_url(md: ModelDeployment, revision: str) -> str:
    """Where one revision answers, whether it is active or not."""
    service = names.candidate_service_name(md.name, revision)
    return f"http://{service}.{md.namespace}.svc:{names.SERVE_PORT}"


def evaluation_key(md: ModelDeployment, revision: Revision) -> str:
    """Of the gate and of what it judges, but for what is in a ConfigMap; 64 hex digits.

    What it is compared with does not count: a revision that passed may come back at once.
    """
    # absent fields count for nothing, so that a new one makes nobody evaluate anew
    fields = {key: value for key, value in asdict(_gate(md)).items() if value is not None}
    text = json.dumps([fields, revision.hash, revision.digest], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def evaluation_job(
    md: ModelDeployment,
    revision: Revision,
    *,
    baseline: Baseline | None,
    image: OwnImage | None,
    trial: str,
    attempt: int,
) -> dict[str, Any]:
    """`image` is the operator's own, `trial` the uid of the RayService that is asked."""
    gate = _gate(md)
    labels = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.NAME_LABEL: md.name,
        names.EVALUATION_LABEL: revision.hash,
    }
    key = evaluation_key(md, revision)
    annotations = {
        names.KEY_ANNOTATION: key[:EARLIER_DIGITS],
        names.KEY_SHA256_ANNOTATION: key,
        names.TRIAL_ANNOTATION: trial,
        names.ATTEMPT_ANNOTATION: str(attempt),
    }
    compared = baseline if gate.max_regression is not None else None
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.evaluation_name(md.name, revision.hash),
            "namespace": md.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(md)],
        },
        "spec": {
            # whether it is tried again is the operator's decision, by the outcome
            "backoffLimit": 0,
            "activeDeadlineSeconds": gate.timeout_seconds + GRACE_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": _pod(md, gate, revision, compared, image),
            },
        },
    }


def _gate(md: ModelDeployment) -> Gate:
    gate = md.spec.rollout.gate
    if gate is None:
        raise ValueError(f"{md.namespace}/{md.name} has no gate: there is nothing to evaluate by")
    return gate


def _pod(
    md: ModelDeployment,
    gate: Gate,
    revision: Revision,
    baseline: Baseline | None,
    image: OwnImage | None,
) -> dict[str, Any]:
    is_compared = gate.evaluator is not None and gate.path is not None
    runs_theirs_alone = gate.evaluator is not None and not is_compared
    volumes, mounts = (
        (code.volumes(md.name, revision.digest), code.mounts(revision.digest))
        if is_compared
        else _dataset_volumes(md, gate, revision)
    )
    container = (
        _ours(md, gate, revision, baseline, None if image is None else image.reference)
        if gate.evaluator is None
        else _theirs(md, gate, revision, baseline)
    )
    runtime = md.spec.runtime
    given = {
        "imagePullSecrets": _pull_secrets(runtime, None if runs_theirs_alone else image),
        "tolerations": list(runtime.tolerations),
        "initContainers": _comparison(gate, revision, image) if is_compared else [],
    }
    return {
        **{key: value for key, value in given.items() if value},
        "restartPolicy": "Never",
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "securityContext": pods.POD_SECURITY,
        "containers": [
            {
                **container,
                "securityContext": pods.CONTAINER_SECURITY,
                "resources": {
                    "requests": {"cpu": "50m", "memory": "128Mi"},
                    "limits": {"memory": "512Mi"},
                },
                "terminationMessagePath": RESULT,
                "terminationMessagePolicy": "File",
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }


def _comparison(gate: Gate, revision: Revision, image: OwnImage | None) -> list[dict[str, Any]]:
    """Nobody may have said what the operator's image is: then the evaluator's must do."""
    assert gate.evaluator is not None
    return code.init_containers(
        revision.digest,
        image=gate.evaluator.image if image is None else image.reference,
        pull_policy=pods.DEFAULT_PULL_POLICY,
        security=pods.CONTAINER_SECURITY,
    )


def _ours(
    md: ModelDeployment,
    gate: Gate,
    revision: Revision,
    baseline: Baseline | None,
    image: str | None,
) -> dict[str, Any]:
    archive = _archive(revision)
    dataset = f"{DATASET_PATH}/{DATASET_FILE}" if gate.path is None else gate.path
    options: dict[str, Any] = {
        "url": revision_url(md, revision.hash),
        "dataset": dataset,
        "archive": None if gate.path is None else archive,
        "model": md.spec.model and md.spec.model.id,
        "min-pass-rate": gate.min_pass_rate,
        "max-regression": gate.max_regression,
        "ttft-p95": None if gate.ttft_p95 is None else _duration(gate.ttft_p95),
        "concurrency": gate.concurrency,
        "limit": gate.limit,
        "timeout": gate.timeout_seconds,
        "baseline-url": baseline and baseline.url,
        "baseline-model": baseline and baseline.model,
        "baseline": _known(baseline),
        "result": RESULT,
    }
    # with a =, as a value may begin with a -
    given = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return {
        "name": OURS,
        "image": image,
        "imagePullPolicy": pods.DEFAULT_PULL_POLICY,
        # the image's entry point is not relied on: it may be a user's own build
        "command": ["python", "-m", "bastaix", "eval"],
        "args": [_escaped(each) for each in [*given, "--json"]],
    }


def _theirs(
    md: ModelDeployment, gate: Gate, revision: Revision, baseline: Baseline | None
) -> dict[str, Any]:
    evaluator = gate.evaluator
    assert evaluator is not None
    in_archive = f"{names.ARTIFACT_FOLDER}{gate.path}"
    env: dict[str, str | None] = {
        "BASTAIX_URL": revision_url(md, revision.hash),
        "BASTAIX_MODEL": md.spec.model.id if md.spec.model else None,
        "BASTAIX_ARCHIVE": None if gate.path is None else _archive(revision),
        "BASTAIX_DATASET": f"{DATASET_PATH}/{DATASET_FILE}" if gate.path is None else in_archive,
        "BASTAIX_BASELINE_URL": baseline.url if baseline else None,
        "BASTAIX_RESULT": RESULT,
        # uid 1000 may have no home in a user's image
        "HOME": "/tmp",
    }
    container: dict[str, Any] = {
        "name": THEIRS,
        "image": evaluator.image,
        "command": list(evaluator.command),
        "args": list(evaluator.args),
        "env": [
            {"name": name, "value": _escaped(value)}
            for name, value in env.items()
            if value is not None
        ],
    }
    return {key: value for key, value in container.items() if value}


def _pull_secrets(runtime: Runtime, own: OwnImage | None) -> list[Any]:
    """Those of the model's own images, and for our image those that the installer names."""
    given = list(runtime.image_pull_secrets)
    named = {str(secret.get("name")) for secret in given}
    ours = own.pull_secrets if own is not None else ()
    return [*given, *({"name": name} for name in ours if name not in named)]


def _known(baseline: Baseline | None) -> str | None:
    if baseline is None or baseline.digest is None or baseline.pass_rate is None:
        return None
    return f"{baseline.digest}={baseline.pass_rate:.6f}"


def _duration(seconds: float) -> str:
    return f"{seconds:.3f}s" if seconds >= 1 else f"{seconds * 1000:.3f}ms"


def _escaped(text: str) -> str:
    """Kubernetes replaces $(NAME) in arguments and environment, which no path may mean here."""
    return text.replace("$", "$$")


def _archive(revision: Revision) -> str | None:
    if revision.digest is None:
        return None
    return f"{code.SOURCE_PATH}/{names.artifact_file(revision.digest)}"


def _dataset_volumes(
    md: ModelDeployment, gate: Gate, revision: Revision
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The volume that holds the data set, as it is, and its mount."""
    if gate.config_map is not None:
        items = [{"key": gate.config_map.key, "path": DATASET_FILE}]
        config_map = {"name": gate.config_map.name, "items": items, "defaultMode": 0o444}
        mount = {"name": _VOLUME, "mountPath": DATASET_PATH, "readOnly": True}
        return [{"name": _VOLUME, "configMap": config_map}], [mount]
    assert revision.digest is not None, "a path is refused where the code is in the image"
    secret = {
        "secretName": names.artifact_name(md.name, revision.digest),
        "defaultMode": 0o444,
    }
    mount = {"name": code.SECRET_VOLUME, "mountPath": code.SOURCE_PATH, "readOnly": True}
    return [{"name": code.SECRET_VOLUME, "secret": secret}], [mount]
