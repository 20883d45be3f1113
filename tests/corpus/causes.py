"""Each cause that can be provoked on the node: how, when its evidence is there, what it is called.

What cannot be provoked here, and what its texts were written from, stands in `elsewhere`.
"""

from typing import Any, Final

from bastaix.observe.ends import LOOP
from tests.corpus import acts
from tests.corpus.cause import VLLM, Cause

RUNNING: Final = '"status": "RUNNING"'
HIDDEN_BUILD: Final = {"app.py": ("def build(", "def hidden(")}
SLOW_ANSWER: Final = (
    '        return await self._respond(request, "chat")',
    "        await asyncio.sleep(600)",
)
FAILING_HEALTH: Final = (
    '    @api.get("/v1/models")\n',
    "    def check_health(self):\n"
    "        if time.monotonic() - self._started > 20:\n"
    '            raise RuntimeError("the engine is dead")\n\n'
    '    @api.get("/v1/models")\n',
)


def _env(name: str, secret: str) -> dict[str, Any]:
    source = {"secretKeyRef": {"name": secret, "key": "key"}}
    return {"runtime": {"env": [{"name": name, "valueFrom": source}]}}


def _volume(source: dict[str, Any], path: str = "/data") -> dict[str, Any]:
    return {
        "runtime": {
            "volumes": [{"name": "data", **source}],
            "volumeMounts": [{"name": "data", "mountPath": path}],
        }
    }


def _engine(**arguments: Any) -> dict[str, Any]:
    return {"model": {"engineArgs": arguments}}


