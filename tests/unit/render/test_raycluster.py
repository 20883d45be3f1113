"""The Ray cluster: what must hold in every one of them, and how a live one is scaled."""

from collections.abc import Iterator
from typing import Any

import pytest

from bastaix.api.v1alpha1 import ModelDeployment
from bastaix.in_pod.bastaix_proxy import DRAINING
from bastaix.render.raycluster import raycluster, scaling_patch
from tests.unit.bodies import DIGEST, body, with_field


def md(**fields: Any) -> ModelDeployment:
    changed = body()
    for field, value in fields.items():
        changed = with_field(changed, field.replace("__", "."), value)
    return ModelDeployment.from_body(changed)


def pod_specs(cluster: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        yield group["template"]["spec"]


def test_satisfies_pod_security_restricted() -> None:
    cluster = raycluster(md(), "1a2b3c4d", DIGEST)
    contexts = [spec["containers"][0]["securityContext"] for spec in pod_specs(cluster)]
    for context in (*contexts, cluster["autoscalerOptions"]["securityContext"]):
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_mounts_the_token_into_the_autoscaler_alone() -> None:
    cluster = raycluster(md(), "1a2b3c4d", DIGEST)
    (mount,) = cluster["autoscalerOptions"]["volumeMounts"]
    for spec in pod_specs(cluster):
        assert spec["automountServiceAccountToken"] is False
        mounts = spec["containers"][0].get("volumeMounts", [])
        assert mount["name"] not in [each["name"] for each in mounts]
    head, worker = pod_specs(cluster)
    assert mount["name"] in [each["name"] for each in head["volumes"]]
    assert mount["name"] not in [each["name"] for each in worker["volumes"]]


def test_names_a_serve_port_on_the_head_as_kuberay_needs_it() -> None:
    head, _ = pod_specs(raycluster(md(), "1a2b3c4d", DIGEST))
    ports = {port["name"]: port["containerPort"] for port in head["containers"][0]["ports"]}
    assert ports["serve"] == 8000
    assert ports["metrics"] == 8080
    assert {"gcs-server", "dashboard"} <= ports.keys()


def test_runs_no_replica_on_the_head_and_one_in_a_worker() -> None:
    cluster = raycluster(md(), "1a2b3c4d", DIGEST)
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert cluster["workerGroupSpecs"][0]["rayStartParams"]["num-cpus"] == "3"
    with_gpu = raycluster(md(spec__resources={"gpu": {"count": 1}}), "1a2b3c4d", DIGEST)
    assert with_gpu["workerGroupSpecs"][0]["rayStartParams"]["num-cpus"] == "2"


def test_limits_memory_and_gpus_and_never_cpu() -> None:
    gpu = {"count": 2, "resourceName": "amd.com/gpu"}
    resources = {"cpu": "3", "memory": "9Gi", "gpu": gpu}
    _, worker = pod_specs(raycluster(md(spec__resources=resources), "1a2b3c4d", DIGEST))
    assert worker["containers"][0]["resources"] == {
        "requests": {"cpu": "3", "memory": "9Gi"},
        "limits": {"memory": "9Gi", "amd.com/gpu": "2"},
    }


def test_mounts_the_artifact_where_no_other_mount_can_hide_it() -> None:
    claimed = md(spec__model={"id": "a", "source": "pvc://models"})
    for spec in pod_specs(raycluster(claimed, "1a2b3c4d", DIGEST)):
        (volume, *_) = spec["volumes"]
        secret = {"secretName": "smollm2-src-55555555", "defaultMode": 0o444}
        assert volume == {"name": "bastaix-source", "secret": secret}
        mounts = spec["containers"][0]["volumeMounts"]
        paths = {each["mountPath"] for each in mounts}
        assert paths == {"/bastaix/source", "/bastaix/model", "/bastaix/proxy"}
        assert all(each["readOnly"] for each in mounts)


def test_mounts_no_artifact_when_the_code_is_in_the_image() -> None:
    for spec in pod_specs(raycluster(md(), "1a2b3c4d", None)):
        assert "bastaix-source" not in str(spec)


def variables(changed: ModelDeployment) -> dict[str, str | None]:
    _, worker = pod_specs(raycluster(changed, "1a2b3c4d", DIGEST))
    env = worker["containers"][0]["env"]
    names = [each["name"] for each in env]
    assert len(names) == len(set(names)), "a variable is given twice"
    return {each["name"]: each.get("value") for each in env}


def test_asks_the_hub_only_for_a_model_that_is_there() -> None:
    assert "HF_HUB_OFFLINE" not in variables(md(spec__model={"id": "a", "source": "hf://a/b"}))
    assert "HF_HUB_OFFLINE" not in variables(md(spec__model={"id": "a"}))
    offline = variables(md(spec__model={"id": "a", "source": "path:///a"}))
    assert offline["HF_HUB_OFFLINE"] == "1"


def test_gives_a_cpu_engine_its_cache_and_a_gpu_engine_none() -> None:
    assert variables(md())["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert "VLLM_CPU_KVCACHE_SPACE" not in variables(md(spec__resources={"gpu": {"count": 1}}))


def test_lets_the_users_variable_win() -> None:
    env = [{"name": "HOME", "value": "/home/ray"}, {"name": "MINE", "value": "1"}]
    found = variables(md(spec__runtime={"env": env}))
    assert (found["HOME"], found["MINE"], found["RAY_LOG_TO_STDERR"]) == ("/home/ray", "1", "1")


def live(**group: Any) -> dict[str, Any]:
    other = {"groupName": "other", "minReplicas": 0, "maxReplicas": 0}
    return {"spec": {"workerGroupSpecs": [other, {"groupName": "replica", **group}]}}


SCALED = {"minReplicas": 2, "maxReplicas": 5}


def test_patches_a_live_cluster_and_leaves_replicas_alone() -> None:
    patch = scaling_patch(live(minReplicas=1, maxReplicas=1, replicas=1), md(spec__scaling=SCALED))
    assert patch == [
        {"op": "test", "path": "/spec/workerGroupSpecs/1/groupName", "value": "replica"},
        {"op": "add", "path": "/spec/workerGroupSpecs/1/minReplicas", "value": 2},
        {"op": "add", "path": "/spec/workerGroupSpecs/1/maxReplicas", "value": 5},
    ]


@pytest.mark.parametrize("cluster", [live(**SCALED, replicas=3), {"spec": {}}, {}])
def test_patches_nothing_that_needs_no_patch(cluster: dict[str, Any]) -> None:
    assert scaling_patch(cluster, md(spec__scaling=SCALED)) is None


def test_every_pod_has_the_file_that_its_proxy_is_told_to_call() -> None:
    cluster = raycluster(md(), "1a2b3c4d", DIGEST)
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        template, container = group["template"], group["template"]["spec"]["containers"][0]
        (volume,) = [each for each in template["spec"]["volumes"] if "downwardAPI" in each]
        (mount,) = [each for each in container["volumeMounts"] if each["name"] == volume["name"]]
        (item,) = volume["downwardAPI"]["items"]
        (env,) = [each for each in container["env"] if "CALLBACK_IMPORT_PATH" in each["name"]]
        module, function = env["value"].split(".")
        assert item["path"] == f"{module}.py"
        assert mount["mountPath"] in container["args"][0]
        key = item["fieldRef"]["fieldPath"].split("'")[1]
        assert f"def {function}()" in template["metadata"]["annotations"][key]


def test_every_pod_says_to_its_proxy_that_it_is_to_end() -> None:
    for spec in pod_specs(raycluster(md(), "1a2b3c4d", DIGEST)):
        *_, script = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert script.startswith(f"touch {DRAINING}; sleep ")


def test_users_callback_of_the_proxy_takes_the_place_of_ours() -> None:
    theirs = {"name": "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH", "value": "mine.middlewares"}
    for spec in pod_specs(raycluster(md(spec__runtime__env=[theirs]), "1a2b3c4d", DIGEST)):
        env = spec["containers"][0]["env"]
        assert [each for each in env if each["name"] == theirs["name"]] == [theirs]
