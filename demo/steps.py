"""The steps of the main job, each idempotent: the demo tells them, the e2e tests reuse them.

Everything goes the way a user goes: helm, kubectl, git and HTTP; nothing here knows the operator.
"""

import json
import string
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cluster import githost, images, model, paths, programs
from cluster.progress import Progress
from demo.kubectl import kubectl

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "demo/smollm2.yaml"
RELEASE = "bastaix"
SYSTEM_NAMESPACE = "bastaix-system"
# Worded so that the small model is sure: otherwise the answer hangs on the processor's rounding.
QUESTION = "Name the capital of Italy."
REPOSITORY = "private/serving"
CREDENTIAL = "git-token"
# The Git host is in the cluster and without TLS, both of which the installer must allow by name.
GIT_HOST = [{"host": githost.HOST, "http": True, "private": True}]


def install_operator(image: str, *values: str, root: Path = ROOT) -> None:
    """Install or upgrade the chart, as a user would; returns when the operator is available.

    `root` is the checkout whose chart it is.
    """
    repository, _, tag = image.rpartition(":")
    programs.run(
        programs.path("helm"),
        *("upgrade", "--install", RELEASE, root / "charts/bastaix"),
        *("--namespace", SYSTEM_NAMESPACE, "--create-namespace", "--wait", "--timeout", "3m"),
        *("--set", f"image.repository={repository}", "--set-string", f"image.tag={tag}"),
        *("--set-json", f"source.allowedHosts={json.dumps(GIT_HOST)}"),
        *(word for value in values for word in ("--set", value)),
        KUBECONFIG=str(paths.KUBECONFIG),
    )


def roll_operator_back() -> None:
    """To the revision of the release before, as a user who regrets an upgrade would."""
    programs.run(
        programs.path("helm"),
        *("rollback", RELEASE, "--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "3m"),
        KUBECONFIG=str(paths.KUBECONFIG),
    )


def uninstall_operator() -> None:
    programs.run(
        programs.path("helm"),
        *("uninstall", RELEASE, "--namespace", SYSTEM_NAMESPACE, "--wait", "--timeout", "3m"),
        KUBECONFIG=str(paths.KUBECONFIG),
    )


def publish(progress: Progress) -> str:
    """Push serve_apps to a private repository of the cluster's Git host; gives the full commit."""
    githost.deploy(progress)
    return githost.push(ROOT, REPOSITORY, only="serve_apps")


def credential(namespace: str) -> dict[str, Any]:
    """The Secret that opens the private repository, to the host that it names and no other."""
    user, password = githost.credential()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": CREDENTIAL, "namespace": namespace},
        "stringData": {"hosts": githost.HOST, "username": user, "password": password},
    }


def prepare_namespace(name: str) -> None:
    """A namespace that enforces Pod Security `restricted`, with credential and model in it."""
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        },
    }
    for manifest in (namespace, credential(name), *model.volume(name)):
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(manifest))


def remove_namespace(name: str) -> None:
    """The namespace with all in it, and the volume that was made for it."""
    kubectl("delete", "modeldeployments", "--all", "-n", name)
    kubectl("delete", "namespace", name, "--timeout=180s")
    kubectl("delete", "persistentvolume", f"models-{name}", "--ignore-not-found")


def apply(template: Path, **values: str) -> None:
    """Apply a manifest after putting the values in the places that `${…}` marks."""
    text = filled(template, **values)
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)


def filled(template: Path, **values: str) -> str:
    return string.Template(template.read_text()).substitute(values)


def deployment(name: str, namespace: str) -> dict[str, Any]:
    text = kubectl("get", "modeldeployment", name, "--namespace", namespace, "-o", "json")
    found: dict[str, Any] = json.loads(text)
    return found


def conditions(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    listed = found.get("status", {}).get("conditions", [])
    return {condition["type"]: condition for condition in listed}


def is_ready(found: Mapping[str, Any]) -> bool:
    """Ready in kstatus' sense: the condition speaks of this generation."""
    ready = conditions(found).get("Ready", {})
    return (
        ready.get("status") == "True"
        and ready.get("observedGeneration") == found["metadata"]["generation"]
    )


def say_line(found: Mapping[str, Any]) -> str:
    """What the deployment says of itself, in one line."""
    ready = conditions(found).get("Ready")
    return f"{ready['reason']}: {ready['message']}" if ready else "not seen by the operator yet"


def wait_ready(name: str, namespace: str, *, seconds: float, progress: Progress) -> None:
    """Follow the deployment until it is Ready, a line for each phase; Stalled ends it early."""
    lines = _changes(name, namespace, progress)

    def ready() -> bool:
        found = next(lines)
        stalled = conditions(found).get("Stalled", {})
        current = stalled.get("observedGeneration") == found["metadata"]["generation"]
        if stalled.get("status") == "True" and current:
            raise RuntimeError(f"{name} will not start: {say_line(found)}")
        return is_ready(found)

    progress.wait(
        f"ModelDeployment {namespace}/{name} Ready",
        ready,
        seconds=seconds,
        hint=lambda: say_line(deployment(name, namespace)),
    )


def _changes(name: str, namespace: str, progress: Progress) -> Iterator[dict[str, Any]]:
    spoken = ""
    while True:
        found = deployment(name, namespace)
        if (reason := say_line(found).partition(":")[0]) != spoken:
            progress.say(f"    {say_line(found)}")
            spoken = reason
        yield found


def address(name: str, namespace: str) -> str:
    """The stable Service's address: the node's network is reachable from this machine."""
    return "http://" + kubectl(
        *("get", "service", name, "--namespace", namespace),
        *("-o", "jsonpath={.spec.clusterIP}"),
    )


def ask(base: str, model_id: str, question: str, *, timeout: float = 60) -> dict[str, Any]:
    """One chat completion at temperature 0; the whole answer as OpenAI's clients get it."""
    body = {
        "model": model_id,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": 32,
    }
    request = urllib.request.Request(
        f"{base}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    # No proxy: the address is this machine's own.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=timeout) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def text(answer: Mapping[str, Any]) -> str:
    content: str = answer["choices"][0]["message"]["content"]
    return content


def built(*names: str, progress: Progress) -> Mapping[str, str]:
    """References of the images, and the model, made where they were missing."""
    references = images.ensure(*names, progress=progress)
    model.ensure(progress)
    return references
