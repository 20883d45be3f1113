"""What is done to a cluster to break something in it from outside, and to mend it."""

import json
from pathlib import Path
from string import Template
from typing import Any

from cluster import images, model, node
from demo.kubectl import kubectl
from tests.corpus.cause import Act

IMAGE = "localhost/bastaix/nobody-has:1"
KUBERAY = ("deployment/kuberay-operator", "-n", "kuberay-system")
HUB = Path(__file__).parent / "hub.yaml"


def applying(*manifests: dict[str, Any]) -> Act:
    def act(namespace: str) -> None:
        for manifest in manifests:
            apply(namespace, manifest)

    return act


def apply(namespace: str, manifest: dict[str, Any]) -> None:
    words = ("apply", "--server-side", "-n", namespace, "-f", "-")
    kubectl(*words, stdin=json.dumps(manifest))


def deleting(*objects: str) -> Act:
    def act(namespace: str) -> None:
        words = ("-n", namespace, "--ignore-not-found", "--wait=false")
        kubectl("delete", *objects, *words, "--grace-period=1")

    return act


def secret(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"key": "x"},
    }


def quota(pods: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def limit_range(memory: str) -> dict[str, Any]:
    limits = [{"type": "Container", "max": {"memory": memory}}]
    return {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "small"},
        "spec": {"limits": limits},
    }


def occupant(memory: str) -> dict[str, Any]:
    """A Pod that does nothing but hold memory."""
    container = {
        "name": "pause",
        "image": node.PAUSE_IMAGE,
        "imagePullPolicy": "Never",
        "resources": {"requests": {"memory": memory}, "limits": {"memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "occupant"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }


def claim(namespace: str) -> None:
    """A claim `data` with a volume for it."""
    volume, claimed = (dict(each) for each in model.volume(namespace))
    volume["metadata"] = {"name": f"data-{namespace}"}
    volume["spec"] = volume["spec"] | {"claimRef": {"name": "data", "namespace": namespace}}
    claimed["metadata"] = {"name": "data", "namespace": namespace}
    claimed["spec"] = claimed["spec"] | {"volumeName": f"data-{namespace}"}
    apply(namespace, volume)
    apply(namespace, claimed)


def without_kuberay(_: str) -> None:
    kubectl("scale", *KUBERAY, "--replicas=0")
    kubectl("wait", "pods", *KUBERAY[1:], "--all", "--for=delete", "--timeout=60s")


def with_kuberay(_: str) -> None:
    kubectl("scale", *KUBERAY, "--replicas=1")
    kubectl("rollout", "status", *KUBERAY, "--timeout=60s")


def without_image(_: str) -> None:
    if IMAGE in node.ctr("images", "ls", "-q").split():
        node.ctr("images", "rm", IMAGE)


def with_image(_: str) -> None:
    node.ctr("images", "tag", "--force", images.ensure("ray")["ray"], IMAGE)


def hub(namespace: str) -> None:
    """A fake of the model hub: every model is gated."""
    manifest = Template(HUB.read_text()).substitute(images.ensure("operator"))
    kubectl("apply", "--server-side", "-n", namespace, "-f", "-", stdin=manifest)
    kubectl("wait", "pod/hub", "-n", namespace, "--for=condition=Ready", "--timeout=60s")
