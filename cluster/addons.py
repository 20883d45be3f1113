"""What runs in the cluster as Pods before anything of a user's: DNS and KubeRay.

KubeRay's types and permissions are those of its own source, at the version that is built.
"""

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from string import Template

from cluster import images, node, paths, programs
from cluster.progress import Progress

IMAGES = ("pause", "coredns", "kuberay")
DEPLOYMENTS = {"coredns": "kube-system", "kuberay-operator": "kuberay-system"}


class ApplyError(RuntimeError):
    """The API server refused a manifest of ours."""


def ensure_images(progress: Progress) -> dict[str, str]:
    """The images of the addons, in containerd; the pause image under its fixed name as well."""
    references = images.ensure(*IMAGES, progress=progress)
    node.ctr("images", "tag", "--force", references["pause"], node.PAUSE_IMAGE)
    return references


def apply(references: Mapping[str, str]) -> None:
    """Apply everything, again and again with the same outcome."""
    with ThreadPoolExecutor() as pool:
        dns = pool.submit(_apply, "-f", "-", text=_manifest("coredns", references))
        _apply_kuberay(references)
        dns.result()


def _apply_kuberay(references: Mapping[str, str]) -> None:
    config = programs.path("kuberay").parent / "config"
    _apply("-f", str(config / "crd/bases"))
    folder = paths.NODE / "kuberay"
    folder.mkdir(exist_ok=True)
    (folder / "kuberay.yaml").write_text(_manifest("kuberay", references))
    kustomization = {
        "namespace": "kuberay-system",
        # Relative on purpose: kustomize reads no absolute path.
        "resources": ["kuberay.yaml", os.path.relpath(config / "rbac", folder)],
        "sortOptions": {"order": "legacy"},  # the namespace first, the Deployment last
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
    _apply("-k", str(folder))


def _manifest(name: str, references: Mapping[str, str]) -> str:
    return Template((paths.MANIFESTS / f"{name}.yaml").read_text()).substitute(references)


def _apply(*words: str, text: str | None = None) -> None:
    done = node.kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=bastaix-cluster"),
        *words,
        text=text,
    )
    if done.returncode:
        raise ApplyError(f"kubectl apply {' '.join(words)} failed:\n{done.stderr.strip()}")


def wait(progress: Progress) -> None:
    """Until the node is Ready and both Deployments are Available."""
    progress.wait("the node to be Ready", node_ready, seconds=120, hint=_pods)
    for deployment in DEPLOYMENTS:
        progress.wait(
            f"{deployment} to be Available",
            lambda name=deployment: available(name),  # type: ignore[misc]
            seconds=180,
            hint=_pods,
        )


def node_ready() -> bool:
    return _condition(f"node/{node.NAME}", "Ready", "default")


def available(deployment: str) -> bool:
    return _condition(f"deployment/{deployment}", "Available", DEPLOYMENTS[deployment])


def _condition(thing: str, condition: str, namespace: str) -> bool:
    path = f'jsonpath={{.status.conditions[?(@.type=="{condition}")].status}}'
    return node.kubectl("get", thing, "-n", namespace, "-o", path).stdout.strip() == "True"


def _pods() -> str:
    shown = node.kubectl("get", "pods", "--all-namespaces", "-o", "wide").stdout
    return f"the logs are in {paths.LOGS}, the Pods are:\n{shown}"
