"""What one running deployment shows to its user; nothing here changes it."""

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest

from demo import steps
from demo.kubectl import kubectl
from tests.e2e.deployed import Deployed

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        *pod["spec"].get("initContainers", []),
        *pod["spec"]["containers"],
    ]
    return found


def test_a_ready_deployment_answers_through_its_stable_service(echo: Deployed) -> None:
    answer = steps.ask(echo.address, "echo-1", "one two three")
    assert "one two three" in steps.text(answer)


def test_it_streams(echo: Deployed) -> None:
    body = {
        "model": "echo-1",
        "messages": [{"role": "user", "content": "alpha beta gamma"}],
        "stream": True,
    }
    request = urllib.request.Request(
        f"{echo.address}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with NO_PROXY.open(request, timeout=30) as answer:
        events = [line[6:].strip() for line in answer if line.startswith(b"data: ")]
    assert events[-1] == b"[DONE]"
    deltas = [json.loads(event)["choices"] for event in events[:-1]]
    said = [choices[0]["delta"].get("content") for choices in deltas if choices]
    assert len([part for part in said if part]) > 1, "one chunk is no stream"
    assert "alpha beta gamma" in "".join(part or "" for part in said)


def test_kubectl_get_shows_name_ready_reason_commit_url_age(echo: Deployed) -> None:
    table = kubectl("get", "md", echo.name, "-n", echo.namespace).splitlines()
    assert table[0].split() == ["NAME", "READY", "REASON", "COMMIT", "URL", "AGE"]
    name, ready, reason, commit, url, _ = table[1].split()
    assert (name, ready, reason) == (echo.name, "True", "Ready")
    assert url == f"http://{echo.name}.{echo.namespace}.svc/v1"
    assert echo.read()["spec"]["source"]["git"]["commit"].startswith(commit)


def test_kubectl_wait_understands_its_conditions(echo: Deployed) -> None:
    kubectl(
        "wait", f"md/{echo.name}", "-n", echo.namespace, "--for=condition=Ready", "--timeout=5s"
    )
    found = steps.conditions(echo.read())
    true = {kind for kind in found if found[kind]["status"] == "True"}
    assert true == {"Ready", "Serving", "Promoted", "SourceVerified"}


def test_every_container_is_restricted_and_runs_as_uid_1000(echo: Deployed) -> None:
    pods = echo.listed("pods")
    assert {pod["metadata"]["labels"]["ray.io/node-type"] for pod in pods} == {"head", "worker"}
    for pod in pods:
        assert pod["spec"]["enableServiceLinks"] is False
        for container in containers(pod):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, container["name"]
            assert security["capabilities"] == {"drop": ["ALL"]}, container["name"]
    for pod in pods:
        for container in pod["spec"]["containers"]:
            words = ("-n", echo.namespace, "-c", container["name"], "--", "id", "-u")
            assert kubectl("exec", pod["metadata"]["name"], *words).strip() == "1000"


def test_only_the_autoscaler_holds_a_kubernetes_token(echo: Deployed) -> None:
    for pod in echo.listed("pods"):
        holders = {
            container["name"]
            for container in containers(pod)
            for mount in container.get("volumeMounts", [])
            if TOKEN.startswith(mount["mountPath"] + "/")
        }
        head = pod["metadata"]["labels"]["ray.io/node-type"] == "head"
        assert holders == ({"autoscaler"} if head else set())


def test_ray_asks_for_its_token(echo: Deployed) -> None:
    head = next(
        pod
        for pod in echo.listed("pods")
        if pod["metadata"]["labels"]["ray.io/node-type"] == "head"
    )
    request = f"http://{head['status']['podIP']}:8265/api/serve/applications/"
    with pytest.raises(urllib.error.HTTPError) as refused:
        NO_PROXY.open(request, timeout=10)
    assert refused.value.code in (401, 403)


def test_output_of_the_replica_reaches_kubectl_logs(echo: Deployed) -> None:
    selector = f"serving.bastaix.dev/name={echo.name},ray.io/node-type=worker"
    logs = kubectl("logs", "-n", echo.namespace, "-l", selector, "-c", "ray-worker", "--tail=-1")
    assert re.search(r"ServeReplica|Replica\(", logs), logs[-2000:]


def test_no_prompt_is_logged(echo: Deployed) -> None:
    echo.prompt_stays_out_of_the_logs("echo-1")


def test_the_revision_is_kept_without_scaling_in_a_controller_revision(echo: Deployed) -> None:
    (revision,) = echo.listed("controllerrevisions")
    (rayservice,) = echo.listed("rayservices")
    assert revision["metadata"]["name"] == rayservice["metadata"]["name"]
    assert echo.read()["status"]["active"]["revision"] in revision["metadata"]["name"]
    stored = json.dumps(revision["data"])
    assert "minReplicas" not in stored
    assert "autoscaling_config" not in stored
    for owned in (revision, rayservice):
        (owner,) = owned["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == ("ModelDeployment", echo.name)