CODE: Final = (
    Cause(
        name="dependency-missing",
        reason="DependencyMissing",
        lines="import a_package_that_nobody_has",
    ),
    Cause(
        name="dependency-misfit",
        reason="DependencyMisfit",
        lines="from fastapi import NobodyHasThis",
    ),
    Cause(
        name="own-name-missing",
        reason="ImportFailed",
        lines="from answers import NobodyHasThis",
    ),
    Cause(
        name="error-while-imported",
        reason="ImportFailed",
        lines="{}['nobody has this key']",
    ),
    Cause(
        name="network-at-start",
        reason="ConnectionFailed",
        lines="import urllib.request; urllib.request.urlopen('http://nobody.invalid/')",
    ),
    Cause(
        name="volume-full",
        reason="DiskFull",
        lines="open('/data/weights', 'wb').write(bytes(1 << 22))",
        spec=_volume({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}),
    ),
    Cause(
        name="attribute-missing",
        reason="AttributeMissing",
        lines="if False:\n    build = None",
        edits=HIDDEN_BUILD,
    ),
    Cause(
        name="not-an-application",
        reason="NotAnApplication",
        lines="build = 'no application'",
        edits=HIDDEN_BUILD,
    ),
    Cause(
        name="builder-without-return",
        reason="NotAnApplication",
        edits={"app.py": ("    return Echo.options(", "    Echo.options(")},
    ),
    Cause(
        name="arguments-rejected",
        reason="ArgumentsRejected",
        spec={"app": {"args": {"llm_configs": [{"engine_kwarg": {}}]}}},
    ),
    Cause(
        name="constructor-failed",
        reason="ConstructorFailed",
        spec={
            "app": {
                "args": {"echo": {"crash": "constructor", "crash_message": "the weights are torn"}}
            }
        },
    ),
    Cause(
        name="replica-killed-for-memory",
        reason="ReplicaLost",
        edits={
            "app.py": (
                '        settings.crash_in("constructor")',
                "        self.ballast = [bytes([1]) * (1 << 30) for _ in range(8)]",
            )
        },
    ),
    Cause(
        name="health-check-failing",
        reason="HealthCheckFailing",
        evidence='"UNHEALTHY"',
        edits={"app.py": FAILING_HEALTH},
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
        name="wrong-answer",
        is_told_by_objects=False,
        reason="WrongAnswer",
        evidence=RUNNING,
        spec={"app": {"check": {"expect": {"status": 200, "contains": "nobody says this"}}}},
    ),
    Cause(
        name="no-answer-in-time",
        is_told_by_objects=False,
        reason="AnswerLate",
        evidence="",
        edits={"app.py": SLOW_ANSWER},
    ),
)
PODS: Final = (
    Cause(
        name="no-node-is-large-enough",
        reason="Unschedulable",
        evidence='"reason": "Unschedulable"',
        spec={"resources": {"memory": "500Gi"}},
    ),
    Cause(
        name="others-hold-the-memory",
        reason="Unschedulable",
        evidence='"reason": "Unschedulable"',
        spec={"resources": {"memory": "14Gi"}},
        before=acts.applying(acts.occupant("8Gi")),
        heal=acts.deleting("pod/occupant"),
    ),
    Cause(
        name="image-missing",
        reason="ImagePullFailed",
        evidence="ErrImage",
        spec={"runtime": {"image": acts.IMAGE}},
        before=acts.without_image,
        heal=acts.with_image,
    ),
    Cause(
        name="image-without-ray",
        reason="CrashLooping",
        evidence='"exitCode": 127',
        ends=LOOP,
        spec={"runtime": {"image": "${operator}"}},
    ),
    Cause(
        name="secret-of-env-missing",
        reason="ConfigMissing",
        evidence="CreateContainerConfigError",
        spec=_env("HF_TOKEN", "hub"),
        heal=acts.applying(acts.secret("hub")),
    ),
    Cause(
        name="claim-missing",
        reason="VolumeMissing",
        evidence="persistentvolumeclaim",
        spec=_volume({"persistentVolumeClaim": {"claimName": "data"}}),
        heal=acts.claim,
    ),
    Cause(
        name="secret-of-volume-missing",
        reason="VolumeMissing",
        evidence="FailedMount",
        spec=_volume({"secret": {"secretName": "data"}}),
        heal=acts.applying(acts.secret("data")),
    ),
    Cause(
        name="quota",
        reason="QuotaExceeded",
        evidence="exceeded quota",
        before=acts.applying(acts.quota(0)),
        heal=acts.applying(acts.quota(10)),
    ),
    Cause(
        name="limit-range",
        reason="AdmissionDenied",
        evidence="maximum memory usage",
        before=acts.applying(acts.limit_range("100Mi")),
        heal=acts.deleting("limitrange/small"),
    ),
    Cause(
        name="head-killed-for-memory",
        reason="OutOfMemory",
        evidence="OOMKilled",
        ends=1,
        spec={"runtime": {"head": {"resources": {"cpu": "100m", "memory": "150Mi"}}}},
    ),
    Cause(
        name="disk-of-pod-full",
        reason="Evicted",
        evidence='"Evicted"',
        is_told_by_objects=False,
        spec=_volume({"emptyDir": {"sizeLimit": "1Mi"}}),
        edits={
            "app.py": (
                '        settings.crash_in("constructor")',
                '        open("/data/weights", "wb").write(bytes(64 << 20))\n'
                "        time.sleep(600)",
            )
        },
    ),
    Cause(
        name="kuberay-does-nothing",
        reason="KubeRayNotReconciling",
        evidence="",
        before=acts.without_kuberay,
        heal=acts.with_kuberay,
    ),
)
MODELS: Final = (
    Cause(
        name="engine-argument-unknown",
        reason="EngineArgumentUnknown",
        template=VLLM,
        spec=_engine(nobody_knows_this=1),
    ),
    Cause(
        name="engine-argument-of-another-type",
        reason="ArgumentsRejected",
        template=VLLM,
        spec=_engine(max_model_len="many"),
    ),
    Cause(
        name="model-missing",
        reason="ModelNotFound",
        template=VLLM,
        spec={"model": {"source": "pvc://models/nobody-has-this"}},
    ),
    Cause(
        name="model-gated",
        reason="ModelAccessDenied",
        template=VLLM,
        spec={
            "model": {"source": "hf://nobody/gated"},
            "runtime": {"env": [{"name": "HF_ENDPOINT", "value": "http://hub"}]},
        },
        before=acts.hub,
    ),
    Cause(
        name="architecture-unknown",
        reason="ModelIncompatible",
        template=VLLM,
        spec=_engine(hf_overrides={"architectures": ["NobodyForCausalLM"]}),
    ),
    Cause(
        name="context-larger-than-memory",
        reason="EngineOutOfMemory",
        template=VLLM,
        spec=_engine(max_model_len=8192, num_gpu_blocks_override=8),
    ),
)
CAUSES: Final = (*CODE, *PODS, *MODELS)
BY_NAME: Final = {cause.name: cause for cause in CAUSES}
