"""Each cause that can be provoked on the node: how, when its evidence is there, what it is called.

What cannot be provoked here, and what its texts were written from, stands in NOT_HERE.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.e2e.variants import Edits

HIDDEN_BUILD: Final = {"app.py": ("def build(", "def hidden(")}


@dataclass(frozen=True, kw_only=True)
class Cause:
    name: str
    reason: str
    """The finding that is expected."""
    evidence: str
    """Text that is in the cluster's objects as soon as the cause can be known."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Merged into the spec."""
    lines: str = ""
    """Before those of the app's code."""
    edits: Edits | None = None
    manifests: tuple[Mapping[str, Any], ...] = ()
    """Applied to the namespace first."""
    template: str = "tests/e2e/echo.yaml"
    heals: Mapping[str, Any] | None = None
    """A manifest that heals it from outside."""


def _env(name: str, secret: str) -> dict[str, Any]:
    source = {"secretKeyRef": {"name": secret, "key": "key"}}
    return {"runtime": {"env": [{"name": name, "valueFrom": source}]}}


def _secret(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"key": "x"},
    }


CAUSES: Final = (
    Cause(
        name="dependency-missing",
        reason="DependencyMissing",
        evidence="DEPLOY_FAILED",
        lines="import a_package_that_nobody_has",
    ),
    Cause(
        name="dependency-misfit",
        reason="DependencyMisfit",
        evidence="DEPLOY_FAILED",
        lines="from fastapi import NobodyHasThis",
    ),
    Cause(
        name="relative-import",
        reason="ImportFailed",
        evidence="DEPLOY_FAILED",
        lines="from .answers import Answer",
    ),
    Cause(
        name="attribute-missing",
        reason="AttributeMissing",
        evidence="DEPLOY_FAILED",
        lines="if False:\n    build = None",
        edits=HIDDEN_BUILD,
    ),
    Cause(
        name="not-an-application",
        reason="NotAnApplication",
        evidence="DEPLOY_FAILED",
        lines="build = 'no application'",
        edits=HIDDEN_BUILD,
    ),
    Cause(
        name="builder-without-return",
        reason="NotAnApplication",
        evidence="DEPLOY_FAILED",
        edits={"app.py": ("    return Echo.options(", "    Echo.options(")},
    ),
    Cause(
        name="arguments-rejected",
        reason="ArgumentsRejected",
        evidence="DEPLOY_FAILED",
        spec={"app": {"args": {"llm_configs": [{"engine_kwarg": {}}]}}},
    ),
    Cause(
        name="constructor-failed",
        reason="ConstructorFailed",
        evidence="DEPLOY_FAILED",
        spec={
            "app": {
                "args": {"echo": {"crash": "constructor", "crash_message": "the weights are torn"}}
            }
        },
    ),
    Cause(
        name="replica-killed-for-memory",
        reason="ReplicaLost",
        evidence="DEPLOY_FAILED",
        edits={
            "app.py": (
                '        settings.crash_in("constructor")',
                "        self.ballast = [bytes([1]) * (1 << 30) for _ in range(8)]",
            )
        },
    ),
    Cause(
        name="gpu-that-the-cluster-lacks",
        reason="RayResourcesUnavailable",
        evidence="taken more than 30s to be scheduled",
        edits={
            "app.py": (
                'ray_actor_options={"num_cpus": 2}',
                'ray_actor_options={"num_cpus": 1, "num_gpus": 1}',
            )
        },
    ),
    Cause(
        name="no-node-has-room",
        reason="Unschedulable",
        evidence='"reason": "Unschedulable"',
        spec={"resources": {"memory": "500Gi"}},
    ),
    Cause(
        name="image-missing",
        reason="ImagePullFailed",
        evidence="ErrImage",
        spec={"runtime": {"image": "localhost/bastaix/nobody-has:1"}},
    ),
    Cause(
        name="secret-of-env-missing",
        reason="ConfigMissing",
        evidence="CreateContainerConfigError",
        spec=_env("HF_TOKEN", "hub"),
        heals=_secret("hub"),
    ),
    Cause(
        name="claim-missing",
        reason="VolumeMissing",
        evidence="persistentvolumeclaim",
        spec={
            "runtime": {
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "nobody-has"}}],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        },
    ),
    Cause(
        name="quota",
        reason="QuotaExceeded",
        evidence="exceeded quota",
        manifests=(
            {
                "apiVersion": "v1",
                "kind": "ResourceQuota",
                "metadata": {"name": "few"},
                "spec": {"hard": {"pods": "0"}},
            },
        ),
    ),
    Cause(
        name="pod-security",
        reason="AdmissionDenied",
        evidence="violates PodSecurity",
        spec={
            "runtime": {
                "volumes": [{"name": "host", "hostPath": {"path": "/tmp"}}],
                "volumeMounts": [{"name": "host", "mountPath": "/host"}],
            }
        },
    ),
    Cause(
        name="head-killed-for-memory",
        reason="OutOfMemory",
        evidence="OOMKilled",
        spec={"runtime": {"head": {"resources": {"cpu": "100m", "memory": "150Mi"}}}},
    ),
    Cause(
        name="wrong-answer",
        reason="WrongAnswer",
        evidence='"RUNNING"',
        spec={"app": {"check": {"expect": {"status": 200, "contains": "nobody says this"}}}},
    ),
    Cause(
        name="engine-argument-unknown",
        reason="EngineArgumentUnknown",
        evidence="DEPLOY_FAILED",
        template="demo/smollm2.yaml",
        spec={"model": {"engineArgs": {"nobody_knows_this": 1}}},
    ),
    Cause(
        name="model-missing",
        reason="ModelNotFound",
        evidence="DEPLOY_FAILED",
        template="demo/smollm2.yaml",
        spec={"model": {"source": "pvc://models/nobody-has-this"}},
    ),
    Cause(
        name="context-larger-than-memory",
        reason="EngineOutOfMemory",
        evidence="DEPLOY_FAILED",
        template="demo/smollm2.yaml",
        spec={
            "model": {"engineArgs": {"max_model_len": 8192, "num_gpu_blocks_override": 8}},
        },
    ),
)
BY_NAME: Final = {cause.name: cause for cause in CAUSES}
